// Reads QR codes from the camera's picture, with the browser's own detector or, without one, `qr-decode.js`.
const EVERY_MS = 120, SIDE_MAX = 800;

async function ownDetector() {
  if (!("BarcodeDetector" in globalThis)) return null;
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

// The text of the code in a picture, or "".
export async function readerOf(video) {
  const detector = await ownDetector();
  if (detector) return async () => (await detector.detect(video))[0]?.rawValue ?? "";
  const { decodeQR } = await import("./qr-decode.js");
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
  return async () => {
    const scale = Math.min(1, SIDE_MAX / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      return ""; // no code in it
    }
  };
}

// Shows the camera's picture and calls `found` with each text read, until `stop` of the returned object is called.
export async function openCamera(video, found) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } },
  });
  video.srcObject = stream;
  await video.play();
  const read = await readerOf(video);
  let running = true;
  const look = async () => {
    if (!running) return;
    if (!document.hidden && video.videoWidth) {
      const text = await read().catch(() => "");
      if (text && running) found(text);
    }
    setTimeout(look, EVERY_MS);
  };
  look();
  return { stop: () => { running = false; stream.getTracks().forEach((it) => it.stop()); } };
}
