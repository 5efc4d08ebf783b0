// Compute the inputs of a wake-word model, with the package's own mel spectrogram and embedding.
//
//     node features.mjs MODELS SPLIT DIRECTORY
//
// MODELS: the package's folder of models. SPLIT: calibration or test. Node must find
// onnxruntime-node from DIRECTORY. Writes three files of float32, one row for each 80 ms from when
// the window is full:
//
//     DIRECTORY/SPLIT_X.npy       16 embeddings of 96 numbers, oldest first
//     DIRECTORY/SPLIT_rows.npy    the number of the clip; its kind, see clips.mjs; and 1 if the
//                                 wake word has ended within the last half second, 0 in clips
//                                 without it, -1 otherwise
//     DIRECTORY/SPLIT_scores.npy  the model's own score
import { mkdtempSync, openSync, writeSync, closeSync, rmSync, writeFileSync } from 'node:fs';
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
const HISTORY = 16;
const INPUTS = HISTORY * EMBEDDING;

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
const wakeWord = await open('alexa_v0.1.onnx');

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

function writeNpy(name, columns, values) {
    const array = Float32Array.from(values);
    writeFileSync(join(directory, `${split}_${name}.npy`),
        Buffer.concat([npyHeader(array.length / columns, columns), bytes(array)]));
}

const work = mkdtempSync(join(tmpdir(), 'wake-word-'));
const inputs = openSync(join(directory, `${split}_X.npy`), 'w');
const about = [];
const scores = [];
writeSync(inputs, npyHeader(0, INPUTS));
for (const [number, clip] of clips(split).entries()) {
    const { sound, wordEnd } = synthesise(clip, join(work, 'speech.wav'));
    const all = await embeddings(await melRows(sound));
    for (let k = 0; k + HISTORY <= all.length / EMBEDDING; k++) {
        const x = Float32Array.from(all.subarray(k * EMBEDDING, k * EMBEDDING + INPUTS));
        const end = BEFORE + (STEP * (k + HISTORY - 1) + WINDOW) * 160;
        const since = (end - wordEnd) / RATE;
        writeSync(inputs, bytes(x));
        about.push(number, clip.kind, clip.kind !== WAKE ? 0 : since >= 0 && since < 0.5 ? 1 : -1);
        scores.push((await wakeWord(x, [1, HISTORY, EMBEDDING]))[0]);
    }
}
writeSync(inputs, npyHeader(scores.length, INPUTS), 0, 128, 0);
closeSync(inputs);
rmSync(work, { recursive: true });
writeNpy('rows', 3, about);
writeNpy('scores', 1, scores);
