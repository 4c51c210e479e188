"use strict";

// Sorting: header cells become buttons; rows are sorted by data-value, or by the text of cells without one.
function value(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value === undefined) return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
}

function compare(a, b) {
  if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b));
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return a - b;
}

function sort(table, header) {
  const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [x, y] = [value(a, header.cellIndex), value(b, header.cellIndex)];
    const missing = Number.isNaN(x) || Number.isNaN(y); // last in both directions
    return missing ? compare(x, y) : sign * compare(x, y);
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) {
    if ("plain" in header.dataset) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
}

// Filtering: rows that contain all words are shown.
for (const board of document.querySelectorAll(".board")) {
  const form = board.querySelector("form.tools");
  const rows = [...board.querySelectorAll("table.sortable tbody tr")];
  const update = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.dataset.text.toLowerCase();
      const kindShown = form.elements.baselines.checked || !("baseline" in row.dataset);
      row.hidden = !(kindShown && words.every((word) => text.includes(word)));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  update();
}

// Tables that are wider than the screen say which columns are out of sight.
function title(header) {
  const text = header.cloneNode(true);
  for (const drawing of text.querySelectorAll("svg")) drawing.remove();
  return text.textContent.trim();
}

for (const region of document.querySelectorAll(".scroll")) {
  const note = region.previousElementSibling;
  const headers = [...(region.querySelector("table").tHead?.rows[0].cells ?? [])];
  const update = () => {
    const edge = region.getBoundingClientRect().right;
    const beyond = headers.filter((header) => header.getBoundingClientRect().right > edge + 8).map(title);
    const wide = region.scrollWidth > region.clientWidth + 2;
    note.hidden = !wide;
    note.textContent = beyond.length ? `Scroll to the right for: ${beyond.join(", ")} →` : "← Scroll back to the left";
  };
  region.addEventListener("scroll", update, { passive: true });
  const watch = new ResizeObserver(update);
  watch.observe(region);
  watch.observe(region.querySelector("table"));
}

// Copying commands.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
