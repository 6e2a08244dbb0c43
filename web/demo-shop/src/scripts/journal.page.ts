import "./site.page";
import { make, need } from "./dom";

const PAGE = 8;
const LAST = 96;
const openings = [
  "The kiln was slow today, so we swept.",
  "A kettle came back after eleven years for a new handle.",
  "First frost. The watering cans are in.",
  "Ash from the storm of last winter is dry enough to plane.",
  "Somebody asked whether the socks are mended for free. They are.",
  "We tried a darker glaze and went back to the old one.",
];
const endings = [
  "More on Friday.",
  "There is a drawing of it on the wall by the door.",
  "It took the afternoon, and the radio.",
  "Thanks to everyone who wrote.",
];

const list = need("#notes", HTMLOListElement);
const more = need("#more", HTMLParagraphElement);

function note(number: number): HTMLLIElement {
  const day = new Date(Date.UTC(2026, 10, 20) - number * 3 * 86_400_000);
  const opening = openings[number % openings.length] ?? "";
  const ending = endings[number % endings.length] ?? "";
  return make(
    "li",
    {},
    make(
      "time",
      { datetime: day.toISOString().slice(0, 10) },
      day.toLocaleDateString("en-GB", { day: "numeric", month: "long", timeZone: "UTC" }),
    ),
    make("h2", {}, opening),
    make("p", {}, `Note ${LAST - number}. ${opening} ${ending}`),
  );
}

function grow(): void {
  const from = list.children.length;
  for (let number = from; number < Math.min(LAST, from + PAGE); number += 1) list.append(note(number));
  more.textContent = list.children.length >= LAST ? "That is all of it." : "Loading more notes.";
}

new IntersectionObserver(
  (entries) => {
    if (entries.some((entry) => entry.isIntersecting) && list.children.length < LAST) grow();
  },
  { rootMargin: "300px" },
).observe(more);
grow();
