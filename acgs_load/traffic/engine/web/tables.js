// Tables and tiles of the compliance page. Everything that came over the network is escaped here.
"use strict";
window.acgsTables = (() => {
  const MARKS = { pass: ["✓ holds", "acgs-good"], fail: ["✗ does not hold", "acgs-bad"], not_measured: ["· not measured yet", "acgs-doubt"] };

  const safe = (text) => String(text).replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
  const dash = "–";

  function digits(value) {
    return value >= 100 ? 0 : value >= 10 ? 1 : 2;
  }

  function number(value, unit = "") {
    if (value === null || value === undefined) return dash;
    const text = Number.isInteger(value) ? value : Number(value.toFixed(digits(Math.abs(value))));
    return `${text.toLocaleString("en-US")}${unit}`;
  }

  // short of 0 % or 100 % never reads as such
  function percent(share) {
    if (share === null || share === undefined) return dash;
    const value = share * 100;
    for (let places = 2; places < 8; places += 1) {
      const text = String(Number(value.toFixed(places)));
      if ((text !== "0" && text !== "100") || value === 0 || value === 100) return `${text} %`;
    }
    return `${value} %`;
  }

  const valueOf = (value, unit) => unit === "ratio" ? percent(value) : unit === "rps" ? number(value, " RPS") : number(value, unit ? ` ${unit}` : "");
  const count = (value) => (value ? `<span class="acgs-bad">${number(value)}</span>` : number(value));
  const margin = (value) => (value === null || value === 0 ? dash : `${value > 0 ? "+" : ""}${Math.round(100 * value).toLocaleString("en-US")} %`);

  function tiles(rows) {
    const made = rows.map(([name, value, bad]) => `<div class="acgs-tile"><b class="${bad ? "acgs-bad" : ""}">${value}</b><span>${name}</span></div>`);
    return `<div class="acgs-tiles">${made.join("")}</div>`;
  }

  // columns: names, a leading ~ for text; rows: lists of HTML
  function table(id, columns, rows, empty) {
    if (!rows.length) return `<p id="${id}" class="acgs-how">${empty}</p>`;
    const kinds = columns.map((name) => (name.startsWith("~") ? ' class="acgs-text"' : ""));
    const head = columns.map((name, place) => `<th scope="col"${kinds[place]}>${name.replace("~", "")}</th>`).join("");
    const body = rows.map((row) => `<tr>${row.map((cell, place) => `<td${kinds[place]}>${cell}</td>`).join("")}</tr>`).join("");
    return `<div class="acgs-wide"><table id="${id}"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
  }

  function thresholds(rows) {
    return table("acgs-thresholds", ["threshold", "~state", "measured", "limit", "margin"], rows.map((row) => [
      safe(row.expression), `<span class="${MARKS[row.state][1]}">${MARKS[row.state][0]}</span>`, valueOf(row.value, row.unit),
      row.limit === null ? dash : `${safe(row.comparison)} ${valueOf(row.limit, row.unit)}`, margin(row.margin),
    ]), "This run has no thresholds.");
  }

  const violations = (rows) => table("acgs-violations", ["violation", "~operation", "count", "first at"],
    rows.map((row) => [safe(row.kind), safe(row.operation), count(row.count), number(row.first_s, " s")]), "Nothing wrong so far.");

  const judged = (id, first, rows) => table(id, [first, "judged", "wrong", "integrity"],
    rows.map((row) => [safe(row.name), number(row.judged), count(row.wrong), percent(row.integrity)]), "Nothing to judge yet.");

  const processes = (rows) => table("acgs-processes", ["process", "users", "CPU of a core", "held up", "memory"], rows.map((row) => [
    safe(row.name) + (row.gone ? ' <span class="acgs-bad">gone</span>' : ""), number(row.users), percent(Math.round(row.cpu * 1000) / 1000),
    number(row.loop_lag_ms, " ms"), number(row.memory_bytes / 1048576, " MiB"),
  ]), "No worker has told of itself yet.");

  const parts = (id, first, rows) => table(id, [first, "RPS", "p50", "p95", "requests", "errors", "compliance", "violations"], rows.map((row) => [
    safe(row.name), number(row.recent.rps), number(row.recent.p50_ms, " ms"), number(row.recent.p95_ms, " ms"), number(row.total.requests),
    count(row.total.errors), percent(row.total.compliance), count(row.total.violations),
  ]), "No requests yet.");

  return { safe, number, percent, tiles, thresholds, violations, judged, processes, parts };
})();
