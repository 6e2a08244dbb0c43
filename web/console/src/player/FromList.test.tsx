import { expect, it } from "vitest";
import { dropDraft, keepDraft, newComment } from "../lib/drafts";
import { ada, button, draw, onPage, says, sessionOf, text } from "../testing/draw";
import { serve } from "../testing/fakeServer";
import { soon } from "../testing/soon";
import { FromList } from "./FromList";
import type { PlaySession } from "./session";
import type { PlayerState } from "./state";

const recording = {
  id: "rec_1",
  source: "screen",
  started_at: "2026-11-20T10:00:00Z",
  duration_us: 60_000_000,
  live: false,
  tracks: [],
  subject: { id: "sub_1", label: "Olive Owl" },
};
const item = (n: number) => ({
  kind: "clip",
  id: `clp_${n}`,
  recording,
  title: `Clip ${n}`,
  from_ms: 0,
  to_ms: 1000,
});

/** A session that says what it is told to say. */
function told() {
  let state = { recording, wantsPlay: false, atMs: 0, phase: { kind: "sealed" } } as unknown as PlayerState;
  const heard = new Set<() => void>();
  const session = {
    get state() {
      return state;
    },
    subscribe: (hear: () => void) => {
      heard.add(hear);
      return () => heard.delete(hear);
    },
  } as unknown as PlaySession;
  const say = (change: Partial<PlayerState>) => {
    state = { ...state, ...change };
    for (const hear of heard) hear();
  };
  return { session, say };
}

/** What was said has been drawn, and what follows from it. */
const drawn = () => new Promise((done) => setTimeout(done, 20));
const open = { kind: "open" } as PlayerState["phase"];

function show(at: number) {
  serve({
    "GET /playlists/lst_1": () => ({
      id: "lst_1",
      title: "For newcomers",
      made_by: ada,
      mine: true,
      items: [item(1), item(2)],
      hidden: 0,
    }),
  });
  const { session, say } = told();
  draw(onPage(<FromList session={session} from={{ list: "lst_1", item: at }} />), sessionOf([]));
  return say;
}

it("goes on by itself where playing came to the end, unless one stays", async () => {
  const say = show(0);
  await says("1 of 2");
  say({ phase: open, wantsPlay: true, atMs: 30_000 });
  await soon(() => expect(text()).not.toContain("begins in a moment"));
  say({ wantsPlay: false, atMs: 60_000 });
  await says("Clip 2 begins in a moment.");
  (await button("Stay here")).click();
  await soon(() => expect(text()).not.toContain("begins in a moment"));
});

it("waits while somebody writes about what they saw, also where they look at something else meanwhile", async () => {
  const say = show(0);
  await says("1 of 2");
  keepDraft(newComment("rec_1"), "Look at");
  say({ phase: open, wantsPlay: true, atMs: 30_000 });
  await drawn();
  say({ wantsPlay: false, atMs: 60_000 });
  await says("The next one waits while you write.");
  expect(text()).not.toContain("begins in a moment");
  dropDraft(newComment("rec_1"));
  await says("Clip 2 begins in a moment.");
});

it("waits while somebody is at a field of the player, before the first letter", async () => {
  const player = document.body.appendChild(document.createElement("div"));
  player.className = "player";
  const field = player.appendChild(document.createElement("textarea"));
  const say = show(0);
  await says("1 of 2");
  field.focus();
  say({ phase: open, wantsPlay: true, atMs: 30_000 });
  await drawn();
  say({ wantsPlay: false, atMs: 60_000 });
  await says("The next one waits while you write.");
  expect(text()).not.toContain("begins in a moment");
  field.remove();
  await says("Clip 2 begins in a moment.");
});

it("does not go on where somebody paused, and says which was the last", async () => {
  const say = show(1);
  await says("2 of 2");
  say({ phase: open, wantsPlay: true, atMs: 10_000 });
  await drawn();
  say({ wantsPlay: false });
  await drawn();
  expect(text()).not.toContain("last one");
  say({ wantsPlay: true });
  await drawn();
  say({ wantsPlay: false, atMs: 60_000 });
  await says("That was the last one.");
});
