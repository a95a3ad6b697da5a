// Tables that sort, close-ups picked from a list, light and dark, and commands that copy. Without it all of them are
// plain tables, lists and text.
(function () {
  "use strict";
  const root = document.documentElement;

  function sort(table, column, heading) {
    const down = heading.getAttribute("aria-sort") !== "descending", body = table.tBodies[0];
    const value = (row) => {
      const cell = row.cells[column];
      return "value" in cell.dataset ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.textContent.trim();
    };
    const order = (a, b) => {
      const x = value(a), y = value(b);
      if (x === null || y === null) return (x === null) - (y === null); // what was not measured stays at the end
      const way = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? -way : way;
    };
    body.append(...[...body.rows].sort(order));
    table.querySelectorAll("thead th").forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  document.querySelectorAll("table.sortable").forEach((table) => {
    table.querySelectorAll("thead th:not(.still)").forEach((heading) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => sort(table, heading.cellIndex, heading));
    });
  });

  const picker = document.getElementById("closer"), pictures = [...document.querySelectorAll(".closeup")];
  function look(anchor) {
    pictures.forEach((one) => { one.open = one.id === anchor; });
    picker.value = anchor;
  }
  function follow() {
    const anchor = decodeURIComponent(location.hash.slice(1));
    if (!picker || !pictures.some((one) => one.id === anchor)) return;
    look(anchor);
    document.getElementById("closeup-list").scrollIntoView();
    picker.focus({ preventScroll: true });
  }
  if (picker) {
    picker.addEventListener("change", () => look(picker.value));
    window.addEventListener("hashchange", follow);
    follow();
  }

  const theme = document.getElementById("theme");
  theme.addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    window.dispatchEvent(new Event("themechange"));
  });

  document.querySelectorAll("button[data-copy]").forEach((button) => {
    button.addEventListener("click", () => {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy"); // a page opened from a disk has no other clipboard
      button.textContent = "Copied";
    });
  });
})();
