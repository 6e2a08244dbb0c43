import "./site.page";
import { card, catalogue } from "./catalogue";
import { need } from "./dom";

const field = need("#q", HTMLInputElement);
const found = need("#found", HTMLParagraphElement);

function search(words: string): void {
  const asked = words.trim().toLowerCase();
  const hits = catalogue.filter((product) =>
    `${product.name} ${product.line} ${product.shelf}`.toLowerCase().includes(asked),
  );
  need("#results", HTMLUListElement).replaceChildren(...hits.map(card));
  found.textContent =
    asked === ""
      ? "Everything on the shelf."
      : hits.length === 0
        ? "Nothing by that name."
        : `${hits.length} found.`;
}

field.value = new URLSearchParams(location.search).get("q") ?? "";
need("#search", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", `/search.html?q=${encodeURIComponent(field.value)}`);
  search(field.value);
});
field.addEventListener("input", () => search(field.value));
search(field.value);
