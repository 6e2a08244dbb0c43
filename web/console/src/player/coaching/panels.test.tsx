import { useState } from "react";
import { afterEach, expect, it } from "vitest";
import { TITLE_LENGTH } from "../../api/coaching";
import { MAY } from "../../api/session";
import { useComments } from "../../components/comments/useComments";
import { currentNotice, dismiss } from "../../lib/notices";
import { ada, button, draw, onPage, says, sessionOf, text } from "../../testing/draw";
import { serve } from "../../testing/fakeServer";
import { soon } from "../../testing/soon";
import { NOTHING_MARKED } from "../clip";
import type { PlaySession } from "../session";
import { ClipsPanel } from "./ClipsPanel";
import { CommentsPanel } from "./CommentsPanel";
import { useClips } from "./useClips";

/** A play that stands at a moment. */
const at = (atMs: number, person: string | null = "per_2") =>
  ({
    state: {
      recording: { id: "rec_1", subject: { id: "sub_1", label: "Olive Owl", person } },
      phase: { kind: "open" },
      marked: NOTHING_MARKED,
      atMs,
    },
    clip: null,
    subscribe: () => () => undefined,
    seek: () => undefined,
  }) as unknown as PlaySession;

const person = sessionOf([]).person;
const session = sessionOf([MAY.comment, MAY.clip]);
const said = { id: "cmt_1", at_ms: 8000, to_ms: null, text: "Look at the mail first.", author: ada };
const first = { ...said, written_at: "2026-11-20T09:00:00Z", edited_at: null, answers: null, mine: false };
const clip = {
  id: "clp_1",
  recording: "rec_1",
  title: "The mail",
  from_ms: 1000,
  to_ms: 9000,
  made_by: ada,
  made_at: "2026-11-20T09:00:00Z",
};

afterEach(() => dismiss(currentNotice()?.n ?? -1));

/** Both panels, one at a time, as behind their tabs. */
function Tabs({ play }: { play: PlaySession }) {
  const [side, choose] = useState("comments");
  const comments = useComments("rec_1", true);
  const clips = useClips("rec_1", true);
  return (
    <>
      <button type="button" onClick={() => choose(side === "comments" ? "clips" : "comments")}>
        The other
      </button>
      {side === "comments" ? (
        <CommentsPanel session={play} person={person} comments={comments} />
      ) : (
        <ClipsPanel session={play} person={person} clips={clips} />
      )}
    </>
  );
}

function show(play: PlaySession): string[] {
  const asked = serve({
    "GET /recordings/rec_1/comments": () => ({ items: [first] }),
    "GET /recordings/rec_1/clips": () => ({ items: [clip] }),
    "POST /recordings/rec_1/comments": (body) => ({ ...first, ...body, to_ms: null, id: "cmt_2" }),
  });
  draw(onPage(<Tabs play={play} />), session);
  return asked;
}

type Field = HTMLTextAreaElement | HTMLInputElement;

const field = (name: RegExp) =>
  soon(() => {
    const all = [...document.querySelectorAll<Field>("textarea, input.in")];
    const found = all.find((each) => name.test(each.getAttribute("aria-label") ?? ""));
    if (!found) throw new Error(`there is no field ${name}`);
    return found;
  });

async function type(name: RegExp, words: string): Promise<void> {
  const found = await field(name);
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(found), "value")?.set?.call(found, words);
  found.dispatchEvent(new Event("input", { bubbles: true }));
  await soon(async () => expect((await field(name)).value).toBe(words));
}

const answer = () =>
  soon(() => {
    const found = document.querySelector<HTMLButtonElement>('[aria-label="Answer Ada"]');
    if (!found) throw new Error("there is nothing to answer");
    found.click();
  });
const other = async () => (await button("The other")).click();

it("keeps what is written while somebody looks at something else", async () => {
  show(at(8000));
  await type(/^Comment at/, "She waited for");
  await answer();
  await type(/^Answer to Ada/, "There was no");
  await other();
  await type(/^Title of the new clip/, "The refund");
  await other();
  expect((await field(/^Comment at/)).value).toBe("She waited for");
  expect((await field(/^Answer to Ada/)).value).toBe("There was no");
  await other();
  expect((await field(/^Title of the new clip/)).value).toBe("The refund");
});

it("keeps the moment at which it was begun, which is never beyond the end", async () => {
  const asked = show(at(59_999.9));
  await type(/^Comment at/, "It ends here.");
  await other();
  await other();
  await field(/^Comment at 00:59/);
  document.querySelector<HTMLButtonElement>(".pfoot [type='submit']")?.click();
  await soon(() => expect(asked.at(-1)).toContain('{"at_ms":59999,"text":"It ends here."}'));
  await soon(async () => expect((await field(/^Comment at/)).value).toBe(""));
});

it("forgets what somebody does not want to say after all", async () => {
  show(at(8000));
  await answer();
  await type(/^Answer to Ada/, "There was no");
  (await button("Cancel")).click();
  await answer();
  expect((await field(/^Answer to Ada/)).value).toBe("");
});

it("says who reads a comment, and nothing that depends on a setting as if it did not", async () => {
  show(at(0));
  await says("Olive Owl can read it and answer, where people may watch what is about themselves.");
});

it("says so where nobody with an account is seen", async () => {
  show(at(0, null));
  await says("Whoever may comment on this recording can read it.");
  expect(text()).not.toContain("Olive Owl can");
});

it("takes no longer a title than the server does", async () => {
  show(at(0));
  await says("Look at the mail first.");
  await other();
  expect((await field(/^Title of the new clip/)).maxLength).toBe(TITLE_LENGTH);
  document.querySelector<HTMLButtonElement>('[aria-label="Change the title of The mail"]')?.click();
  expect((await field(/^Title of the clip/)).maxLength).toBe(TITLE_LENGTH);
  expect(TITLE_LENGTH).toBe(120);
});
