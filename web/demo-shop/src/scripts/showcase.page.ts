import "./site.page";
import { make, need } from "./dom";

const sheet = new CSSStyleSheet();
sheet.replaceSync(".sheet-made { color: #7a3b2e; font-weight: 600; }");
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

/** Twelve bars on whole pixels, so that two drawings of it are equal. */
function drawChart(canvas: HTMLCanvasElement): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = "#f2f0e8";
  context.fillRect(0, 0, 240, 240);
  const sold = [8, 10, 9, 13, 12, 15, 11, 14, 18, 17, 21, 24];
  sold.forEach((value, month) => {
    context.fillStyle = month === 10 ? "#b4791c" : "#3f6d55";
    context.fillRect(14 + month * 18, 220 - value * 8, 12, value * 8);
  });
}

drawChart(need("#chart", HTMLCanvasElement));
const list = need("#show-list", HTMLOListElement);
for (let row = 1; row <= 40; row += 1) list.append(make("li", {}, `Row ${row} of the list that scrolls`));

let added = 0;
need("#show-more", HTMLButtonElement).addEventListener("click", () => {
  added += 1;
  need("#show-rows", HTMLTableSectionElement).append(
    make(
      "tr",
      {},
      make("td", {}, `Row added ${added}`),
      make("td", {}, String(added * 7)),
      make("td", {}, String(40 - added)),
    ),
  );
});
const open = need("#show-open", HTMLButtonElement);
open.addEventListener("click", () => {
  const panel = need("#show-panel", HTMLDivElement);
  panel.hidden = !panel.hidden;
  open.textContent = panel.hidden ? "Open the panel" : "Close the panel";
});
