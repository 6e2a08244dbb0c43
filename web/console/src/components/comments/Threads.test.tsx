import { afterEach, expect, it } from "vitest";
import type { Comment } from "../../api/coaching";
import { currentNotice, dismiss, undoLast } from "../../lib/notices";
import { ada, button, draw, says, sessionOf, text } from "../../testing/draw";
import { serve } from "../../testing/fakeServer";
import { soon } from "../../testing/soon";
import { Threads } from "./Threads";
import { useComments } from "./useComments";

const bo = { id: "per_2", name: "Bo", initials: "B" };
const first: Comment = {
  id: "cmt_1",
  at_ms: 8000,
  to_ms: null,
  text: "Look at the mail first.",
  author: bo,
  written_at: "2026-11-20T09:00:00Z",
  edited_at: null,
  answers: null,
  mine: false,
};
const own: Comment = { ...first, id: "cmt_2", at_ms: 9000, text: "I did.", author: ada, mine: true };

afterEach(() => dismiss(currentNotice()?.n ?? -1));

function Page({
  onSeek = null,
  mayDelete = false,
}: {
  onSeek?: ((ms: number) => void) | null;
  mayDelete?: boolean;
}) {
  const comments = useComments("rec_1", true);
  return <Threads comments={comments} onSeek={onSeek} now={null} mayWrite mayDelete={mayDelete} />;
}

const label = (name: string) =>
  soon(() => {
    const found = document.querySelector<HTMLButtonElement>(`[aria-label="${name}"]`);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  });

const type = (words: string) => {
  const field = document.querySelector<HTMLTextAreaElement>("textarea");
  if (!field) throw new Error("there is no field");
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(field, words);
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

it("leads to the moment, and answers below it", async () => {
  const asked = serve({
    "GET /recordings/rec_1/comments": () => ({ items: [first] }),
    "POST /recordings/rec_1/comments": (body) => ({ ...own, ...body, to_ms: null, id: "cmt_3" }),
  });
  const sought: number[] = [];
  draw(<Page onSeek={(ms) => sought.push(ms)} />, sessionOf([]));
  (await label("Go to 00:08")).click();
  expect(sought).toEqual([8000]);
  (await label("Answer Bo")).click();
  await soon(() => type("There was no mail."));
  (await button("Answer")).click();
  await says("There was no mail.");
  expect(asked.at(-1)).toContain('{"at_ms":8000,"text":"There was no mail.","answers":"cmt_1"}');
});

it("lets one change and delete one's own, and nobody else's", async () => {
  serve({ "GET /recordings/rec_1/comments": () => ({ items: [first, own] }) });
  draw(<Page />, sessionOf([]));
  await says("I did.");
  expect(document.querySelectorAll('[aria-label="Change your comment"]')).toHaveLength(1);
  expect(document.querySelector('[aria-label="Delete the comment of Bo"]')).toBeNull();
});

it("keeps a change, and says that it was changed", async () => {
  const asked = serve({
    "GET /recordings/rec_1/comments": () => ({ items: [own] }),
    "PATCH /comments/cmt_2": () => ({ ...own }),
  });
  draw(<Page />, sessionOf([]));
  (await label("Change your comment")).click();
  await soon(() => type("I did, twice."));
  (await button("Keep the change")).click();
  await says("I did, twice.");
  await says("changed");
  expect(asked.at(-1)).toBe('PATCH /comments/cmt_2 {"text":"I did, twice."}');
});

it("deletes when the way back is no longer offered, and not before", async () => {
  const asked = serve({
    "GET /recordings/rec_1/comments": () => ({ items: [first, own] }),
    "DELETE /comments/cmt_1": () => undefined,
    "DELETE /comments/cmt_2": () => undefined,
  });
  draw(<Page mayDelete />, sessionOf([]));
  (await label("Delete your comment")).click();
  await soon(() => expect(text()).not.toContain("I did."));
  undoLast();
  await says("I did.");
  (await label("Delete the comment of Bo")).click();
  await soon(() => expect(text()).not.toContain("Look at the mail"));
  expect(asked.filter((one) => one.startsWith("DELETE"))).toEqual([]);
  dismiss(currentNotice()?.n ?? -1);
  await soon(() => expect(asked.at(-1)).toBe("DELETE /comments/cmt_1"));
});
