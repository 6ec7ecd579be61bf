// Smooth moves from view to view.

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Flight {
  /** current(): the view now.  look(view): shows one. */
  constructor(current, look) {
    this.current = current;
    this.look = look;
    this.frame = 0;
    this.goal = null;
  }

  /** Where we are, or will be: a second press goes on from what the first one asked for. */
  get ahead() {
    return this.goal ?? this.current();
  }

  /** Stop where we are. */
  land() {
    cancelAnimationFrame(this.frame);
    this.goal = null;
  }

  /** Move to another view: the magnification by equal factors, the centre so that the target is never lost sight of. */
  to(goal, duration_ms) {
    this.land();
    if (calm.matches) {
      this.look(goal);
      return;
    }
    const from = { ...this.current() };
    const ratio = goal.scale / from.scale;
    const start = performance.now();
    const advance = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / duration_ms));
      if (t === 1) {
        this.goal = null;
        this.look(goal);
        return;
      }
      this.frame = requestAnimationFrame(advance);
      const eased = 1 - (1 - t) ** 3;
      const factor = ratio ** eased;
      const way = Math.abs(ratio - 1) < 1e-6 ? eased : (factor - 1) / (ratio - 1);
      const between = (name) => from[name] + (goal[name] - from[name]) * way;
      this.look({ x: between("x"), y: between("y"), scale: from.scale * factor });
    };
    this.goal = goal;
    this.frame = requestAnimationFrame(advance);
  }
}
