/** Segments on their way: order, repetition, spool, stop. */
import assert from "node:assert/strict";
import {
  CANARY,
  errors,
  open,
  phase,
  readSpool,
  server,
  settled,
  spoolSize,
  state,
  test,
  until,
} from "./harness.mjs";

test("two tabs of one origin: one recording, two writers; a duplicated tab draws its own", async (context) => {
  const first = await open(context, "/plain");
  await phase(first, "capturing");
  await settled(first);
  const copied = await first.evaluate(() => ({ ...sessionStorage }));
  const second = await context.newPage();
  await second.addInitScript((kept) => {
    if (sessionStorage.length === 0) Object.assign(sessionStorage, kept);
  }, copied);
  await second.goto(`${server.shop}/plain`);
  await phase(second, "capturing");
  await settled(second);
  const visits = [...server.visits.values()];
  assert.equal(new Set(visits.map(({ recording }) => recording)).size, 1);
  assert.equal(new Set(visits.map(({ writer }) => writer)).size, 2);
  assert.ok([...server.tracks.values()].every((track) => track.has(0)));
});

test("the next page of a tab goes on with the same writer and the next number", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  await page.goto(`${server.shop}/plain?2`);
  await phase(page, "capturing");
  await settled(page);
  const visits = [...server.visits.values()];
  assert.equal(new Set(visits.map(({ track }) => track)).size, 1);
  const numbers = [...[...server.tracks.values()][0].keys()];
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i),
  );
  assert.deepEqual(
    server.requests.filter(({ status }) => status === 409),
    [],
  );
});

test("after 503 the same bytes are sent again, in order", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  const before = server.puts.length;
  server.failing = ({ method }) => method === "PUT";
  for (let i = 0; i < 3; i += 1) {
    await page.evaluate((n) => document.body.append(`change ${n}`), i);
    await page.waitForTimeout(500);
  }
  await until("three tries", () => server.puts.length >= before + 3);
  const failed = server.puts.slice(before);
  server.failing = null;
  await until(
    "the rest",
    () =>
      server.puts.at(-1).status === 200 &&
      server.puts.filter(({ status }) => status === 200).length >= before + 3,
  );
  const again = server.puts.filter(
    ({ status, sequence }) => status === 200 && sequence === failed[0].sequence,
  );
  assert.ok(again.length >= 1 && again[0].raw.equals(failed[0].raw), "the bytes are the same");
  const taken = server.puts.filter(({ status }) => status === 200).map(({ sequence }) => sequence);
  assert.deepEqual(
    taken,
    [...taken].sort((a, b) => a - b),
  );
});

test("what could not be sent is sealed on disk and sent by the next page", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = Object.assign(({ method }) => method === "PUT", { drop: true });
  await page.evaluate(() => document.body.append("kept-in-the-spool"));
  await until("a spooled segment", () => page.evaluate(readSpool).then((held) => held.length > 0));
  const held = await page.evaluate(readSpool);
  assert.ok(!held.some((text) => text.includes("kept-in-the-spool")), "the spool is sealed");
  await page.waitForTimeout(500);
  const stored = () => server.events().some((event) => JSON.stringify(event).includes("kept-in-the-spool"));
  assert.ok(!stored());
  // The page that goes still tries to send its last words, and may be slow about it: only sealed segments pass now.
  server.failing = Object.assign(({ method, spool }) => method === "PUT" && !spool, { drop: true });
  await page.goto(`${server.shop}/plain?again`, { waitUntil: "commit" });
  await until("the spooled segment", stored);
  server.failing = null;
  assert.ok(
    server.puts.some(({ spool, status }) => spool && status === 200),
    "it came sealed",
  );
  await until("an empty spool", () => page.evaluate(readSpool).then((left) => left.length === 0));
});

test("a page that is left at once sends its last words", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.limits = { ...server.limits, flush_ms: 60_000 };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await until("the first segment", () => server.puts.some(({ status }) => status === 200));
  await page.evaluate(() => document.body.append("last-words"));
  await page.goto("about:blank");
  await until("the last words", () =>
    server.events().some((event) => JSON.stringify(event).includes("last-words")),
  );
});

test("stop throws away what was not sent, and nothing leaves afterwards", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = ({ method }) => method === "PUT";
  await page.evaluate((canary) => document.body.append(`${canary}-unsent`), CANARY);
  await until("a failed try", () => server.puts.some(({ status }) => status === 503));
  await page.evaluate((canary) => {
    document.body.append(`${canary}-last`);
    window.clerestory.stop();
  }, CANARY);
  const from = server.requests.length;
  server.failing = null;
  await page.evaluate((canary) => document.body.append(`${canary}-after`), CANARY);
  await page.waitForTimeout(1500);
  const later = server.requests.slice(from).filter(({ path }) => !path.endsWith("/end"));
  assert.deepEqual(
    later.map(({ path }) => path),
    [],
  );
  assert.ok(server.requests.some(({ path, text }) => path.endsWith("/end") && text.includes("stopped")));
  assert.ok(!server.events().some((event) => JSON.stringify(event).includes(CANARY)));
  assert.deepEqual(await page.evaluate(readSpool), []);
  await page.reload();
  await phase(page, "stopped");
  await page.evaluate(() => window.clerestory.start());
  await phase(page, "capturing");
});

test("stop in one tab is stop in all of the origin", async (context) => {
  const first = await open(context, "/plain");
  const second = await open(context, "/plain");
  await phase(first, "capturing");
  await phase(second, "capturing");
  await settled(second);
  await first.evaluate(() => window.clerestory.stop());
  await phase(second, "stopped");
  const from = server.puts.length;
  await second.evaluate((canary) => document.body.append(canary), CANARY);
  await second.waitForTimeout(800);
  assert.equal(server.puts.length, from);
});

test("the spool is bounded; what found no room is a gap", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = ({ method }) => method === "PUT";
  // Random text does not compress: each change is a segment of about 1.5 MB.
  for (let i = 0; i < 20; i += 1) {
    await page.evaluate((n) => {
      const bytes = Array.from({ length: 34 }, () => crypto.getRandomValues(new Uint8Array(65_000)));
      document.querySelector("p").textContent =
        `big-${n} ${btoa(bytes.map((part) => String.fromCharCode(...part)).join(""))}`;
    }, i);
    await page.waitForTimeout(350);
  }
  const size = () => page.evaluate(spoolSize);
  // Full, and nothing more on its way into it.
  let last = 0;
  let since = Date.now();
  await until(
    "a full spool",
    async () => {
      const now = await size();
      if (now !== last) since = Date.now();
      last = now;
      return now > 15 * 1024 * 1024 && Date.now() - since > 3000;
    },
    60_000,
  );
  assert.ok((await size()) <= 20 * 1024 * 1024, "it stays within its bounds");
  server.failing = null;
  await until("the gap", () => server.received.includes('"reason":"quota"'), 30_000);
  const told = (text) => server.puts.some(({ status, text: body }) => status === 200 && body.includes(text));
  await until("the newest", () => told("big-19 "), 30_000);
  assert.ok(!told("big-0 ") && !told("big-1 "), "the oldest went");
});

test("stop with flush sends what was captured", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.limits = { ...server.limits, flush_ms: 60_000 };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  await page.evaluate(async () => {
    document.body.append("flushed-words");
    await new Promise((resolve) => setTimeout(resolve, 50));
    window.clerestory.stop({ flush: true });
  });
  await until("the words", () =>
    server.events().some((event) => JSON.stringify(event).includes("flushed-words")),
  );
  await until("the end", () => server.requests.some(({ path }) => path.endsWith("/end")));
});

test("the page never meets an error of the recorder, and its own errors stay its own", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  const told = await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    const names = [];
    for (const run of [
      () => sheet.insertRule("p {} q {"),
      () => sheet.insertRule("p {}", 9),
      () => sheet.insertRule(),
    ]) {
      try {
        run();
        names.push("none");
      } catch (error) {
        names.push(error.name);
      }
    }
    return names;
  });
  assert.deepEqual(told, ["SyntaxError", "IndexSizeError", "TypeError"]);
  await page.evaluate(() => {
    JSON.stringify = () => {
      throw new Error("a page that breaks JSON");
    };
    document.body.append("x");
  });
  await phase(page, "failed");
  assert.deepEqual(errors, []);
});

test("a server that refuses every segment is left alone", async (context) => {
  server.refusing = 422;
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await until("three refusals", () => server.puts.length >= 3, 15_000);
  const times = server.puts.map(({ at }) => at);
  assert.ok(times[2] - times[0] >= 500, "it is not asked as fast as it can answer");
  server.refusing = 0;
  await until("an acknowledgement", () => server.puts.some(({ status }) => status === 200), 15_000);
  assert.ok(server.received.includes('"reason":"damaged"'));
});

test("stop and start again and again leaves nothing behind", async (context) => {
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  const session = await context.newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const { jsEventListeners } = await session.send("Memory.getDOMCounters");
    return { usedSize, jsEventListeners };
  };
  const round = async () => {
    await page.evaluate(() => window.clerestory.stop());
    await page.evaluate(() => window.clerestory.start());
    await phase(page, "capturing");
    await page.waitForTimeout(100);
  };
  for (let i = 0; i < 4; i += 1) await round();
  const before = await heap();
  for (let i = 0; i < 12; i += 1) await round();
  const after = await heap();
  assert.ok(after.jsEventListeners <= before.jsEventListeners + 5, JSON.stringify({ before, after }));
  assert.ok(after.usedSize - before.usedSize < 400_000, JSON.stringify({ before, after }));
  const natives = await page.evaluate(() => {
    window.clerestory.stop();
    return [
      CSSStyleSheet.prototype.insertRule,
      CSSStyleDeclaration.prototype.setProperty,
      Element.prototype.attachShadow,
    ].map((fn) => /native code/.test(String(fn)));
  });
  assert.deepEqual(natives, [true, true, true]);
});

test("a radio button may have any name", async (context) => {
  server.page(
    "/radio",
    `<!doctype html><html><head><!--snippet--></head><body><input type="radio" name='a"b'><input type="radio" name='a"b'></body></html>`,
  );
  const page = await open(context, "/radio");
  await phase(page, "capturing");
  await page.locator("input").first().click();
  await page.locator("input").last().click();
  await settled(page);
  assert.equal((await state(page)).phase, "capturing");
});

test("when the recorder breaks, what it captured before is sent, and a gap", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  const segments = server.puts.length;
  await page.evaluate(() => {
    const before = document.createElement("mark");
    document.body.append(before);
    return new Promise((resolve) => setTimeout(resolve));
  });
  await page.evaluate(() => {
    Element.prototype.getBoundingClientRect = () => {
      throw new Error("a page that breaks layout");
    };
    document.body.append(document.createElement("img"));
  });
  await phase(page, "failed");
  await until("the last segment", () => server.received.includes('"reason":"missing"'));
  const last = server.puts.slice(segments).map(({ text }) => text);
  assert.ok(last.some((text) => text.includes('"mark"')));
  assert.deepEqual(errors, []);
});

test("stopped and started again while the first start is on its way, capture begins", async (context) => {
  server.failing = ({ path }) => path.endsWith("/start");
  const page = await open(context, "/plain");
  await until("a start", () => server.requests.length > 0);
  await page.evaluate(() => {
    window.clerestory.stop();
    window.clerestory.start();
  });
  server.failing = null;
  await phase(page, "capturing");
});

test("the end of a stopped recording takes nothing from the one begun meanwhile", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  const first = new Set(server.tracks.keys());
  let held = true;
  server.failing = ({ method, track }) => held && method === "PUT" && first.has(track);
  await page.evaluate(async () => {
    document.body.append("the last of the first");
    await new Promise((resolve) => setTimeout(resolve, 50));
    window.clerestory.stop({ flush: true });
    window.clerestory.start();
  });
  await phase(page, "capturing");
  await until("a second track", () => [...server.tracks.keys()].some((track) => !first.has(track)));
  held = false;
  await until("the end of the first", () => server.requests.some(({ path }) => path.endsWith("/end")));
  await page.evaluate(() => document.body.append(document.createElement("mark")));
  const second = [...server.tracks.keys()].find((track) => !first.has(track));
  await until("more of the second", () => JSON.stringify(server.events(second)).includes('"mark"'));
  assert.equal((await state(page)).phase, "capturing");
});

test("a form may have controls of any name", async (context) => {
  const names = ["parentNode", "parentElement", "localName", "getAttribute", "nextSibling", "firstChild"];
  server.rules = { ...server.rules, exclude: [".x"], unmask: ["body"] };
  server.page(
    "/clobbered",
    `<!doctype html><html><head><!--snippet--></head><body><div class="x"><form><input name="nodeType" value="${CANARY}">${names
      .map((name) => `<input name="${name}" value="${CANARY}">`)
      .join("")}</form></div><form><p>first-of-it</p>${names
      .map((name) => `<input name="${name}">`)
      .join("")}</form><p>behind-it</p></body></html>`,
  );
  const page = await open(context, "/clobbered");
  await phase(page, "capturing");
  await page.evaluate((canary) => {
    for (const form of document.querySelectorAll("form")) form.append(`${canary}-added`);
    document.querySelectorAll("form")[1].lastChild.data = "added-to-it";
  }, CANARY);
  await settled(page);
  for (const text of ["first-of-it", "behind-it", "added-to-it"])
    assert.ok(server.received.includes(text), text);
  assert.ok(!server.received.includes(CANARY));
  assert.equal((await state(page)).phase, "capturing");
  assert.deepEqual(errors, []);
});

test("an error while the page is read in slices ends the recording and stays with us", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await page.evaluate(() => {
    const { now } = performance;
    let calls = 0;
    document.body.append(...Array.from({ length: 3000 }, () => document.createElement("p")));
    performance.now = () => {
      calls += 1;
      if (new Error().stack.includes("core-") && calls > 1) throw new Error("a page that breaks the clock");
      return now.call(performance);
    };
  });
  await phase(page, "failed");
  assert.deepEqual(errors, []);
});
