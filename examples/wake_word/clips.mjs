// The list of clips of one split: what is said, and how. It is the same on every run.
//
// A voice is a variant of espeak-ng (a speaker). Accent, speed and pitch are drawn for each clip.
// No voice is in both splits, and no text except the wake words.
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

// What wakes each model, what is said after it, and what sounds like it. The weather model wakes at
// the phrases that its documentation lists.
const SPEECH = {
    alexa: {
        wake: ['alexa'],
        separator: ', ',
        after: {
            calibration: ['what time is it', 'play some music', 'stop', 'turn on the light'],
            test: ['set a timer', 'how is the weather', 'good morning', 'call my sister'],
        },
        nearMisses: {
            calibration: ['a lexus', 'electra', 'alexander', 'a lexicon', 'relax a bit', 'elect a mayor',
                'alleged', 'a next one'],
            test: ['alexis', 'alaska', 'a letter', 'alec sat down', 'election day', 'he likes her',
                'all excited', 'a laxative'],
        },
    },
    weather: {
        wake: ['what is the weather', "what's the weather", "what's today's weather", 'tell me the weather',
            "tell me today's weather"],
        separator: ' ',
        after: {
            calibration: ['in london', 'at home', 'this evening', 'on the coast'],
            test: ['in paris', 'up north', 'right now', 'for my trip'],
        },
        nearMisses: {
            calibration: ['what is the matter', 'tell me the answer', 'whether or not', 'what is the time',
                "what's the letter", "today's news", 'a feather', 'tell me the recipe'],
            test: ['what is the number', 'tell me the story', 'all together', "what's today's date",
                "what's the measure", 'tell me whether he came', 'leather', 'how was the dinner'],
        },
    },
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

// Returns [{ voice, models, text, wake, kind, espeak, noise, gain, lead, seed }], voice by voice.
// models: those that hear the clip; wake: the wake word in it, if any; espeak: options of the program;
// noise: in decibels below the speech; lead: seconds before the speech, which fill the window of the
// models.
export function clips(split) {
    const test = split === 'test';
    const list = [];
    const others = otherText(split);
    const begin = (models, lead, seed) => {
        const random = generator(seed);
        const draw = (from) => from[Math.floor(random() * from.length)];
        const add = (voice, text, kind, wake, of = models) => list.push({
            voice, models: of, text, wake, kind, lead,
            espeak: ['-v', `${draw(ACCENTS)}+${voice}`, '-s', String(Math.round(130 + 60 * random())),
                '-p', String(Math.round(30 + 40 * random()))],
            noise: draw([40, 20, 10, 5]),
            gain: draw([0.5, 0.2, 0.08]),
            seed: list.length + (test ? 1000000 : 0),
        });
        return { draw, add };
    };
    const addWake = ({ draw, add }, voice, { wake, separator, after }, count) => {
        for (let k = 0; k < count; k++) {
            const phrase = wake.length > 1 ? draw(wake) : wake[0];
            add(voice, after ? phrase + separator + draw(after[split]) : phrase, WAKE, phrase);
        }
    };
    const addModel = (by, voice, speech) => {
        addWake(by, voice, { wake: speech.wake }, OF_A_VOICE.alone);
        addWake(by, voice, speech, OF_A_VOICE.commands);
        for (let k = 0; k < OF_A_VOICE.nearMisses; k++)
            by.add(voice, by.draw(speech.nearMisses[split]), NEAR_MISS);
    };
    const alexa = begin(['alexa'], 2, test ? 2 : 1);
    const weather = begin(['weather'], 2.5, test ? 4 : 3);

    for (const voice of VOICES[split]) {
        addModel(alexa, voice, SPEECH.alexa);
        for (let k = 0; k < OF_A_VOICE.fortunes; k++)
            alexa.add(voice, alexa.draw(others), OTHER, undefined, ['alexa', 'weather']);
    }
    for (const voice of VOICES[split]) addModel(weather, voice, SPEECH.weather);
    return VOICES[split].flatMap((voice) => list.filter((clip) => clip.voice === voice));
}
