// Pointer, wheel, touch and keys to pans and zooms.

const WHEEL_RATE = 0.0016; // of log-magnification per pixel of scrolling: a notch is a quarter
const PINCH_RATE = 0.01; // a trackpad's pinch comes as a wheel with Ctrl, in small steps
const FRICTION_MS = 160;
const MEMORY_MS = 80;
const PAN_STEP = 0.2; // of the panel, per arrow key

/**
 * canvas: listens on it.  act: {pan(dx, dy), zoom(dx, dy, factor), fly(dx, dy, factor), glide(dx, dy), hold(),
 * hover(dx, dy) or hover(null)}, all in CSS pixels from the canvas's centre.
 */
export function listen(canvas, act) {
  const pointers = new Map();
  let trail = [];

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { dx: event.clientX - box.left - box.width / 2, dy: event.clientY - box.top - box.height / 2 };
  };
  const middle = () => {
    const all = [...pointers.values()];
    const mean = (pick) => all.reduce((sum, each) => sum + pick(each), 0) / all.length;
    const [dx, dy] = [mean((p) => p.dx), mean((p) => p.dy)];
    return { dx, dy, spread: mean((p) => Math.hypot(p.dx - dx, p.dy - dy)), count: all.length };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    trail = [];
    act.hold();
    canvas.classList.add("dragging");
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (!pointers.has(event.pointerId)) {
      act.hover(now.dx, now.dy);
      return;
    }
    const before = middle();
    pointers.set(event.pointerId, now);
    const after = middle();
    act.pan(after.dx - before.dx, after.dy - before.dy);
    if (after.count > 1 && before.spread > 0) act.zoom(after.dx, after.dy, after.spread / before.spread);
    trail.push({ t: event.timeStamp, dx: after.dx - before.dx, dy: after.dy - before.dy });
    if (event.pointerType === "mouse") act.hover(now.dx, now.dy);
  });
  const release = (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    canvas.classList.remove("dragging");
    trail = trail.filter((each) => event.timeStamp - each.t < MEMORY_MS); // a hand that came to rest lets go of nothing
    const span = trail.length > 1 ? event.timeStamp - trail[0].t : 0;
    if (event.type === "pointerup" && span > 0) {
      const speed = (pick) => trail.reduce((sum, each) => sum + pick(each), 0) / Math.max(span, 16);
      act.glide(speed((each) => each.dx) * FRICTION_MS, speed((each) => each.dy) * FRICTION_MS);
    }
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", (event) => {
    if (!pointers.size && event.pointerType === "mouse") act.hover(null);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { dx, dy } = place(event);
      const pixels = event.deltaY * [1, 16, 160][event.deltaMode];
      act.hold();
      act.zoom(dx, dy, Math.exp(-pixels * (event.ctrlKey ? PINCH_RATE : WHEEL_RATE)));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    const { dx, dy } = place(event);
    act.fly(dx, dy, event.shiftKey ? 0.5 : 2);
  });
}

/** Keys of the whole page.  act: {step(across, down), fly(dx, dy, factor)}.  letters: a function for every other key. */
export function listenToKeys(act, letters) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const zooms = { "+": 2, "=": 2, "-": 0.5, "−": 0.5 };
    if (event.key in arrows && event.target.closest("#readout")) return; // which they scroll
    if (event.key in arrows) act.step(...arrows[event.key].map((part) => part * PAN_STEP));
    else if (event.key in zooms) act.fly(0, 0, zooms[event.key]);
    else if (event.key.toLowerCase() in letters) letters[event.key.toLowerCase()]();
    else return;
    event.preventDefault();
  });
}
