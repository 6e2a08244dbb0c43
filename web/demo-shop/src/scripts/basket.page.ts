import "./site.page";
import { DELIVERY_CENTS, goodsCents, pricedLines, readBasket, writeBasket } from "./basket";
import { make, money, need } from "./dom";

let rebate = 0;

function change(id: string, size: string, by: number): void {
  const lines = readBasket().map((line) =>
    line.id === id && line.size === size ? { ...line, count: Math.max(0, line.count + by) } : line,
  );
  writeBasket(lines.filter((line) => line.count > 0));
  draw();
}

function draw(): void {
  const lines = pricedLines();
  need("#lines", HTMLUListElement).replaceChildren(
    ...lines.map(({ product, count, size, id }) => {
      const less = make(
        "button",
        { type: "button", class: "step", "aria-label": `One ${product.name} less` },
        "−",
      );
      const more = make(
        "button",
        { type: "button", class: "step", "aria-label": `One ${product.name} more` },
        "+",
      );
      less.addEventListener("click", () => change(id, size, -1));
      more.addEventListener("click", () => change(id, size, 1));
      return make(
        "li",
        {},
        make("img", { src: `/images/${product.image}`, alt: "", width: 480, height: 480 }),
        make(
          "span",
          {},
          make("a", { href: `/product.html?p=${id}` }, product.name),
          make("small", {}, size ? `Size ${size}` : money(product.price)),
        ),
        make("span", { class: "stepper" }, less, make("b", {}, String(count)), more),
        make("b", { class: "line-sum" }, money(product.price * count)),
      );
    }),
  );
  const goods = goodsCents();
  need("#empty", HTMLDivElement).hidden = lines.length > 0;
  need("#sum", HTMLElement).hidden = lines.length === 0;
  need("#sum-goods", HTMLElement).textContent = money(goods - rebate);
  need("#sum-delivery", HTMLElement).textContent = money(DELIVERY_CENTS);
  need("#sum-total", HTMLElement).textContent = money(goods - rebate + DELIVERY_CENTS);
}

need("#voucher", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const code = need("#voucher-code", HTMLInputElement).value.trim().toUpperCase();
  rebate = code === "FERN10" ? Math.round(goodsCents() / 10) : 0;
  need("#voucher-said", HTMLParagraphElement).textContent =
    rebate > 0 ? "Ten percent off." : "That voucher is not known here.";
  draw();
});
draw();
