// Synthesise clips: espeak-ng's speech at 16 kHz with noise added, after some seconds of noise
// only.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { generator } from './clips.mjs';

export const RATE = 16000;
const TAIL = 0.64 * RATE;
const TAPS = 24; // of the resampling filter, on each side

// Reads a mono file of 16 bits. Returns [samples in -1 ... 1, rate].
function readWav(path) {
    const bytes = readFileSync(path);
    let at = 12;
    while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
    const samples = new Float32Array((bytes.length - at - 8) >> 1);
    for (let k = 0; k < samples.length; k++) samples[k] = bytes.readInt16LE(at + 8 + 2 * k) / 32768;
    return [samples, bytes.readUInt32LE(24)];
}

// Resamples to RATE: a sinc under a Hann window, with its cutoff at 0.95 of the lower Nyquist
// frequency.
function resample(samples, rate) {
    const cut = 0.95 * Math.min(1, RATE / rate);
    const out = new Float32Array(Math.floor((samples.length * RATE) / rate));
    for (let i = 0; i < out.length; i++) {
        const t = (i * rate) / RATE;
        const middle = Math.floor(t);
        let sum = 0;
        for (let k = Math.max(0, middle - TAPS + 1); k <= Math.min(samples.length - 1, middle + TAPS); k++) {
            const u = t - k;
            const sinc = u === 0 ? cut : Math.sin(Math.PI * cut * u) / (Math.PI * u);
            sum += samples[k] * sinc * (0.5 + 0.5 * Math.cos((Math.PI * u) / (TAPS + 1)));
        }
        out[i] = sum;
    }
    return out;
}

// Returns the speech without the silence before and after it.
function say(text, options, file) {
    execFileSync('espeak-ng', [...options, '-w', file, text]);
    const sound = resample(...readWav(file));
    const loud = 0.02 * sound.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    let first = 0;
    let last = sound.length;
    while (first < last && Math.abs(sound[first]) <= loud) first++;
    while (last > first && Math.abs(sound[last - 1]) <= loud) last--;
    return sound.subarray(first, last);
}

// Returns { sound, wordEnd }. sound: whole numbers of 16 bits, as the model was trained on.
// wordEnd: the sample where the wake word ends, measured by letting espeak-ng say only that word.
export function synthesise(clip, file) {
    const random = generator(clip.seed);
    const speech = say(clip.text, clip.espeak, file);
    const word = clip.wake ? say(clip.wake, clip.espeak, file).length : 0;
    const begin = clip.lead * RATE + Math.floor(1280 * random());
    const sound = new Float32Array(begin + speech.length + TAIL);
    let peak = 0;
    let power = 0;
    for (const v of speech) {
        peak = Math.max(peak, Math.abs(v));
        power += (v * v) / speech.length;
    }
    const scale = (32767 * clip.gain) / peak;
    const noise = scale * Math.sqrt(power) * 10 ** (-clip.noise / 20);
    let slow = 0; // half of the power of the noise is at low frequencies, as in rooms
    for (let k = 0; k < sound.length; k++) {
        const white = Math.sqrt(12) * (random() - 0.5);
        slow = 0.95 * slow + Math.sqrt(1 - 0.95 * 0.95) * Math.sqrt(12) * (random() - 0.5);
        sound[k] = noise * Math.SQRT1_2 * (white + slow);
    }
    for (let k = 0; k < speech.length; k++) sound[begin + k] += scale * speech[k];
    for (let k = 0; k < sound.length; k++) sound[k] = Math.max(-32768, Math.min(32767, Math.round(sound[k])));
    return { sound, wordEnd: begin + word };
}
