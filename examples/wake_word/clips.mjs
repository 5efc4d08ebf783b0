// The list of clips of one split: what is said, and how. It is the same on every run.
//
// A voice is a variant of espeak-ng (a speaker). Accent, speed and pitch are drawn for each clip.
// No voice is in both splits, and no text except the wake word.
import { readFileSync } from 'node:fs';

const VOICES = {
    calibration: ['adam', 'Alex', 'Alicia', 'Andy', 'Annie', 'antonio', 'belinda', 'benjamin', 'caleb',
        'david', 'Denis', 'Diogo', 'ed', 'edward', 'Gene', 'gustave', 'Henrique', 'Hugo', 'iven', 'iven3',
        'Jacky', 'john', 'Lee', 'linda', 'Marcelo', 'Mario', 'max', 'michel', 'miguel', 'Nguyen', 'pablo',
        'paul', 'rob', 'steph', 'steph3', 'travis', 'f1', 'f3', 'f5', 'm1', 'm3', 'm5', 'm7', 'klatt',
        'klatt3'],
    test: ['Andrea', 'aunty', 'boris', 'edward2', 'Gene2', 'iven2', 'Marco', 'Michael', 'Mike',
        'pedro', 'quincy', 'robert', 'steph2', 'zac', 'anika', 'victor', 'sandro', 'f2', 'f4', 'm2', 'm4',
        'm6', 'm8', 'klatt2'],
};
const ACCENTS = ['en-gb', 'en-us', 'en-gb-x-rp', 'en-gb-scotland', 'en-gb-x-gbclan', 'en-gb-x-gbcwmd',
    'en-029', 'en-us-nyc'];
export const WAKE_WORD = 'alexa';
const COMMANDS = {
    calibration: ['what time is it', 'play some music', 'stop', 'turn on the light'],
    test: ['set a timer', 'how is the weather', 'good morning', 'call my sister'],
};
const NEAR_MISSES = {
    calibration: ['a lexus', 'electra', 'alexander', 'a lexicon', 'relax a bit', 'elect a mayor', 'alleged',
        'a next one'],
    test: ['alexis', 'alaska', 'a letter', 'alec sat down', 'election day', 'he likes her', 'all excited',
        'a laxative'],
};
const FORTUNES = ['/usr/share/games/fortunes/literature', '/usr/share/games/fortunes/fortunes'];
const OF_A_VOICE = { alone: 3, commands: 7, nearMisses: 8, fortunes: 8 };

// Random numbers in 0 ... 1: splitmix64 (Steele, Lea & Flood 2014).
export function generator(seed) {
    let state = BigInt(seed);
    return () => {
        state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
        let z = state;
        z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
        z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
        return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
    };
}

// Lines of plain words, a few seconds long. Each split has every other line.
function otherText(split) {
    const lines = FORTUNES.flatMap((path) => readFileSync(path, 'latin1').split('\n'))
        .map((line) => line.trim())
        .filter((line) => /^[A-Za-z',. ]{20,45}$/.test(line) && !/alex/i.test(line));
    return lines.filter((_, i) => i % 2 === (split === 'test' ? 1 : 0));
}

// Kinds of clips.
export const WAKE = 1;
export const NEAR_MISS = 2;
export const OTHER = 3;

// Returns [{ text, kind, espeak, noise, gain, seed }]. espeak: options of the program; noise: in
// decibels below the speech.
export function clips(split) {
    const random = generator(split === 'test' ? 2 : 1);
    const draw = (list) => list[Math.floor(random() * list.length)];
    const others = otherText(split);
    const list = [];
    const add = (voice, text, kind) => list.push({
        text, kind,
        espeak: ['-v', `${draw(ACCENTS)}+${voice}`, '-s', String(Math.round(130 + 60 * random())),
            '-p', String(Math.round(30 + 40 * random()))],
        noise: draw([40, 20, 10, 5]),
        gain: draw([0.5, 0.2, 0.08]),
        seed: list.length + (split === 'test' ? 1000000 : 0),
    });
    for (const voice of VOICES[split]) {
        for (let k = 0; k < OF_A_VOICE.alone; k++) add(voice, WAKE_WORD, WAKE);
        for (let k = 0; k < OF_A_VOICE.commands; k++)
            add(voice, `${WAKE_WORD}, ${draw(COMMANDS[split])}`, WAKE);
        for (let k = 0; k < OF_A_VOICE.nearMisses; k++) add(voice, draw(NEAR_MISSES[split]), NEAR_MISS);
        for (let k = 0; k < OF_A_VOICE.fortunes; k++) add(voice, draw(others), OTHER);
    }
    return list;
}
