import { QueryClientProvider } from "@tanstack/react-query";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { SettingItem } from "../../api/types";
import { queryClient } from "../../queryClient";
import { soon } from "../../testing/soon";
import { RetentionDialog } from "./RetentionDialog";

const setting: SettingItem = {
  name: "retention.replay",
  note: "How long web sessions are kept.",
  kind: "duration",
  values: "a time",
  words: null,
  default: "P90D",
  levels: ["organisation", "domain", "project"],
  strict: "lower",
  locks: ["none"],
  value: "P90D",
  doubtful: false,
  steps: [],
};
const project = `prj_${"0".repeat(32)}`;
const domain = `dom_${"0".repeat(32)}`;

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

let asked: Asked[];
let answers: ((asked: Asked) => [number, unknown])[];
let page: Root;

const answer = (status: number, body: unknown) => () => [status, body] as [number, unknown];
const preview = (newly_due: number) =>
  answer(200, {
    // biome-ignore lint/suspicious/noThenProperty: a number, and the API's own name
    items: [{ class: "replay", days: 30, newly_due, next: [{ now: 1, then: 2 }] }],
  });
const recounted = (due: number) =>
  answer(409, {
    type: "urn:clerestory:problem:retention-shortens",
    title: "Recordings would be erased",
    status: 409,
    errors: [{ path: "confirms", message: String(due) }],
  });
const done = answer(200, { version: 5 });

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const one = { method: init.method ?? "", path: url, body: JSON.parse(String(init.body ?? "{}")) };
    asked.push(one);
    const next = answers.shift();
    if (!next) throw new Error(`nothing was to be asked: ${one.method} ${one.path}`);
    const [status, body] = next(one);
    return new Response(JSON.stringify(body), { status });
  });
});
afterEach(() => {
  page.unmount();
  vi.unstubAllGlobals();
  queryClient.clear();
});

function open(place: string | null, then: typeof answers, of = setting): { closed: () => boolean } {
  answers = then;
  let closed = false;
  page = createRoot(document.body.appendChild(document.createElement("div")));
  page.render(
    <QueryClientProvider client={queryClient}>
      <RetentionDialog
        setting={of}
        place={place}
        placeName="here"
        version={4}
        onClose={() => {
          closed = true;
        }}
      />
    </QueryClientProvider>,
  );
  return { closed: () => closed };
}

const press = async (name: string) => {
  const button = await soon(() => {
    const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
    if (!found) throw new Error(`there is no button ${name}`);
    return found;
  });
  button.click();
};
const type = async (text: string) => {
  const field = await soon(() => {
    const found = document.querySelector<HTMLInputElement>('input[name="value"]');
    if (!found) throw new Error("there is no field");
    return found;
  });
  field.value = text;
};
const says = (text: RegExp) => soon(() => expect(document.body.textContent).toMatch(text));

it("says what a shorter time erases before it is said, and sends the number that was shown", async () => {
  const { closed } = open(null, [preview(12), done]);
  await type("30 days");
  await press("See what it erases");
  await says(/12 recordings are older than that/);
  expect(asked.map(({ method }) => method)).toEqual(["POST"]);
  await press("Keep it for less, and erase these");
  await soon(() => expect(closed()).toBe(true));
  expect(asked[1]?.body).toEqual({ value: "P30D", lock: "none", confirms: 12 });
});

it("asks once more where the server counts more than was shown", async () => {
  const { closed } = open(project, [preview(12), recounted(40), done]);
  await type("30");
  await press("See what it erases");
  await press("Keep it for less, and erase these");
  await says(/It was counted again.*40 recordings are older/);
  expect(closed()).toBe(false);
  await press("Keep it for less, and erase these");
  await soon(() => expect(closed()).toBe(true));
  expect(asked[0]?.body).toMatchObject({ project });
  expect(asked[2]?.body).toMatchObject({ node: project, confirms: 40 });
});

it("asks for the number when it is said, where nothing tells it before", async () => {
  const { closed } = open(domain, [recounted(3), done]);
  await type("30");
  await press("See what it erases");
  await says(/you are told how much and asked once more/);
  await press("Say it");
  await says(/3 recordings are older/);
  await press("Keep it for less, and erase these");
  await soon(() => expect(closed()).toBe(true));
  expect(asked[0]?.body).not.toHaveProperty("confirms");
});

it("confirms nothing where the time is longer", async () => {
  const { closed } = open(null, [preview(0), done]);
  await type("120 days");
  await press("See what it erases");
  await says(/brings nothing back/);
  await press("Say it");
  await soon(() => expect(closed()).toBe(true));
  expect(asked[1]?.body).toEqual({ value: "P120D", lock: "none" });
});

it("asks too where nothing more is to be said here, and that shortens", async () => {
  const step = {
    place: { level: "organisation", id: "org_1" },
    value: "P90D",
    lock: "none",
    outcome: "holds",
    after: "P90D",
    version: 3,
    set_at: null,
    set_by: null,
    reason: null,
  };
  const { closed } = open(null, [recounted(5), done], { ...setting, steps: [step] });
  await type("90 days");
  document.querySelector<HTMLInputElement>('input[type="checkbox"]')?.click();
  await press("See what it erases");
  await press("Say it");
  await says(/5 recordings are older/);
  await press("Keep it for less, and erase these");
  await soon(() => expect(closed()).toBe(true));
  expect(asked[1]?.body).toEqual({ value: null, lock: "none", confirms: 5 });
});

it("sends nothing that is no time", async () => {
  open(null, []);
  await type("soon");
  await press("See what it erases");
  await soon(() => expect(document.querySelector('[role="alert"]')).not.toBeNull());
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(document.querySelector('input[name="value"]')).not.toBeNull();
  expect(asked).toEqual([]);
});
