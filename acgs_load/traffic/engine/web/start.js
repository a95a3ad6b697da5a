// Locust's start form: choosing a test type fills in the users and the spawn rate that it means.
"use strict";
(() => {
  const LOOK_MS = 300;
  let opened = false;

  // React only notices what its own setter did not do
  function fill(name, value) {
    const field = document.querySelector(`input[name="${name}"]`);
    if (!field) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, String(value));
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("change", async (event) => {
    if (event.target.name !== "testType") return;
    const answer = await fetch("compliance/types.json");
    if (!answer.ok) return;
    const type = (await answer.json())[event.target.value];
    if (!type) return;
    fill("userCount", type.users);
    fill("spawnRate", type.spawn_rate);
  });

  // the type of test is the first thing to choose, so it is not left folded away
  setInterval(() => {
    const select = document.querySelector('select[name="testType"]');
    if (!select) opened = false;
    else if (!opened) {
      opened = true;
      const fold = select.closest(".MuiAccordion-root")?.querySelector("button[aria-expanded='false'], [role='button'][aria-expanded='false']");
      if (fold) fold.click();
    }
  }, LOOK_MS);
})();
