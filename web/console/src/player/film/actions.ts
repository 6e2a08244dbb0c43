/**
 * What somebody did while their screen was recorded, as marks for the list and the lane. The recorder tells facts and
 * never what was typed or copied; what is told is parsed, as everything that enters.
 */
import * as v from "valibot";
import { plural } from "../../lib/format";
import { placeOf } from "../../lib/recording";
import type { Mark } from "../lane";

const ms = v.pipe(v.number(), v.minValue(0));
const count = v.pipe(v.number(), v.minValue(0));
/** Not told of a page whose address the server did not know. */
const untold = v.optional(v.nullable(count), null);
const words = v.optional(v.nullable(v.string()), null);
const target = v.object({ role: words, name: words, tag: words });

const Action = v.variant("kind", [
  v.object({ t: ms, kind: v.literal("navigate"), url: v.string(), title: words }),
  v.object({ t: ms, kind: v.literal("tab"), url: words, title: words }),
  v.object({ t: ms, kind: v.literal("click"), target }),
  v.object({ t: ms, kind: v.literal("submit"), target }),
  v.object({ t: ms, kind: v.picklist(["copy", "cut", "paste"]), length: untold }),
  v.object({ t: ms, kind: v.literal("scroll"), depth: v.number() }),
  v.object({ t: ms, kind: v.literal("keys"), count: untold, ms: count }),
  v.object({ t: ms, kind: v.literal("idle"), ms: count }),
  v.object({ t: ms, kind: v.literal("pause"), reason: v.string() }),
]);
type Action = v.InferOutput<typeof Action>;

export interface Told {
  marks: Mark[];
  /** When nobody did anything, in milliseconds. */
  idle: { fromMs: number; toMs: number }[];
}

/** Reads a segment of actions. What is not understood is left out: gaps among them, which the tracks tell of. */
export function readActions(bytes: ArrayBuffer): Told {
  const told: Told = { marks: [], idle: [] };
  let list: unknown;
  try {
    list = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return told; // The server writes these lists out itself; an empty body is one that holds nothing.
  }
  for (const entry of Array.isArray(list) ? list : []) {
    const action = v.safeParse(Action, entry);
    if (!action.success) continue;
    told.marks.push(markOf(action.output));
    if (action.output.kind === "idle") {
      const { atMs, forMs } = endingAt(action.output);
      told.idle.push({ fromMs: atMs, toMs: atMs + forMs });
    }
  }
  return told;
}

/** Pressed keys and idle times are told when they are over: they end at `t`. What began before the recording is cut. */
function endingAt({ t, ms }: { t: number; ms: number }): Pick<Mark, "atMs" | "forMs"> {
  const atMs = Math.max(0, t - ms);
  return { atMs, forMs: t - atMs };
}

const ROLES: Record<string, string> = {
  a: "a link",
  link: "a link",
  button: "a button",
  input: "a field",
  textbox: "a field",
  searchbox: "a search field",
  checkbox: "a checkbox",
  combobox: "a list",
  select: "a list",
  tab: "a tab",
  img: "a picture",
  form: "a form",
};

function markOf(action: Action): Mark {
  const mark = (kind: Mark["kind"], verb: string, object = "", more: Partial<Mark> = {}): Mark => ({
    kind,
    atMs: action.t,
    forMs: 0,
    verb,
    object,
    detail: "",
    element: "",
    ...more,
  });
  switch (action.kind) {
    case "navigate":
      return mark("page", "Page", placeOf(action.url), { detail: action.title ?? "" });
    case "tab":
      return mark("page", "Went to", action.url === null ? "another tab" : placeOf(action.url), {
        detail: action.title ?? "",
      });
    case "click":
      return mark("click", "Clicked", called(action.target), { element: action.target.tag ?? "" });
    case "submit":
      return mark("submit", "Sent", called(action.target, "a form"), { element: action.target.tag ?? "" });
    case "copy":
    case "cut":
    case "paste":
      return mark(
        action.kind === "paste" ? "paste" : "copy",
        VERBS[action.kind],
        action.length === null ? "something" : plural(action.length, "character"),
        {
          detail: "What it says is not recorded",
        },
      );
    case "scroll":
      return mark("scroll", "Scrolled", `to ${Math.round(Math.min(1, Math.max(0, action.depth)) * 100)} %`);
    case "keys":
      return mark("input", "Pressed", action.count === null ? "keys" : plural(action.count, "key"), {
        ...endingAt(action),
        detail: "Which ones is not recorded",
      });
    case "idle":
      return mark(
        "idle",
        "Did nothing",
        `for ${plural(Math.round(action.ms / 1000), "second")}`,
        endingAt(action),
      );
    case "pause":
      return mark("note", "Paused", action.reason);
  }
}

const VERBS = { copy: "Copied", cut: "Cut", paste: "Pasted" } as const;

/** What something is called: its name, or what it is. */
function called({ role, name, tag }: v.InferOutput<typeof target>, otherwise = "the page"): string {
  if (name) return name;
  return ROLES[role ?? ""] ?? ROLES[tag ?? ""] ?? otherwise;
}
