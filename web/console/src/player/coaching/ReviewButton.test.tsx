import { afterEach, expect, it } from "vitest";
import { MAY } from "../../api/session";
import { currentNotice, dismiss, undoLast } from "../../lib/notices";
import { ada, button, draw, says, sessionOf, text } from "../../testing/draw";
import { problem, serve } from "../../testing/fakeServer";
import { soon } from "../../testing/soon";
import { ReviewButton } from "./ReviewButton";

const review = {
  recording: {
    id: "rec_1",
    source: "screen",
    started_at: "2026-11-20T10:00:00Z",
    duration_us: 60_000_000,
    subject: { id: "sub_1", label: "Olive Owl" },
  },
  state: "waiting",
  asked_by: { id: "per_2", name: "Bo", initials: "B" },
  asked_at: "2026-11-21T10:00:00Z",
  note: "the hold",
  done_by: null,
  done_at: null,
};
const done = { ...review, state: "done", done_by: ada, done_at: "2026-11-22T10:00:00Z" };
const lapses = () => dismiss(currentNotice()?.n ?? -1);

afterEach(lapses);

function show(now: object, put: () => unknown = () => done, about: string | null = null): string[] {
  const asked = serve({ "GET /recordings/rec_1/review": () => now, "PUT /recordings/rec_1/review": put });
  draw(<ReviewButton recording="rec_1" about={about} />, sessionOf([MAY.reviews]));
  return asked;
}
const puts = (asked: string[]) => asked.filter((one) => one.startsWith("PUT"));

it("sends that it is reviewed without a note, when nobody can go back any more", async () => {
  const asked = show(review);
  (await button("Reviewed")).click();
  await soon(() => expect(text()).toBe("reviewed"));
  expect(document.querySelector(".tag")?.getAttribute("title")).toContain("By Ada");
  expect(puts(asked)).toEqual([]);
  lapses();
  await soon(() => expect(puts(asked)).toEqual(['PUT /recordings/rec_1/review {"state":"done"}']));
});

it("lets others say that it was reviewed, or is to be again, than whom it is about", async () => {
  show(review, undefined, ada.id);
  await says("waits for review");
  expect(text()).not.toContain("Reviewed");
});

it("does not offer whom it is about to ask again", async () => {
  show(done, undefined, ada.id);
  await soon(() => expect(text()).toBe("reviewed"));
  expect(document.querySelector("button")).toBeNull();
});

it("still waits, for whom it waited, where somebody goes back or it is not taken", async () => {
  const asked = show(review, () => problem(403, "denied", "You may not"));
  (await button("Reviewed")).click();
  await soon(() => expect(text()).toBe("reviewed"));
  undoLast();
  await says("waits for review");
  expect(puts(asked)).toEqual([]);
  (await button("Reviewed")).click();
  await soon(() => expect(text()).toBe("reviewed"));
  lapses();
  await says("waits for review");
  expect(currentNotice()?.text).toBe("The review queue stays as it was. You may not.");
});

it("asks for it again without what was noted before, and says first that it was reviewed", async () => {
  const asked = show(review);
  (await button("Reviewed")).click();
  await soon(() => expect(text()).toBe("reviewed"));
  document.querySelector<HTMLButtonElement>('[aria-label="Mark for review again…"]')?.click();
  (await button("Mark for review")).click();
  await soon(() =>
    expect(puts(asked)).toEqual([
      'PUT /recordings/rec_1/review {"state":"done"}',
      'PUT /recordings/rec_1/review {"state":"waiting","note":null}',
    ]),
  );
});
