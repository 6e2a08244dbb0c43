// 20,000 nodes (elements and texts), for measuring the recorder. `?nodes=N` asks for another number.
import "./site.page";
import { make, need } from "./dom";

const CELLS = 9;
/** One row: itself, nine cells, nine texts, and one nested element inside the first cell. */
const NODES_PER_ROW = 1 + CELLS * 2 + 1;
const wanted = Number(new URLSearchParams(location.search).get("nodes")) || 20_000;

function row(number: number): HTMLDivElement {
  const line = make("div", { class: "hrow" });
  line.append(make("span", { class: "cell" }, make("i", { class: "bit" }, `Lot ${number}`)));
  for (let cell = 1; cell < CELLS; cell += 1)
    line.append(make("span", { class: "cell" }, `${(number * 31 + cell * 17) % 997}`));
  return line;
}

const heavy = need("#heavy", HTMLDivElement);
const said = need("#heavy-said", HTMLParagraphElement);
let rows = 0;

function add(count: number): void {
  const batch = document.createDocumentFragment();
  for (let step = 0; step < count; step += 1) batch.append(row(++rows));
  heavy.append(batch);
  said.textContent = `${(rows * NODES_PER_ROW).toLocaleString("en-GB")} nodes.`;
}

add(Math.ceil(wanted / NODES_PER_ROW));
document.documentElement.dataset.heavy = "ready";

let round = 0;
need("#heavy-change", HTMLButtonElement).addEventListener("click", () => {
  round += 1;
  const cells = heavy.querySelectorAll(".cell:nth-child(3)");
  for (let at = 0; at < Math.min(500, cells.length); at += 1) {
    const cell = cells[at];
    if (cell) cell.textContent = `changed ${round}`;
  }
});
need("#heavy-add", HTMLButtonElement).addEventListener("click", () => add(200));
