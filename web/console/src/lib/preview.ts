/** What a page in preview tells the editor. It is another origin: every message is parsed before it is believed. */
import * as v from "valibot";

const Rect = v.object({ x: v.number(), y: v.number(), width: v.number(), height: v.number() });
const Decision = v.picklist(["shown", "masked", "excluded", "blocked"]);
const PathStep = v.object({
  selector: v.pipe(v.string(), v.maxLength(400)),
  label: v.pipe(v.string(), v.maxLength(400)),
  rect: Rect,
  decision: Decision,
});
const Pointed = {
  selector: v.pipe(v.string(), v.maxLength(400)),
  path: v.array(PathStep),
  rect: Rect,
  decision: Decision,
};

export const Hello = v.object({
  clerestory: v.literal("preview-ready"),
  url: v.pipe(v.string(), v.startsWith("/"), v.maxLength(2000)),
});

const Event = v.looseObject({ type: v.number(), timestamp: v.number() });

export const PreviewMessage = v.variant("kind", [
  v.object({ kind: v.literal("events"), events: v.array(Event), bytes: v.number(), reset: v.boolean() }),
  v.object({
    kind: v.literal("counts"),
    shown: v.number(),
    masked: v.number(),
    excluded: v.number(),
    page_bytes: v.number(),
    leaving_bytes: v.number(),
  }),
  v.object({
    kind: v.literal("rects"),
    items: v.pipe(v.array(v.object({ rect: Rect, decision: Decision })), v.maxLength(400)),
  }),
  v.object({ kind: v.literal("hover"), ...Pointed }),
  v.object({ kind: v.literal("picked"), ...Pointed }),
  v.object({ kind: v.literal("denied"), url: v.string() }),
  v.object({
    kind: v.literal("refused"),
    message: v.string(),
    errors: v.optional(v.array(v.object({ path: v.string(), message: v.string() })), []),
  }),
]);
export type PreviewMessage = v.InferOutput<typeof PreviewMessage>;
export type PreviewEvent = v.InferOutput<typeof Event>;
type Of<K extends PreviewMessage["kind"]> = Extract<PreviewMessage, { kind: K }>;
export type Picked = Of<"picked">;
export type Counts = Of<"counts">;

/** Everything known about the page in the frame. */
export interface PreviewState {
  /** The path it shows, or null until it has said hello. */
  url: string | null;
  counts: Counts | null;
  pieces: Of<"rects">["items"];
  picked: Picked | null;
  denied: boolean;
  refused: Of<"refused"> | null;
  /** Events since the last whole picture, which is the first among them. */
  events: readonly PreviewEvent[];
  /** Rises with every whole picture. */
  picture: number;
}

export const nothingYet: PreviewState = {
  url: null,
  counts: null,
  pieces: [],
  picked: null,
  denied: false,
  refused: null,
  events: [],
  picture: 0,
};

export type PreviewAction = { kind: "hello"; url: string } | { kind: "unpick" } | PreviewMessage;

/** One message later. */
export function previewReducer(state: PreviewState, action: PreviewAction): PreviewState {
  switch (action.kind) {
    case "hello":
      return { ...nothingYet, url: action.url, picture: state.picture };
    case "unpick":
      return { ...state, picked: null };
    case "events":
      return action.reset
        ? { ...state, events: action.events, picture: state.picture + 1, denied: false, refused: null }
        : { ...state, events: [...state.events, ...action.events] };
    case "counts":
      return { ...state, counts: action };
    case "rects":
      return { ...state, pieces: action.items };
    case "hover":
      return state;
    case "picked":
      return { ...state, picked: action };
    case "denied":
      return { ...state, denied: true, events: [], counts: null, pieces: [], picture: state.picture + 1 };
    case "refused":
      return { ...state, refused: action };
  }
}
