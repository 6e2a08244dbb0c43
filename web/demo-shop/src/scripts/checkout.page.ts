import "./site.page";
import { DELIVERY_CENTS, goodsCents, writeBasket } from "./basket";
import { money, need } from "./dom";

const DELIVERY_BY_WAY: Record<string, number> = { standard: DELIVERY_CENTS, express: 1200, collect: 0 };

const form = need("#checkout", HTMLFormElement);
const password = need("#new-password", HTMLInputElement);
const toggle = need("#show-password", HTMLButtonElement);
const reference = need("#basket-reference", HTMLInputElement);
if (reference.value === "") reference.value = crypto.randomUUID();

function drawTotal(): void {
  const way = String(new FormData(form).get("way") ?? "standard");
  need("#to-pay", HTMLElement).textContent = money(goodsCents() + (DELIVERY_BY_WAY[way] ?? DELIVERY_CENTS));
}

function drawProblems(): boolean {
  const wrong = [...form.querySelectorAll<HTMLInputElement>("input[required]")].filter(
    (field) => !field.checkValidity(),
  );
  for (const field of form.querySelectorAll("input[required]")) field.removeAttribute("aria-invalid");
  for (const field of wrong) field.setAttribute("aria-invalid", "true");
  need("#problems", HTMLParagraphElement).textContent =
    wrong.length === 0
      ? ""
      : `${wrong.length === 1 ? "One field needs" : `${wrong.length} fields need`} another look.`;
  wrong[0]?.focus();
  return wrong.length > 0;
}

need("#want-account", HTMLInputElement).addEventListener("change", (event) => {
  need("#account-row", HTMLDivElement).hidden = !(event.currentTarget as HTMLInputElement).checked;
});
toggle.addEventListener("click", () => {
  const shown = password.type === "text";
  password.type = shown ? "password" : "text";
  toggle.textContent = shown ? "Show" : "Hide";
  toggle.setAttribute("aria-pressed", String(!shown));
});
form.addEventListener("change", drawTotal);
form.addEventListener("focusin", (event) => {
  const fieldset = event.target instanceof Element ? event.target.closest("fieldset") : null;
  const at = fieldset ? [...form.querySelectorAll("fieldset")].indexOf(fieldset) : -1;
  if (at < 0) return;
  document.querySelectorAll(".steps li").forEach((step, index) => {
    if (index === at) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (drawProblems()) return;
  writeBasket([]);
  // Not submitted by the browser: a form sent by GET would put the address into the URL.
  location.assign("/thanks.html");
});
drawTotal();
