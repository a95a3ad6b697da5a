// The compliance tab and a tab for each region: below Locust's own tabs when one of ours is chosen, or on a page of its own.
"use strict";
(() => {
  const { chart } = window.acgsCharts;
  const { safe, number, percent, tiles, thresholds, violations, judged, processes, parts } = window.acgsTables;
  const COMPLIANCE = "Constitutional compliance", REGION = "Region ", EVERY_MS = 2000, LOOK_MS = 200;
  const alone = document.getElementById("acgs-tabs");
  const view = document.createElement("section");
  view.id = "acgs";
  view.hidden = true;
  view.setAttribute("aria-live", "off");
  let told = null, chosen = alone ? new URLSearchParams(location.search).get("tab") || COMPLIANCE : null, waiting = false;

  const limitOf = (measure, written) => {
    const row = told.thresholds.find((one) => one.expression.startsWith(`${measure} `) && one.limit !== null);
    return row ? { value: row.limit, name: written(row.limit) } : null;
  };

  function charts(series, whole) {
    const width_s = series.width_s, made = [
      { title: "Compliance score", share: true, lines: [{ name: "mean score", values: series.compliance, ink: 2 }],
        limit: limitOf("compliance_score", percent) },
      { title: "Violations and errors", lines: [{ name: "violations", values: series.violations, ink: 3 }, { name: "errors", values: series.errors, ink: 1 }] },
      { title: "Requests a second", lines: [{ name: "RPS", values: series.rps, ink: 0 }, ...(whole ? [{ name: "users", values: series.users, ink: 1 }] : [])] },
      { title: "Latency p95, ms", lines: [{ name: "p95", values: series.p95_ms, ink: 0 }], limit: limitOf("latency_p95_ms", (value) => number(value, " ms")) },
    ];
    return `<div class="acgs-charts">${made.map((one) => chart({ ...one, width_s })).join("")}</div>`;
  }

  const integrity = (name) => (told.integrity.find((row) => row.name === name) || { integrity: null }).integrity;
  const exact = (label, name) => [label, percent(integrity(name)), integrity(name) !== null && integrity(name) < 1];

  function compliance() {
    const { total, recent } = told, low = (value) => value !== null && value < 0.95;
    return [
      tiles([
        ["compliance score", percent(total.compliance), low(total.compliance)],
        [`of the last ${number(told.recent_s)} s`, percent(recent.compliance), low(recent.compliance)],
        exact("hash consistency", "hash_consistency"),
        exact("isolation", "isolation_integrity"),
        exact("audit chain", "chain_integrity"),
        ["violations", number(total.violations), total.violations > 0],
        ["errors", percent(total.error_ratio), total.errors > 0],
      ]),
      warnings(), charts(told.series, true),
      `<h2>Thresholds</h2>${thresholds(told.thresholds)}`,
      `<div class="acgs-pair"><div><h2>Violations</h2>${violations(told.violations)}</div>`,
      `<div><h2>What must be exact</h2>${judged("acgs-integrity", "measure", told.integrity)}</div>`,
      `<div><h2>Isolation by region</h2>${judged("acgs-isolation", "region", told.isolation)}</div>`,
      `<div><h2>Audit chain by operation</h2>${judged("acgs-chain", "operation", told.chain)}</div></div>`,
      `<h2>Scenarios</h2>${parts("acgs-scenarios", "scenario", told.scenarios)}`,
      downloads(),
    ].join("");
  }

  function region(name) {
    const part = told.regions.find((row) => row.name === name), crew = told.processes.filter((row) => row.region === name);
    if (!part) return `<p class="acgs-how">Nothing is known of ${safe(name)} yet.</p>`;
    return [
      tiles([
        ["requests a second", number(part.recent.rps)],
        ["p95", number(part.recent.p95_ms, " ms")],
        ["p99", number(part.recent.p99_ms, " ms")],
        ["errors", percent(part.total.error_ratio), part.total.errors > 0],
        ["compliance score", percent(part.total.compliance), part.total.compliance !== null && part.total.compliance < 0.95],
        ["violations", number(part.total.violations), part.total.violations > 0],
        ["users", number(crew.reduce((sum, row) => sum + (row.gone ? 0 : row.users), 0))],
      ]),
      charts(told.region_series[name], false),
      `<h2>Workers</h2>${processes(crew)}`,
      `<h2>All regions</h2>${parts("acgs-regions", "region", told.regions)}`,
      downloads(),
    ].join("");
  }

  const warnings = () => told.warnings.length
    ? `<h2>Warnings</h2><ul id="acgs-warnings">${told.warnings.map((row) => `<li>at ${number(Math.round(row.at_s))} s: ${safe(row.text)}</li>`).join("")}</ul>` : "";
  const downloads = () => '<h2>Download</h2><ul><li><a href="compliance/compliance.csv">compliance, by operation (CSV)</a></li>' +
    '<li><a href="compliance/regions.csv">regions and their workers (CSV)</a></li>' +
    '<li><a href="compliance/thresholds.csv">thresholds (CSV)</a></li></ul>';

  function head() {
    const target = told.target, machine = target === null ? "CPU and memory of the target: not measured"
      : `target CPU ${percent(target.cpu)}, memory ${percent(target.memory)} (${safe(target.source)})`;
    const state = told.state === "running" ? told.phase : told.state;
    return `<p class="acgs-how" id="acgs-state">${safe(told.name)} · ${safe(told.test_type)} · ${safe(state)} · ${number(Math.round(told.elapsed_s))} of ` +
      `${number(told.duration_s)} s · ${number(told.users)} of ${number(told.users_wanted)} users · ${machine}</p>`;
  }

  function draw() {
    const ours = chosen !== null && (chosen === COMPLIANCE || chosen.startsWith(REGION));
    view.hidden = !ours;
    if (!ours) return;
    view.className = dark() ? "dark" : "";
    if (told === null) view.innerHTML = '<p class="acgs-how">No run has begun yet.</p>';
    else view.innerHTML = head() + (chosen === COMPLIANCE ? compliance() : region(chosen.slice(REGION.length)));
  }

  function dark() {
    const [red, green, blue] = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) || [255, 255, 255]).map(Number);
    return red + green + blue < 384;
  }

  async function ask() {
    if (waiting || (chosen === null && !alone)) return;
    waiting = true;
    try {
      const answer = await fetch("compliance/live.json");
      if (answer.ok) told = await answer.json();
    } catch {
      // the master has ended: what it told last stays
    } finally {
      waiting = false;
    }
    meetRegions();
    draw();
  }

  // Locust's tabs are fixed when its page is loaded; regions are known once their workers have joined
  function meetRegions() {
    if (told === null) return;
    const wanted = [COMPLIANCE, ...told.regions.map((row) => REGION + row.name)];
    if (alone) return tabsAlone(wanted);
    const missing = wanted.filter((title) => !titles().includes(title)).join();
    if (titles().length && missing && sessionStorage.getItem("acgs-missing") !== missing) {
      sessionStorage.setItem("acgs-missing", missing);
      location.reload();
    }
  }

  const titles = () => [...document.querySelectorAll('[role="tab"]')].map((tab) => tab.textContent);

  function tabsAlone(wanted) {
    alone.innerHTML = wanted.map((title) => `<button role="tab" aria-selected="${title === chosen}">${safe(title)}</button>`).join("");
    alone.querySelectorAll("button").forEach((button) => button.addEventListener("click", () => choose(button.textContent)));
  }

  function choose(title) {
    chosen = title;
    if (alone) {
      history.replaceState(null, "", `?tab=${encodeURIComponent(title)}`);
      if (told) meetRegions();
    }
    draw();
    ask();
  }

  function look() {
    const tab = document.querySelector('[role="tab"][aria-selected="true"]');
    const title = tab ? tab.textContent : null;
    // below the tabs, in the place of the panel that Locust leaves empty
    const home = (tab && tab.closest(".MuiContainer-root")) || document.body;
    if (view.parentNode !== home) home.append(view);
    if (title !== chosen) choose(title);
  }

  document.body.append(view);
  if (!alone) setInterval(look, LOOK_MS);
  setInterval(ask, EVERY_MS);
  ask();
})();
