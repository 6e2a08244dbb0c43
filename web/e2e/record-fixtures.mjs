// Records the demo's sessions: starts the binary, drives Chromium through real visits to the shop, plays the
// recordings through the API and keeps their events as plain rrweb JSON in fixtures/sessions/*.json.gz.
//
//   node web/e2e/record-fixtures.mjs
//
// Nothing in a fixture is written by hand. The visits run side by side and last about a minute and a half.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import { Api } from "./lib/api.mjs";
import { launchBrowser } from "./lib/browser.mjs";
import { repository } from "./lib/paths.mjs";
import { startServer, stopAll } from "./lib/server.mjs";
import { waitForRecorder } from "./lib/shop.mjs";
import { pause, waitFor } from "./lib/wait.mjs";

const folder = path.join(repository, "fixtures", "sessions");
const MOST_BYTES = 10 * 1024 * 1024;
const DESK = { width: 1280, height: 800 };
const LAPTOP = { width: 1024, height: 700 };
const TABLET = { width: 820, height: 1100 };
const PHONE = { width: 390, height: 780 };

/** A visitor with hands: moves in steps, types letter by letter, waits between things. */
class Visitor {
  #random;

  constructor(page, info, seed) {
    this.page = page;
    this.info = info;
    let state = seed;
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 4_294_967_296;
    };
  }

  look(seconds = 2) {
    return pause(seconds * 1000 * (0.7 + this.#random() * 0.6));
  }

  async open(address) {
    await this.page.goto(`${this.info.shop}${address}`);
    if (!address.startsWith("/account/cards")) await waitForRecorder(this.page);
    await this.look(1.5);
  }

  async moveTo(target) {
    await target.scrollIntoViewIfNeeded();
    const box = await target.boundingBox();
    if (!box) return;
    const x = box.x + box.width * (0.3 + this.#random() * 0.4);
    const y = box.y + box.height * (0.3 + this.#random() * 0.4);
    await this.page.mouse.move(x, y, { steps: 14 + Math.floor(this.#random() * 14) });
    await pause(120 + this.#random() * 260);
  }

  async click(target) {
    await this.moveTo(target);
    await target.click();
    await this.look(0.9);
  }

  async type(target, text) {
    await this.click(target);
    await target.pressSequentially(text, { delay: 45 + this.#random() * 60 });
    await this.look(0.4);
  }

  async scroll(by, steps = 6) {
    for (let step = 0; step < steps; step += 1) {
      await this.page.mouse.wheel(0, by / steps);
      await pause(90 + this.#random() * 120);
    }
    await this.look(0.7);
  }

  button = (name, exact = true) => this.page.getByRole("button", { name, exact });
  link = (name) => this.page.getByRole("link", { name }).first();
  field = (name) => this.page.getByLabel(name, { exact: true });
}

const fillCheckout = async (v, { name, email, street, postcode, town, note }) => {
  await v.type(v.field("Name"), name);
  await v.type(v.field("E-mail"), email);
  await v.type(v.field("Street and number"), street);
  await v.type(v.field("Postcode"), postcode);
  await v.type(v.field("Town"), town);
  if (note) await v.type(v.field("Note for the driver"), note);
  await v.type(v.field("Name on the card"), name);
  await v.type(v.field("Card number"), "4000 0566 5566 5556");
  await v.type(v.field("Valid until"), "04/29");
  await v.type(v.field("Code"), "123");
};

/** What each visitor does. Names and addresses are invented. */
export const VISITS = [
  {
    file: "kettle-bought",
    title: "Buys a kettle, corrects the address",
    viewport: DESK,
    async run(v) {
      await v.open("/index.html");
      await v.scroll(500);
      await v.click(v.button("Kitchen"));
      await v.click(v.link(/Enamel kettle/));
      await v.look(2);
      await v.click(v.page.getByRole("tab", { name: "Care" }));
      await v.click(v.page.getByRole("tab", { name: "Reviews" }));
      await v.look(2);
      await v.click(v.button("Add to basket"));
      await v.click(v.link("See the basket"));
      await v.click(v.link("Check out"));
      await v.click(v.button("Place the order"));
      await v.look(2);
      await fillCheckout(v, {
        name: "Ines Calder",
        email: "ines.calder@example.org",
        street: "11 Quarry Lane",
        postcode: "00120",
        town: "Elmholt",
        note: "Ring twice.",
      });
      await v.click(v.page.getByLabel("Express, tomorrow"));
      await v.click(v.button("Place the order"));
      await v.look(3);
    },
  },
  {
    file: "socks-on-phone",
    title: "Looks for wool socks on a phone",
    viewport: PHONE,
    touch: true,
    async run(v) {
      await v.open("/index.html");
      await v.scroll(900, 10);
      await v.open("/search.html");
      await v.type(v.page.locator("#q"), "wool");
      await v.click(v.link(/Wool socks/));
      await v.look(2);
      await v.click(v.button("Sizes and measures"));
      await v.look(3);
      await v.click(v.button("Close"));
      await v.page.locator("select[name=size]").selectOption({ index: 1 });
      await v.look(1);
      await v.type(v.page.locator("fernwick-delivery input"), "30100");
      await v.click(v.button("When?"));
      await v.look(2);
      await v.click(v.button("Add to basket"));
      await v.click(v.link("See the basket"));
      await v.click(v.button("One Wool socks more"));
      await v.look(2);
    },
  },
  {
    file: "account-and-address",
    title: "Changes an address in the account",
    viewport: DESK,
    async run(v) {
      await v.open("/account/index.html");
      await v.scroll(300);
      await v.click(v.button("Change address"));
      await v.page.getByLabel("Street, postcode and town").fill("");
      await v.type(v.page.getByLabel("Street, postcode and town"), "9 Mill Row, 00140 Elmholt");
      await v.click(v.button("Save"));
      await v.type(v.page.locator("#driver-note"), " Please do not ring after eight.");
      await v.click(v.button("Save the note"));
      await v.open("/account/cards.html");
      await v.look(6);
      await v.click(v.link("Back to your account"));
      await waitForRecorder(v.page);
      await v.scroll(600);
      await v.click(v.link(/Storm lantern/));
      await v.look(2);
      await v.click(v.button("Add to basket"));
      await v.look(3);
    },
  },
  {
    file: "long-read",
    title: "Reads the journal and the guide",
    viewport: TABLET,
    async run(v) {
      await v.open("/journal.html");
      for (let round = 0; round < 7; round += 1) {
        await v.scroll(900, 9);
        await v.look(1.2);
      }
      await v.scroll(-1500, 8);
      await v.open("/guide/index.html");
      for (const chapter of ["Kettles", "Linen", "Knives", "Wax", "Linen"]) {
        await v.click(v.page.getByRole("navigation", { name: "Guide" }).getByRole("link", { name: chapter }));
        await v.look(3);
      }
      await v.page.goBack();
      await v.look(2);
    },
  },
  {
    file: "voucher-fails",
    title: "Tries vouchers and leaves",
    viewport: LAPTOP,
    async run(v) {
      await v.open("/product.html?p=linen-throw");
      await v.click(v.page.getByRole("button", { name: "Look closer" }));
      await v.look(2);
      await v.click(v.button("Close"));
      await v.click(v.button("Add to basket"));
      await v.click(v.link("See the basket"));
      for (const code of ["WINTER20", "LINEN", "FERN"]) {
        await v.page.locator("#voucher-code").fill("");
        await v.type(v.page.locator("#voucher-code"), code);
        await v.click(v.button("Apply"));
        await v.look(1.5);
      }
      await v.click(v.button("Apply"));
      await v.click(v.button("Apply"));
      await v.click(v.button("Apply"));
      await v.click(v.button("One Linen throw, moss less"));
      await v.look(3);
      await v.open("/index.html");
      await v.scroll(400);
    },
  },
  {
    file: "account-made",
    title: "Makes an account at checkout",
    viewport: DESK,
    async run(v) {
      await v.open("/index.html");
      await v.page.getByLabel("Sort").selectOption("rating");
      await v.look(1.5);
      await v.click(v.link(/Stoneware mug/));
      await v.page.getByLabel("How many").fill("4");
      await v.click(v.button("Add to basket"));
      await v.click(v.link("See the basket"));
      await v.type(v.page.locator("#voucher-code"), "FERN10");
      await v.click(v.button("Apply"));
      await v.click(v.link("Check out"));
      await v.click(v.page.getByLabel("Create an account"));
      await v.type(v.page.locator("#new-password"), "seven plain lanterns");
      await v.click(v.button("Show"));
      await v.look(1);
      await v.click(v.button("Hide"));
      await fillCheckout(v, {
        name: "Jonas Verrel",
        email: "jonas.verrel@example.org",
        street: "3 Harbour Steps",
        postcode: "20100",
        town: "Norrvik",
      });
      await v.click(v.page.getByLabel("It is a gift"));
      await v.click(v.button("Place the order"));
      await v.look(3);
    },
  },
  {
    file: "two-tabs",
    title: "Compares two pans in two tabs",
    viewport: LAPTOP,
    async run(v) {
      await v.open("/product.html?p=cast-pan");
      const other = await v.page.context().newPage();
      await other.goto(`${v.info.shop}/product.html?p=paring-knife`);
      await waitForRecorder(other);
      const second = new Visitor(other, v.info, 99);
      await second.click(other.getByRole("tab", { name: "Sizes" }));
      await second.look(4);
      await v.page.bringToFront();
      await v.click(v.page.getByRole("tab", { name: "Reviews" }));
      await v.look(3);
      await other.bringToFront();
      await second.click(second.button("Add to basket"));
      await second.look(3);
      await other.close();
      await v.page.bringToFront();
      await v.scroll(500);
      await v.click(v.button("Add to basket"));
      await v.look(3);
    },
  },
  {
    file: "first-look",
    title: "A first look on a phone",
    viewport: PHONE,
    touch: true,
    async run(v) {
      await v.open("/index.html");
      await v.scroll(1400, 14);
      await v.scroll(-900, 8);
      await v.click(v.button("Garden"));
      await v.click(v.link(/Watering can/));
      await v.look(3);
      await v.scroll(700, 7);
      await v.click(v.page.getByRole("tab", { name: "Care" }));
      await v.look(3);
    },
  },
];

export async function makeVisit(browser, info, visit, seed) {
  const context = await browser.newContext({
    viewport: visit.viewport,
    hasTouch: visit.touch ?? false,
    locale: "en-GB",
  });
  const page = await context.newPage();
  let recording = null;
  page.on("response", async (response) => {
    if (!response.url().endsWith("/capture/start") || response.status() !== 201) return;
    recording ??= (await response.json().catch(() => null))?.recording ?? null;
  });
  await visit.run(new Visitor(page, info, seed));
  const until = Date.now();
  await pause(6_000);
  await context.close();
  if (!recording) throw new Error(`${visit.file}: the recorder never started`);
  process.stdout.write(`  ${visit.file}: visited\n`);
  return { ...visit, recording, until };
}

async function keep(api, visit) {
  const item = await waitFor(
    `all of ${visit.file}`,
    async () => {
      const now = await api.get(`/recordings/${visit.recording}`);
      return Date.parse(now.started_at) + now.duration_us / 1000 > visit.until - 5_000 ? now : null;
    },
    { timeoutMs: 40_000, everyMs: 500 },
  );
  const tracks = await api.tracks(visit.recording, "Recording the demo's fixtures");
  return tracks.map(({ events }, at) => keepTrack(visit, item.started_at, events, at));
}

/** One file for each tab. */
function keepTrack(visit, startedAt, events, at) {
  const packed = zlib.gzipSync(JSON.stringify(events), { level: 9 });
  const file = `${visit.file}${at === 0 ? "" : `-${at + 1}`}.json.gz`;
  writeFileSync(path.join(folder, file), packed);
  const entry = {
    file,
    title: at === 0 ? visit.title : `${visit.title}, tab ${at + 1}`,
    viewport: visit.viewport,
    duration_ms: events.at(-1).timestamp - events[0].timestamp,
    recorded_at: at === 0 ? startedAt : new Date(events[0].timestamp).toISOString(),
  };
  process.stdout.write(
    `  ${file}: ${events.length} events, ${Math.round(packed.length / 1024)} KB, ${Math.round(entry.duration_ms / 1000)} s\n`,
  );
  return { entry, bytes: packed.length };
}

async function main() {
  mkdirSync(folder, { recursive: true });
  const server = await startServer();
  const api = new Api(server.info);
  await api.signInByLink();
  const browser = await launchBrowser();
  try {
    // Four at a time: more would starve each other on two cores and stretch every pause.
    const visited = [];
    const waiting = VISITS.map((visit, at) => ({ visit, seed: 1000 + at * 77 }));
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        visited.push(await makeVisit(browser, server.info, next.visit, next.seed));
      }
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    for (const old of readdirSync(folder)) rmSync(path.join(folder, old));
    const kept = [];
    for (const visit of VISITS) {
      const made = visited.find((candidate) => candidate.file === visit.file);
      kept.push(...(await keep(api, made)));
    }
    const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > MOST_BYTES) throw new Error(`the fixtures are ${total} bytes, more than ${MOST_BYTES}`);
    const index = kept.map(({ entry }) => entry);
    writeFileSync(path.join(folder, "..", "index.json"), `${JSON.stringify(index, null, 2)}\n`);
    process.stdout.write(`${kept.length} sessions, ${Math.round(total / 1024)} KB in fixtures/sessions\n`);
  } finally {
    await browser.close();
    await server.stop();
    server.discard();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } finally {
    await stopAll();
  }
}
