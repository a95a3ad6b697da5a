// Draws the course of a run as SVG: a few lines over time, from zero but for shares near 1, with a gap where nothing was measured.
"use strict";
window.acgsCharts = (() => {
  const WIDTH = 520, HEIGHT = 170, LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 20, TICKS = 4;

  function niceTop(value) {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 8, 10].map((step) => step * power).find((top) => top >= value * 0.999999);
  }

  function clock(seconds) {
    const whole = Math.round(seconds), two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  }

  function strokes(values, x, y) {
    const runs = [[]];
    values.forEach((value, place) => {
      if (value === null || value === undefined) runs.push([]);
      else runs[runs.length - 1].push(`${x(place).toFixed(1)},${y(value).toFixed(1)}`);
    });
    return runs.filter((points) => points.length).map((points) => (points.length === 1 ? [points[0], points[0]] : points));
  }

  // lines: [{name, values, ink}]; limit: {value, name} or null; share: values are 0-1 and shown in per cent, top at 1
  function chart({ title, lines, width_s, limit = null, share = false }) {
    const known = lines.flatMap((line) => line.values.filter((value) => value !== null));
    const highest = Math.max(0, ...known);
    // a limit far above everything would press the lines flat: it is told in words then
    const inSight = limit !== null && limit.value <= 4 * highest;
    const top = share ? 1 : niceTop(Math.max(highest, inSight ? limit.value : 0));
    // shares near 1 differ where it counts only if the axis does not begin at 0; its labels say where it does
    const lowest = Math.min(1, ...known, limit === null ? 1 : limit.value);
    const bottom = share ? [0.9, 0.8, 0.6, 0.2, 0].find((value) => value <= lowest) : 0;
    const count = Math.max(2, ...lines.map((line) => line.values.length));
    const x = (place) => LEFT + ((WIDTH - LEFT - RIGHT) * place) / (count - 1);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - bottom) / (top - bottom));
    const parts = [];
    for (let tick = 0; tick <= TICKS; tick += 1) {
      const value = bottom + ((top - bottom) * tick) / TICKS, label = share ? `${+(value * 100).toPrecision(4)} %` : `${+value.toPrecision(3)}`;
      parts.push(`<line class="acgs-grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`);
      parts.push(`<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${label}</text>`);
    }
    for (const [place, anchor] of [[0, "start"], [(count - 1) / 2, "middle"], [count - 1, "end"]]) {
      const text = clock(place * width_s);
      parts.push(`<text x="${x(place)}" y="${HEIGHT - 4}" text-anchor="${anchor}">${text}</text>`);
    }
    if (inSight) parts.push(`<line class="acgs-limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit.value)}" y2="${y(limit.value)}"/>`);
    for (const line of lines) {
      for (const points of strokes(line.values, x, y)) {
        parts.push(`<polyline stroke="var(--ink-${line.ink})" points="${points.join(" ")}"/>`);
      }
    }
    const keys = lines.length > 1 ? lines.map((line) => `<i style="border-color:var(--ink-${line.ink})"></i>${line.name}`) : [];
    const told = limit === null ? "" : ` · limit ${limit.name}${inSight ? " (dashed)" : ""}`;
    const drawn = known.length ? parts.join("") : `<text x="${WIDTH / 2}" y="${HEIGHT / 2}" text-anchor="middle">not measured yet</text>`;
    return `<figure><figcaption>${title}${told}${keys.join("")}</figcaption>` +
      `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${drawn}</svg></figure>`;
  }

  return { chart };
})();
