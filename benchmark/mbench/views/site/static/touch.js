// Pointer, wheel, fingers and keys on a picture, as what they mean there. Distances are shares of its width and height.
"use strict";
const Touch = (function () {
  const WHEEL_RATE = 0.0023, PINCH_RATE = 0.014; // octaves a pixel; a trackpad's pinch comes as a wheel with Ctrl
  const STILL_PX = 6; // what moves less is a click
  let scrolled = -Infinity; // when the page last moved under the pointer

  addEventListener("scroll", () => { scrolled = performance.now(); }, { passive: true });

  // act: {isFree(by), pan(u, v), zoom(u, v, by), fly(u, v, by), press(u, v), point(u, v) or point(null), whole()}.
  // isFree: may the picture still turn that way? Where it may not, the wheel is the page's.
  function listen(frame, act) {
    const fingers = new Map();
    let moved = -Infinity, travelled = 0;

    function place(event) {
      const box = frame.getBoundingClientRect();
      return { u: (event.clientX - box.left) / box.width - 0.5, v: (event.clientY - box.top) / box.height - 0.5 };
    }

    function middle() {
      const all = [...fingers.values()];
      const mean = (pick) => all.reduce((sum, each) => sum + pick(each), 0) / all.length;
      const [u, v] = [mean((f) => f.u), mean((f) => f.v)];
      return { u, v, apart: mean((f) => Math.hypot(f.u - u, f.v - v)) };
    }

    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      if (fingers.size === 1) travelled = 0;
    });
    frame.addEventListener("pointermove", (event) => {
      moved = performance.now();
      const now = place(event);
      if (event.pointerType === "mouse") act.point(now.u, now.v);
      if (!fingers.has(event.pointerId)) return;
      const before = middle();
      fingers.set(event.pointerId, now);
      const after = middle();
      travelled += Math.hypot((after.u - before.u) * frame.clientWidth, (after.v - before.v) * frame.clientHeight);
      act.pan(after.u - before.u, after.v - before.v);
      if (fingers.size > 1 && before.apart > 0) {
        travelled = Infinity;
        act.zoom(after.u, after.v, Math.log2(after.apart / before.apart));
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, (event) => {
        const { u, v } = place(event);
        if (fingers.delete(event.pointerId) && !fingers.size && end === "pointerup" && travelled < STILL_PX) act.press(u, v);
      });
    }
    frame.addEventListener("pointerleave", () => act.point(null));
    frame.addEventListener("wheel", (event) => {
      const pixels = event.deltaY * [1, 16, 160][event.deltaMode];
      const by = -pixels * (event.ctrlKey ? PINCH_RATE : WHEEL_RATE);
      // Who scrolls the page and finds the picture under the pointer goes on scrolling.
      const isMeant = event.ctrlKey || document.activeElement === frame || moved > scrolled;
      if (!isMeant || !act.isFree(by)) return;
      event.preventDefault();
      const { u, v } = place(event);
      act.zoom(u, v, by);
    }, { passive: false });
    frame.addEventListener("dblclick", (event) => {
      const { u, v } = place(event);
      act.fly(u, v, event.shiftKey ? -1 : 1);
    });
    frame.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: [0.2, 0], ArrowRight: [-0.2, 0], ArrowUp: [0, 0.2], ArrowDown: [0, -0.2] }[event.key];
      const by = { "+": 1, "=": 1, "-": -1, "−": -1 }[event.key];
      if (step) act.pan(...step);
      else if (by) act.fly(0, 0, by);
      else if (event.key === "0") act.whole();
      else return;
      event.preventDefault();
    });
  }

  return { listen };
})();
