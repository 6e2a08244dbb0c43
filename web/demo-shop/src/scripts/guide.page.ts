// A small client-side router: addresses change through the history API, the document does not.
import "./site.page";
import { make, need } from "./dom";

interface Chapter {
  title: string;
  picture: string;
  text: string[];
}

const chapters: Record<string, Chapter> = {
  "/guide/index.html": {
    title: "How to keep things",
    picture: "bread-board.svg",
    text: [
      "Most things last if they are dried, oiled and put back. This guide says how, in four short chapters.",
      "Pick one on the left.",
    ],
  },
  "/guide/kettles.html": {
    title: "Kettles",
    picture: "enamel-kettle.svg",
    text: [
      "Empty it at night. Lime comes from water that stands.",
      "A chip in the enamel is not the end: keep it dry and it will not rust.",
      "New handles are free for as long as we make them.",
    ],
  },
  "/guide/linen.html": {
    title: "Linen",
    picture: "linen-throw.svg",
    text: ["Wash it warm, dry it on a line, and do not iron it.", "It softens for years before it wears."],
  },
  "/guide/knives.html": {
    title: "Knives",
    picture: "paring-knife.svg",
    text: [
      "Carbon steel turns grey, and that protects it.",
      "Ten strokes on a stone every month, five on each side.",
      "Send it in once a year, and we grind it.",
    ],
  },
  "/guide/wax.html": {
    title: "Wax",
    picture: "beeswax-candles.svg",
    text: ["Let the first burn reach the edge.", "Trim the wick to the width of a finger nail."],
  },
};

// A style sheet made in script, changed on each route: CSS-in-JS in one line.
const accent = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, accent];
const hues = [152, 128, 70, 12, 42];

function draw(): void {
  const path = location.pathname in chapters ? location.pathname : "/guide/index.html";
  const chapter = chapters[path];
  if (!chapter) return;
  const at = Object.keys(chapters).indexOf(path);
  accent.replaceSync(
    `.guide article h1 { border-left: 6px solid hsl(${hues[at] ?? 152} 32% 42%); padding-left: 14px; }`,
  );
  document.title = `${chapter.title}, Fernwick Goods`;
  need("#view", HTMLElement).replaceChildren(
    make("h1", {}, chapter.title),
    make("img", { src: `/images/${chapter.picture}`, alt: "", width: 480, height: 480 }),
    ...chapter.text.map((line) => make("p", {}, line)),
  );
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".guide-nav a")) {
    if (link.pathname === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("click", (event) => {
  const link =
    event.target instanceof Element ? event.target.closest<HTMLAnchorElement>(".guide-nav a") : null;
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  history.pushState(null, "", link.pathname);
  draw();
  need("#view", HTMLElement).focus();
});
addEventListener("popstate", draw);
draw();
