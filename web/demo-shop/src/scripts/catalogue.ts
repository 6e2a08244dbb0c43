import list from "../catalogue.json";
import { make, money } from "./dom";

export interface Product {
  id: string;
  name: string;
  /** In cents. */
  price: number;
  shelf: string;
  rating: number;
  reviews: number;
  image: string;
  line: string;
  details: string[];
  care: string;
  stock: number;
  sized?: boolean;
}

export const catalogue: readonly Product[] = list;

export function productById(id: string | null): Product | undefined {
  return catalogue.find((product) => product.id === id);
}

/** The same card that the build writes into the front page. */
export function card(product: Product): HTMLLIElement {
  return make(
    "li",
    { class: "card", "data-shelf": product.shelf },
    make(
      "a",
      { href: `/product.html?p=${product.id}` },
      make("img", { src: `/images/${product.image}`, alt: "", width: 480, height: 480 }),
      make("span", { class: "card-name" }, product.name),
      make("span", { class: "card-line" }, product.line),
      make("span", { class: "card-foot" }, make("span", { class: "price" }, money(product.price))),
    ),
  );
}
