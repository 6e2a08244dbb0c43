import "./site.page";
import { catalogue } from "./catalogue";
import { need } from "./dom";

const grid = need("#grid", HTMLUListElement);
const count = need("#shelf-count", HTMLParagraphElement);
const chips = [...document.querySelectorAll<HTMLButtonElement>("[data-filter]")];
const original = [...grid.children];

function show(shelf: string): void {
  let shown = 0;
  for (const item of grid.querySelectorAll<HTMLLIElement>("li")) {
    const visible = shelf === "all" || item.dataset.shelf === shelf;
    item.hidden = !visible;
    if (visible) shown += 1;
  }
  for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.filter === shelf));
  count.textContent = shown === catalogue.length ? "" : `${shown} of ${catalogue.length} things.`;
}

function sort(order: string): void {
  const factors = original.map((item, index) => {
    const product = catalogue[index];
    if (!product || order === "shelf") return { item, key: index };
    return {
      item,
      key: order === "rating" ? -product.rating : order === "low" ? product.price : -product.price,
    };
  });
  grid.replaceChildren(...factors.sort((a, b) => a.key - b.key).map((entry) => entry.item));
}

function fromAddress(): void {
  const shelf = location.hash.slice(1);
  if (!["kitchen", "home", "garden"].includes(shelf)) return;
  show(shelf);
  need("#shelf", HTMLElement).scrollIntoView({ behavior: "smooth" });
}

for (const chip of chips) chip.addEventListener("click", () => show(chip.dataset.filter ?? "all"));
need("#sort", HTMLSelectElement).addEventListener("change", (event) => {
  if (event.currentTarget instanceof HTMLSelectElement) sort(event.currentTarget.value);
});
need("#letter", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  need("#letter-said", HTMLParagraphElement).textContent = "Thank you. The next letter comes in spring.";
});
addEventListener("hashchange", fromAddress);
fromAddress();
