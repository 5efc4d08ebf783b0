// Compute the inputs of wake-word models, with the package's own mel spectrogram and embedding.
//
//     node features.mjs MODELS SPLIT DIRECTORY
//
// MODELS: the package's folder of models. SPLIT: calibration or test. Node must find
// onnxruntime-node from DIRECTORY. Speech is synthesised once for all models. Writes three files of
// float32 for each model (alexa, weather), one row for each 80 ms from when its window is full:
//
//     DIRECTORY/MODEL/SPLIT_X.npy       16 (alexa) or 22 (weather) embeddings of 96 numbers, oldest
//                                       first
//     DIRECTORY/MODEL/SPLIT_rows.npy    the number of the clip; its kind, see clips.mjs; and 1 if
//                                       the wake word has ended within the last half second, 0 in
//                                       clips without it, -1 otherwise
//     DIRECTORY/MODEL/SPLIT_scores.npy  the model's own score
import { mkdirSync, mkdtempSync, openSync, writeSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { clips, WAKE } from './clips.mjs';
import { synthesise, RATE } from './speech.mjs';

const [models, split, directory] = process.argv.slice(2);
if (process.argv.length !== 5 || !['calibration', 'test'].includes(split)) {
    console.error('usage: node features.mjs MODELS calibration|test DIRECTORY');
    process.exit(2);
}
const ort = createRequire(resolve(directory, 'x'))('onnxruntime-node');

// Each frame of 1280 samples is passed with the 480 samples before it. Windows of the spectrogram
// are 512 long and 160 apart, so frames join without gaps (8 rows a frame), as in training.
const FRAME = 1280;
const BEFORE = 480;
const BANDS = 32;
const WINDOW = 76;
const STEP = FRAME / 160;
const EMBEDDING = 96;
const HISTORY = { alexa: 16, weather: 22 }; // embeddings in the window

async function open(file) {
    const session = await ort.InferenceSession.create(join(models, file),
        { intraOpNumThreads: 1, interOpNumThreads: 1 });
    return async (data, dims) => {
        const tensor = new ort.Tensor('float32', data, dims);
        const results = await session.run({ [session.inputNames[0]]: tensor });
        return results[session.outputNames[0]].data;
    };
}

const melspectrogram = await open('melspectrogram.onnx');
const embedding = await open('embedding_model.onnx');

// Returns one row of BANDS numbers for each 10 ms.
async function melRows(sound) {
    const rows = [];
    for (let at = BEFORE; at + FRAME <= sound.length; at += FRAME) {
        const mel = await melspectrogram(sound.slice(at - BEFORE, at + FRAME), [1, BEFORE + FRAME]);
        for (let k = 0; k < mel.length; k++) rows.push(mel[k] / 10 + 2);
    }
    return Float32Array.from(rows);
}

async function embeddings(mel) {
    const count = Math.floor((mel.length / BANDS - WINDOW) / STEP) + 1;
    const windows = new Float32Array(count * WINDOW * BANDS);
    for (let k = 0; k < count; k++)
        windows.set(mel.subarray(k * STEP * BANDS, (k * STEP + WINDOW) * BANDS), k * WINDOW * BANDS);
    return embedding(windows, [count, WINDOW, BANDS, 1]);
}

function npyHeader(rows, columns) {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
    const header = Buffer.alloc(128, ' ');
    header.write('\x93NUMPY\x01\x00', 'latin1');
    header.writeUInt16LE(118, 8);
    header.write(text, 10);
    header[127] = 10;
    return header;
}

const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

class Model {
    constructor(name, score) {
        this.name = name;
        this.score = score;
        this.history = HISTORY[name];
        this.columns = this.history * EMBEDDING;
        this.about = [];
        this.scores = [];
        mkdirSync(join(directory, name), { recursive: true });
        this.inputs = openSync(this.path('X'), 'w');
        writeSync(this.inputs, npyHeader(0, this.columns));
    }

    path(what) {
        return join(directory, this.name, `${split}_${what}.npy`);
    }

    // all: the embeddings of a clip, number `number`.
    async hear(number, clip, wordEnd, all) {
        for (let k = 0; k + this.history <= all.length / EMBEDDING; k++) {
            const x = Float32Array.from(all.subarray(k * EMBEDDING, k * EMBEDDING + this.columns));
            const end = BEFORE + (STEP * (k + this.history - 1) + WINDOW) * 160;
            const since = (end - wordEnd) / RATE;
            writeSync(this.inputs, bytes(x));
            this.about.push(number, clip.kind, clip.kind !== WAKE ? 0 : since >= 0 && since < 0.5 ? 1 : -1);
            this.scores.push((await this.score(x, [1, this.history, EMBEDDING]))[0]);
        }
    }

    write(what, columns, values) {
        const array = Float32Array.from(values);
        writeFileSync(this.path(what), Buffer.concat([npyHeader(array.length / columns, columns), bytes(array)]));
    }

    close() {
        writeSync(this.inputs, npyHeader(this.scores.length, this.columns), 0, 128, 0);
        closeSync(this.inputs);
        this.write('rows', 3, this.about);
        this.write('scores', 1, this.scores);
    }
}

const hearing = [];
for (const name of Object.keys(HISTORY)) hearing.push(new Model(name, await open(`${name}_v0.1.onnx`)));
const work = mkdtempSync(join(tmpdir(), 'wake-word-'));
for (const [number, clip] of clips(split).entries()) {
    const { sound, wordEnd } = synthesise(clip, join(work, 'speech.wav'));
    const all = await embeddings(await melRows(sound));
    for (const model of hearing)
        if (clip.models.includes(model.name)) await model.hear(number, clip, wordEnd, all);
}
rmSync(work, { recursive: true });
for (const model of hearing) model.close();
