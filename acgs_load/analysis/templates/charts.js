// Turns each chart into one that can be pointed at, zoomed and walked through with the keyboard. The pictures that the
// server drew stay for print, and for readers without scripts. Values come from the page's own data and nowhere else.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = [];
  const spoken = document.getElementById("spoken");
  const zoomOut = document.getElementById("zoom-out");
  const narrow = () => window.innerWidth <= 600;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function clock(seconds) {
    const whole = Math.round(seconds), pad = (n) => String(n).padStart(2, "0");
    const h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60), s = whole % 60;
    return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
  }

  function number(value, share) {
    if (value === null || value === undefined) return "–";
    if (share) return `${+(100 * value).toPrecision(4)} %`;
    const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  const unit = (panel, line) => (line.right ? "" : panel.share ? "" : panel.unit === "a second" ? " /s" : ` ${panel.unit}`);
  const told = (panel, line, place) => `${number(line.values[place], panel.share && !line.right)}${unit(panel, line)}`;

  function shade(u, panel) {
    const { ctx, bbox } = u;
    const x = (at) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, u.valToPos(at, "x", true)));
    ctx.save();
    for (const band of panel.bands) {
      ctx.fillStyle = style("--hold");
      if (band.hold) ctx.fillRect(x(band.from_s), bbox.top, x(band.to_s) - x(band.from_s), bbox.height);
      ctx.strokeStyle = style("--line");
      ctx.setLineDash([4, 4]);
      ctx.beginPath(); ctx.moveTo(x(band.from_s), bbox.top); ctx.lineTo(x(band.from_s), bbox.top + bbox.height); ctx.stroke();
    }
    ctx.restore();
  }

  function mark(u, panel) {
    const { ctx, bbox } = u, ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height); ctx.clip();
    ctx.fillStyle = style("--bad");
    for (const breach of panel.breaches) {
      const left = u.valToPos(breach.from_s, "x", true), right = u.valToPos(breach.to_s, "x", true);
      ctx.fillRect(left, bbox.top - 7 * ratio, Math.max(2 * ratio, right - left), 5 * ratio);
    }
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    const write = (text, x, y) => { // words stay legible over lines
      ctx.strokeStyle = style("--ground"); ctx.lineWidth = 3 * ratio; ctx.setLineDash([]); ctx.strokeText(text, x, y);
      ctx.fillText(text, x, y);
    };
    const limits = panel.limits.map((limit) => ({ name: limit.name, y: u.valToPos(limit.value, "y", true) }))
      .filter(({ y }) => y >= bbox.top && y <= bbox.top + bbox.height);
    for (const { y } of limits) {
      ctx.strokeStyle = style("--soft"); ctx.lineWidth = 1.5 * ratio; ctx.setLineDash([2 * ratio, 4 * ratio]);
      ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
    }
    ctx.fillStyle = style("--soft"); ctx.textAlign = "left"; ctx.lineJoin = "round";
    for (const { name, y } of limits) { // above its line where nothing else is there
      const above = y - bbox.top > 16 * ratio && !limits.some((other) => other.y < y && y - other.y < 18 * ratio);
      write(name, bbox.left + 6 * ratio, y + (above ? -5 : 13) * ratio);
    }
    let free = -Infinity;
    for (const band of panel.bands) { // a phase is named where there is room for its name
      const left = Math.max(bbox.left, u.valToPos(band.from_s, "x", true)) + 4 * ratio;
      const wide = ctx.measureText(band.name).width;
      if (left < free || left + wide > u.valToPos(band.to_s, "x", true)) continue;
      write(band.name, left, bbox.top - 13 * ratio);
      free = left + wide + 8 * ratio;
    }
    ctx.restore();
  }

  function show(u, panel, figure, tip) {
    const place = u.cursor.idx;
    figure.querySelectorAll("output").forEach((out, row) => {
      out.textContent = place === null || place === undefined ? "" : told(panel, panel.lines[row], place);
    });
    if (place === null || place === undefined || !u.over.matches(":hover")) { tip.hidden = true; return; }
    const at = data.times_s[place], left = u.valToPos(at, "x"), rows = [];
    const head = document.createElement("b");
    head.textContent = clock(Math.max(0, at - data.width_s / 2));
    rows.push(head);
    panel.lines.forEach((line) => {
      const row = document.createElement("div"), ink = document.createElement("i");
      ink.style.background = `var(--ink-${line.colour})`;
      row.append(ink, `${line.name}  ${told(panel, line, place)}`);
      rows.push(row);
    });
    for (const breach of panel.breaches) {
      if (breach.from_s > at || at >= breach.to_s) continue;
      const row = document.createElement("em");
      row.textContent = breach.text;
      rows.push(row);
    }
    tip.replaceChildren(...rows);
    tip.hidden = false;
    const room = u.over.clientWidth, wide = tip.offsetWidth, begin = u.over.offsetLeft;
    tip.style.left = `${begin + (left + wide + 16 > room ? Math.max(0, left - wide - 12) : left + 12)}px`;
    tip.style.top = `${u.over.offsetTop + 8}px`;
  }

  function zoom(min, max) {
    const from = Math.max(0, min), to = Math.min(data.end_s, max);
    if (to - from < 2 * data.width_s) return;
    all.forEach((one) => one.u.setScale("x", { min: from, max: to }));
    zoomOut.hidden = from <= 0 && to >= data.end_s;
  }

  function move(u, panel, step) {
    const scale = u.scales.x, last = data.times_s.length - 1;
    const now = u.cursor.idx === null || u.cursor.idx === undefined ? -1 : u.cursor.idx;
    const place = Math.max(0, Math.min(last, now < 0 ? u.valToIdx(scale.min) : now + step));
    const left = u.valToPos(data.times_s[place], "x");
    all.forEach((one) => one.u.setCursor({ left, top: 10 }, true));
    spoken.textContent = `${clock(Math.max(0, data.times_s[place] - data.width_s / 2))}: ` +
      panel.lines.map((line) => `${line.name} ${told(panel, line, place)}`).join(", ");
  }

  function keys(u, panel) {
    return (event) => {
      const { min, max } = u.scales.x, quarter = (max - min) / 4, steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key in steps) move(u, panel, steps[event.key]);
      else if (event.key === "+" || event.key === "=") zoom(min + quarter, max - quarter);
      else if (event.key === "-") zoom(min - 2 * quarter, max + 2 * quarter);
      else if (event.key === "Escape" || event.key === "0") zoom(0, data.end_s);
      else return;
      event.preventDefault();
    };
  }

  function axes(panel) {
    const base = { stroke: () => style("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => style("--line"), width: 1 };
    const left = { ...base, grid, size: narrow() ? 50 : 62, splits: () => panel.ticks, filter: (u, ticks) => ticks, values: (u, ticks) => ticks.map((tick) => (tick === null ? "" : panel.share ? `${+(100 * tick).toFixed(2)} %` : tick.toLocaleString("en"))) };
    const time = { ...base, grid: { show: false }, size: 26, space: narrow() ? 55 : 80, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400], values: (u, ticks) => ticks.map(clock) };
    const right = { ...base, side: 1, scale: "right", grid: { show: false }, size: narrow() ? 42 : 54, splits: () => panel.right.ticks, values: (u, ticks) => ticks.map((tick) => tick.toLocaleString("en")) };
    return panel.right ? [time, left, right] : [time, left];
  }

  function options(panel, figure, width, tip) {
    const series = panel.lines.map((line) => ({
      label: line.name, scale: line.right ? "right" : "y", stroke: () => style(`--ink-${line.colour}`), width: 2,
      dash: data.dashes[line.colour], points: { show: data.times_s.length < 2 || line.values.filter((v) => v !== null).length === 1 },
    }));
    return {
      width, height: narrow() ? 224 : 269, padding: [26, panel.right ? 0 : narrow() ? 42 : 54, 0, 0],
      scales: { x: { time: false, min: 0, max: data.end_s }, y: { distr: panel.log ? 3 : 1, range: [panel.low, panel.high] }, ...(panel.right ? { right: { range: [panel.right.low, panel.right.high] } } : {}) },
      axes: axes(panel), series: [{}, ...series], legend: { show: false },
      cursor: { y: false, sync: { key: "run", setSeries: false, scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      hooks: {
        drawClear: [(u) => shade(u, panel)], draw: [(u) => mark(u, panel)], setCursor: [(u) => show(u, panel, figure, tip)],
        setSelect: [(u) => {
          const { left, width: wide } = u.select;
          if (wide > 4) zoom(u.posToVal(left, "x"), u.posToVal(left + wide, "x"));
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
      },
    };
  }

  function enliven(panel) {
    const figure = document.getElementById(panel.name), live = figure && figure.querySelector(".live");
    if (!live) return;
    live.hidden = false;
    live.tabIndex = 0;
    live.setAttribute("role", "group");
    live.setAttribute("aria-roledescription", "chart");
    live.setAttribute("aria-label", figure.querySelector("svg[role=img]").getAttribute("aria-label"));
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    const u = new uPlot(options(panel, figure, live.clientWidth, tip), [data.times_s, ...panel.lines.map((line) => line.values)], live);
    live.append(tip);
    figure.classList.add("alive");
    u.over.addEventListener("dblclick", () => zoom(0, data.end_s));
    u.over.addEventListener("mouseleave", () => { tip.hidden = true; });
    live.addEventListener("keydown", keys(u, panel));
    all.push({ u, live });
  }

  data.panels.forEach(enliven);
  if (zoomOut) zoomOut.addEventListener("click", () => zoom(0, data.end_s));
  window.addEventListener("resize", () => all.forEach(({ u, live }) => u.setSize({ width: live.clientWidth, height: u.height })));
  window.addEventListener("themechange", () => all.forEach(({ u }) => u.redraw(false)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach(({ u }) => u.redraw(false)));
})();
