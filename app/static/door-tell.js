// Shows a verdict so that nobody misses it: colour, large text, and distinct sounds and vibrations for yes and no.
const SOUNDS = { good: [[880, 0.12], [1320, 0.18]], bad: [[220, 0.35], [165, 0.45]], warn: [[440, 0.3]] };
const SHAKES = { good: [80], bad: [250, 80, 250, 80, 250], warn: [150] };
const LOUD = 0.3;
let audio;

// Browsers play no sound before the user has touched the page.
export function wake() {
  if (!("AudioContext" in globalThis)) return;
  audio ??= new AudioContext();
  audio.resume();
}

function play(kind) {
  if (!audio) return;
  let from = audio.currentTime;
  for (const [frequency, length] of SOUNDS[kind]) {
    const note = new OscillatorNode(audio, { frequency, type: kind === "bad" ? "square" : "sine" });
    const loudness = new GainNode(audio, { gain: LOUD });
    loudness.gain.setValueAtTime(LOUD, from + length - 0.03);
    loudness.gain.linearRampToValueAtTime(0, from + length);
    note.connect(loudness).connect(audio.destination);
    note.start(from);
    note.stop(from + length);
    from += length;
  }
}

export function tell(place, { kind, word, detail = "", note = "" }, loud) {
  const lines = [["verdict-word", word], ["", detail], ["small", note]].filter(([, text]) => text);
  place.className = `verdict ${kind}`;
  place.replaceChildren(...lines.map(([name, text]) => {
    const line = document.createElement("p");
    line.className = name;
    line.textContent = text;
    return line;
  }));
  place.classList.remove("flash");
  void place.offsetWidth; // restarts the animation, so that the same verdict flashes again
  place.classList.add("flash");
  if (!loud) return;
  play(kind);
  navigator.vibrate?.(SHAKES[kind]);
}
