// The plane that recorded pictures lie in: what is looked at, and which picture shows it finest. Draws on a canvas.
// A view: {x, y, octave}, its centre and how many times it is halved; octave 0 shows the task's whole window.
"use strict";
const Plane = (function () {
  const EDGE = 3; // pixels of a panel, where it is at its finest, that blend with the next one's

  // told: {lower, upper, octaves, size, landmarks: [{name, x, y}]}.  Returns what knows the pictures' places.
  function survey(told) {
    const [[left, bottom], [right, top]] = [told.lower, told.upper];
    const [width, height] = [right - left, top - bottom];
    const deepest = told.octaves - 1;
    const between = (value, a, b) => Math.min(Math.max(value, a), b);

    // The view nearest to a wanted one that lies in the window.
    function clamp({ x, y, octave }) {
      const kept = between(octave, 0, deepest);
      const [w, h] = [width / 2 ** kept / 2, height / 2 ** kept / 2];
      return { x: between(x, left + w, right - w), y: between(y, bottom + h, top - h), octave: kept };
    }

    const at = (landmark, octave) => clamp({ ...told.landmarks[landmark], octave });
    const whole = clamp({ x: 0, y: 0, octave: 0 });

    // The windows of a sheet, in the order that their scores have: the whole one, then landmark by landmark.
    const panels = [{ ...whole, column: 0, row: 0 }];
    for (const row of told.landmarks.keys()) {
      for (let octave = 1; octave <= deepest; octave++) panels.push({ ...at(row, octave), column: octave, row });
    }

    // The panel that a view shows, as good as exactly; -1 where it is another place.
    function panelOf(view) {
      return panels.findIndex((panel) => Math.abs(panel.octave - view.octave) < 0.02 &&
        Math.abs(panel.x - view.x) < 0.01 * width / 2 ** view.octave && Math.abs(panel.y - view.y) < 0.01 * height / 2 ** view.octave);
    }

    // The deepest octave that pictures show about a view's centre.
    function depthAt({ x, y }) {
      const held = panels.filter((p) => 2 * Math.abs(x - p.x) <= width / 2 ** p.octave && 2 * Math.abs(y - p.y) <= height / 2 ** p.octave);
      return Math.max(...held.map((panel) => panel.octave));
    }

    // How far a place is from a view's centre, in shares of its width and height; y grows downwards.
    function placeIn(view, { x, y }) {
      return { u: ((x - view.x) / width) * 2 ** view.octave, v: ((view.y - y) / height) * 2 ** view.octave };
    }

    // The place at such a distance.
    function pointIn(view, u, v) {
      return { x: view.x + (u * width) / 2 ** view.octave, y: view.y - (v * height) / 2 ** view.octave };
    }

    // The view so many octaves deeper that keeps the place under (u, v) where it is.
    function zoom(view, u, v, by) {
      const octave = between(view.octave + by, 0, deepest);
      const place = pointIn(view, u, v);
      return clamp({ x: place.x - (u * width) / 2 ** octave, y: place.y + (v * height) / 2 ** octave, octave });
    }

    // Every picture with its place, the coarsest first. portrait may be missing, and either may still be loading.
    function pieces({ portrait, sheet }) {
      const found = [];
      if (portrait && portrait.naturalWidth) {
        const [w, h] = [portrait.naturalWidth, portrait.naturalHeight];
        found.push({ ...whole, image: portrait, from: [0, 0, w, h], fine: w, kept: [1, 1] });
      }
      if (sheet && sheet.naturalWidth) {
        const [w, h] = [sheet.naturalWidth / told.octaves, sheet.naturalHeight / told.landmarks.length];
        for (const panel of panels) {
          // Of the whole one the edge is kept, as nothing coarser lies below it.
          const [a, b] = told.size.map((size) => (panel.octave ? EDGE / size : 0));
          const from = [(panel.column + a) * w, (panel.row + b) * h, (1 - 2 * a) * w, (1 - 2 * b) * h];
          found.push({ ...panel, image: sheet, from, fine: w * 2 ** panel.octave, kept: [1 - 2 * a, 1 - 2 * b] });
        }
      }
      return found.sort((a, b) => a.fine - b.fine);
    }

    // Draw the part of pictures that a view shows: every coarser one, then the first that is fine enough.
    function draw(context, view, pictures, clip) {
      const { width: across, height: down } = context.canvas;
      const wanted = across * 2 ** view.octave;
      let enough = Infinity;
      context.save();
      if (clip < 1) {
        context.beginPath();
        context.rect(0, 0, Math.round(clip * across), down);
        context.clip();
      }
      context.imageSmoothingQuality = "high";
      for (const piece of pieces(pictures)) {
        if (piece.fine > enough) break;
        const { u, v } = placeIn(view, piece);
        const share = 2 ** (view.octave - piece.octave);
        const [w, h] = [share * piece.kept[0] * across, share * piece.kept[1] * down];
        const [x, y] = [(u + 0.5) * across - w / 2, (v + 0.5) * down - h / 2];
        if (x >= across || y >= down || x + w <= 0 || y + h <= 0) continue;
        if (piece.fine >= wanted) enough = Math.min(enough, piece.fine);
        context.drawImage(piece.image, ...piece.from, x, y, w, h);
      }
      context.restore();
    }

    return { clamp, at, whole, deepest, panelOf, depthAt, placeIn, pointIn, zoom, draw };
  }

  return { survey };
})();
