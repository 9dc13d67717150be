// Touch, mouse and wheel on the map: drag to pan, pinch or wheel to zoom, tap to choose.
const TAP_PX = 8, WHEEL = 0.0016;

// `tap(x, y, isTouch)` and `hover(x, y)` get pixels of the canvas; hover(null) when the pointer leaves.
export function listen(canvas, view, { tap, hover }) {
  const fingers = new Map();
  let moved = 0, pinched = 0;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { apart: Math.hypot(a[0] - b[0], a[1] - b[1]), x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, at(event));
    if (event.pointerType !== "touch" || !view.isWhole()) canvas.setPointerCapture(event.pointerId);
    if (fingers.size === 2) pinched = spread().apart;
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = at(event), before = fingers.get(event.pointerId);
    if (!before) return void hover(...here);
    const [x, y] = [here[0] - before[0], here[1] - before[1]];
    moved += Math.abs(x) + Math.abs(y);
    const was = fingers.size === 2 ? spread() : null;
    fingers.set(event.pointerId, here);
    if (was) {
      const now = spread();
      view.move(now.x - was.x, now.y - was.y);
      if (pinched && now.apart) view.zoom(now.apart / pinched, now.x, now.y);
      pinched = now.apart;
      moved = Infinity; // two fingers never tap
    } else if (moved > TAP_PX) {
      hover(null);
      view.move(x, y);
    }
  });

  canvas.addEventListener("pointerup", (event) => {
    const known = fingers.delete(event.pointerId);
    if (known && !fingers.size && moved <= TAP_PX) tap(...at(event), event.pointerType !== "mouse");
  });
  for (const name of ["pointercancel", "lostpointercapture"]) canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => hover(null));

  canvas.addEventListener("wheel", (event) => {
    if (event.deltaY > 0 && view.isWhole()) return; // fully zoomed out: the page scrolls
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    view.zoom(Math.exp(-event.deltaY * lines * WHEEL * (event.ctrlKey ? 4 : 1)), ...at(event));
    hover(...at(event));
  }, { passive: false });
}
