import "./site.page";
import { make, need } from "./dom";

const dialog = need("#address-dialog", HTMLDialogElement);
const form = need("#address-form", HTMLFormElement);

need("#change-address", HTMLButtonElement).addEventListener("click", () => dialog.showModal());
dialog.addEventListener("close", () => {
  if (dialog.returnValue !== "save") return;
  const data = new FormData(form);
  const lines = ["name", "street", "phone"].map((name) => String(data.get(name) ?? ""));
  const [first = ""] = (lines[0] ?? "").split(" ");
  localStorage.setItem("fernwick.first-name", first);
  need("#address", HTMLElement).replaceChildren(
    ...lines.flatMap((line, index) => (index === 0 ? [line] : [make("br"), line])),
  );
  for (const place of document.querySelectorAll("#whoami, .first-name")) place.textContent = first;
});
need("#save-note", HTMLButtonElement).addEventListener("click", () => {
  need("#note-said", HTMLParagraphElement).textContent = "The note is saved.";
});
