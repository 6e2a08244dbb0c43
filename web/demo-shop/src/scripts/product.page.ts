import "./site.page";
import { addToBasket } from "./basket";
import { catalogue, productById } from "./catalogue";
import { make, money, need } from "./dom";
import { wireTabs } from "./tabs";

const product = productById(new URLSearchParams(location.search).get("p")) ?? catalogue[0];
if (!product) throw new Error("the catalogue is empty");

document.title = `${product.name}, Fernwick Goods`;
const shelfName = product.shelf.charAt(0).toUpperCase() + product.shelf.slice(1);
const crumb = need("#crumb-shelf", HTMLAnchorElement);
crumb.textContent = shelfName;
crumb.href = `/index.html#${product.shelf}`;
need("#name", HTMLHeadingElement).textContent = product.name;
need("#line", HTMLParagraphElement).textContent = product.line;
need("#price", HTMLSpanElement).textContent = money(product.price);
need("#stock", HTMLElement).textContent = `${product.stock} left`;
need("#care", HTMLParagraphElement).textContent = product.care;
need("#details", HTMLUListElement).replaceChildren(...product.details.map((line) => make("li", {}, line)));
need("#size-row", HTMLLabelElement).hidden = !product.sized;
const stars = need("#stars", HTMLElement);
stars.setAttribute("value", String(product.rating));
stars.setAttribute("count", String(product.reviews));
for (const id of ["#picture", "#closer-picture"]) {
  const picture = need(id, HTMLImageElement);
  picture.src = `/images/${product.image}`;
  picture.alt = product.name;
}

const reviews: [string, string][] = [
  ["Ilse M.", "Bought one for my sister and went back for another."],
  ["Tomas K.", "Well made. The box had no plastic in it at all."],
  ["Priya N.", "Took a week to come, and it was worth it."],
];
need("#reviews", HTMLUListElement).replaceChildren(
  ...reviews.map(([who, words]) => make("li", {}, make("b", {}, who), make("p", {}, words))),
);

wireTabs(need(".tabs", HTMLElement));

need("#add", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(need("#add", HTMLFormElement));
  const count = Math.min(9, Math.max(1, Number(form.get("count")) || 1));
  addToBasket(product.id, count, product.sized ? String(form.get("size")) : "");
  const said = need("#added", HTMLParagraphElement);
  said.replaceChildren(
    `${count === 1 ? "One is" : `${count} are`} in your basket. `,
    make("a", { href: "/basket.html" }, "See the basket"),
  );
});
need("#size-guide", HTMLButtonElement).addEventListener("click", () =>
  need("#measure", HTMLDialogElement).showModal(),
);
need("#zoom", HTMLButtonElement).addEventListener("click", () =>
  need("#closer", HTMLDialogElement).showModal(),
);
