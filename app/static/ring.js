// Plays a short synthesised sound: no file to load, and the same in every browser.
const NOTES_HZ = [660, 880, 1320], NOTE_S = 0.28;
let audio;

export const RING_MS = NOTES_HZ.length * NOTE_S * 1000;

export function ring() {
  audio ??= new AudioContext();
  audio.resume(); // silent if the page was never touched; the browser decides
  NOTES_HZ.forEach((frequency, n) => {
    const note = new OscillatorNode(audio, { frequency }), loudness = new GainNode(audio, { gain: 0 });
    const from = audio.currentTime + n * NOTE_S;
    loudness.gain.linearRampToValueAtTime(0.25, from + 0.02);
    loudness.gain.linearRampToValueAtTime(0, from + NOTE_S);
    note.connect(loudness).connect(audio.destination);
    note.start(from);
    note.stop(from + NOTE_S);
  });
}
