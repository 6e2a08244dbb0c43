import { expect, it } from "vitest";
import type { Comment } from "../../api/coaching";
import { threadsOf, withComment } from "./threads";

let n = 0;
const comment = (id: string, at_ms: number, answers: string | null = null): Comment => {
  n += 1;
  const author = { id: "per_1", name: "Ada", initials: "A" };
  const written_at = `2026-11-20T09:00:${String(n).padStart(2, "0")}Z`;
  return { id, at_ms, to_ms: null, text: id, author, written_at, edited_at: null, answers, mine: false };
};
const shape = (comments: Comment[]) =>
  threadsOf(comments).map(({ first, answers }) => [first.id, ...answers.map(({ id }) => id)]);

it("puts answers below what they answer, at any depth, in the order they were written", () => {
  const all = [
    comment("late", 9000),
    comment("early", 1000),
    comment("yes", 9000, "late"),
    comment("no", 500, "yes"),
  ];
  expect(shape(all)).toEqual([["early"], ["late", "yes", "no"]]);
});

it("keeps an answer whose comment is gone, and survives a circle", () => {
  expect(shape([comment("left", 5, "gone")])).toEqual([["left"]]);
  expect(
    shape([comment("a", 1, "b"), comment("b", 2, "a")])
      .flat()
      .sort(),
  ).toEqual(["a", "b"]);
});

it("takes a new comment to its moment, and a changed one in place of itself", () => {
  const [one, two] = [comment("one", 1000), comment("two", 3000)];
  const list = withComment([one, two], comment("between", 2000));
  expect(list.map(({ id }) => id)).toEqual(["one", "between", "two"]);
  expect(withComment(list, { ...two, text: "other" }).map(({ text }) => text)).toEqual([
    "one",
    "between",
    "other",
  ]);
});
