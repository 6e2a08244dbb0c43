/** The pages of the story: a small shop, and one that must never be seen in what is recorded. */
import { createServer } from "node:http";

/** A colour nothing else on the screen has. */
export const CANARY = { red: 255, green: 0, blue: 170 };
export const CANARY_WORD = "canary-of-the-bank";

const shop = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body{margin:0;font:20px sans-serif;background:#fff}main{padding:40px}#lamp{width:300px;height:200px;background:#fff}
#lamp.on{background:#0040ff}</style>
<main><h1>${title}</h1>${body}<div id="lamp"></div><p id="count">0</p></main>
<script>
let n = 0;
setInterval(() => { document.getElementById("count").textContent = String(n++); }, 250);
document.getElementById("switch")?.addEventListener("click", () => {
  const clickedMs = performance.now();
  document.getElementById("lamp").classList.toggle("on");
  // How long this machine took to paint it: a busy one takes longer, and nobody can have a picture of it before.
  requestAnimationFrame(() => requestAnimationFrame(() => { window.paintedMs ??= performance.now() - clickedMs; }));
});
</script>`;

const PAGES = {
  "/": shop(
    "Story tab: start",
    '<button id="switch">Switch the lamp</button><p><a href="/lamps?token=secret-value">Lamps</a></p>',
  ),
  "/lamps": shop(
    "Story tab: lamps",
    '<form action="/done"><label>Search <input name="q"></label><button>Go</button></form>',
  ),
  "/done": shop("Story tab: done", '<button id="switch">Switch the lamp</button>'),
};

export async function servePages() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const isBank = request.headers.host.startsWith("bank.");
    const body = isBank
      ? `<!doctype html><title>${CANARY_WORD}</title><style>body{margin:0;background:rgb(${CANARY.red},${CANARY.green},${CANARY.blue})}</style>
         <button style="margin:40px">${CANARY_WORD}</button>`
      : PAGES[pathname];
    response.writeHead(body ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
    response.end(body ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    shop: `http://shop.localhost:${port}`,
    bank: `http://bank.localhost:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
