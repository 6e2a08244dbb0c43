/** The recording rebuilds the page. */
import assert from "node:assert/strict";
import { open, outline, phase, rebuild, server, settled, test, until } from "./harness.mjs";

test("the recording rebuilds the page as it was, shadow roots and frames included", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  await page.evaluate(async () => {
    const list = document.querySelector("#list");
    for (let i = 0; i < 60; i += 1) {
      const item = document.createElement("li");
      item.textContent = `item ${i}`;
      if (i % 3 === 0) list.prepend(item);
      else list.append(item);
      if (i % 7 === 0) list.lastElementChild.remove();
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    document.querySelector("x-box").shadowRoot.append(document.createElement("hr"));
  });
  await settled(page);
  const live = await page.evaluate(outline);
  assert.deepEqual(rebuild(server.events()), live);
});

test("a large page that changes while it is read is told right", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.page(
    "/large",
    `<!doctype html><html><head><!--snippet--></head><body><div id="rows">${Array.from({ length: 1500 }, (_, i) => `<section><h2>row ${i}</h2><p>a <b>b${i}</b></p></section>`).join("")}</div></body></html>`,
  );
  const page = await open(context, "/large");
  await phase(page, "capturing");
  // Removes, moves and adds rows as fast as the page can while the first snapshot is taken.
  await page.evaluate(async () => {
    const rows = document.querySelector("#rows");
    let seed = 7;
    const random = (n) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % n;
    };
    const end = Date.now() + 2500;
    while (Date.now() < end) {
      for (let i = 0; i < 8; i += 1) {
        const all = rows.children;
        const one = all[random(all.length)];
        const other = all[random(all.length)];
        const kind = random(5);
        if (kind === 0) one.remove();
        else if (kind === 1 && one !== other) rows.insertBefore(one, other);
        else if (kind === 2 && one !== other) other.append(...one.childNodes);
        else if (kind === 3) one.querySelector("b")?.replaceWith(document.createElement("i"), "new text");
        else
          rows.insertBefore(document.createElement("section"), one).innerHTML =
            `<h2>new ${i}</h2><p>c <b>d</b></p>`;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // A burst, larger than what is read at once.
    const burst = document.createElement("div");
    burst.innerHTML = Array.from({ length: 3000 }, (_, i) => `<p>burst <i>${i}</i></p>`).join("");
    rows.after(burst);
    const flat = Array.from({ length: 1500 }, (_, i) =>
      Object.assign(document.createElement("hr"), { id: `f${i}` }),
    );
    rows.prepend(...flat);
  });
  await settled(page);
  assert.deepEqual(rebuild(server.events()), await page.evaluate(outline));
});

test("keyframes come on time, and a recording that was closed begins anew", async (context) => {
  server.limits = { ...server.limits, keyframe_ms: 1200 };
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  const full = () => server.events().filter(({ type }) => type === 2).length;
  await until("keyframes", async () => {
    await page.evaluate(() => document.querySelector("#list").append(document.createElement("li")));
    return full() >= 3;
  });
  await settled(page);
  assert.deepEqual(rebuild(server.events()), await page.evaluate(outline));
  const old = new Set(server.tracks.keys());
  server.closed = true;
  await page.evaluate(() => document.querySelector("#list").append("after the end"));
  await until("another recording", () => server.tracks.size > old.size);
  await until("a snapshot in it", () => {
    const fresh = [...server.tracks.keys()].find((track) => !old.has(track));
    return server.events(fresh).some(({ type }) => type === 2);
  });
});
