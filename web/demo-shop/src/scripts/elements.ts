import { make } from "./dom";

const starsSheet = new CSSStyleSheet();
starsSheet.replaceSync(`
  :host { display: inline-flex; align-items: center; gap: 6px; font-size: 13px; color: #56615a; }
  .row { display: inline-grid; position: relative; line-height: 1; letter-spacing: 1px; font-size: 14px; }
  .row span { grid-area: 1 / 1; white-space: nowrap; overflow: hidden; }
  .back { color: #c9cdc2; } .front { color: #b4791c; }
`);

/** A rating out of five, drawn in a shadow tree with a constructed style sheet. */
class FernwickStars extends HTMLElement {
  static observedAttributes = ["value", "count"];
  #root = this.attachShadow({ mode: "open" });

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = [starsSheet];
    this.#draw();
  }

  attributeChangedCallback(): void {
    this.#draw();
  }

  #draw(): void {
    const value = Number(this.getAttribute("value") ?? 0);
    const front = make("span", { class: "front" }, "★★★★★");
    front.style.width = `${(value / 5) * 100}%`;
    this.#root.replaceChildren(
      make(
        "span",
        { class: "row", role: "img", "aria-label": `${value} of 5` },
        make("span", { class: "back" }, "★★★★★"),
        front,
      ),
      make("span", {}, `${value} (${this.getAttribute("count") ?? 0})`),
    );
  }
}

const deliverySheet = new CSSStyleSheet();
deliverySheet.replaceSync(`
  :host { display: block; margin-top: 20px; border-top: 1px solid #e2e2d9; padding-top: 16px; font-size: 14px; }
  form { display: flex; gap: 8px; align-items: end; } label { display: grid; gap: 4px; flex: 1; max-width: 180px; }
  input { font: inherit; padding: 9px 11px; border: 1px solid #b8bdb2; border-radius: 8px; min-width: 0; background: #fff; color: inherit; }
  button { font: inherit; padding: 9px 14px; border-radius: 8px; border: 1px solid #22362c; background: #fff; color: #22362c; cursor: pointer; }
  p { margin: 10px 0 0; color: #48544c; }
`);

/** Asks for a postcode and says when a parcel would come. Its field lives in a shadow tree. */
class FernwickDelivery extends HTMLElement {
  connectedCallback(): void {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [deliverySheet];
    const input = make("input", {
      name: "postcode",
      inputmode: "numeric",
      autocomplete: "postal-code",
      placeholder: "00120",
      "data-clerestory": "mask",
    });
    const said = make("p", { role: "status" }, "Give a postcode to see when it would come.");
    const form = make("form", {}, make("label", {}, "Delivered to", input), make("button", {}, "When?"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      said.textContent = estimate(input.value);
    });
    root.append(form, said);
  }
}

/** Demo rule: the first digit of the postcode is the number of extra days. */
function estimate(postcode: string): string {
  if (!/^\d{5}$/.test(postcode.trim())) return "A postcode has five digits.";
  const days = 2 + Number(postcode.trim()[0]);
  return `It would be with you in ${days} working days.`;
}

customElements.define("fernwick-stars", FernwickStars);
customElements.define("fernwick-delivery", FernwickDelivery);
