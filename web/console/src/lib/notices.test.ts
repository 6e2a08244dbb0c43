import { afterEach, expect, test, vi } from "vitest";
import { currentNotice, dismiss, notify, onNotice, undoLast } from "./notices";

afterEach(() => {
  const left = currentNotice();
  if (left) dismiss(left.n);
});

test("what is said last stands alone", () => {
  notify("one");
  const first = currentNotice();
  notify("two");
  dismiss(first?.n ?? -1);
  expect(currentNotice()?.text).toBe("two");
});

test("undoing happens once, and takes the notice away", () => {
  const undo = vi.fn();
  notify("deleted", { undo });
  undoLast();
  undoLast();
  expect(undo).toHaveBeenCalledOnce();
  expect(currentNotice()).toBeNull();
});

test("what cannot be undone stays when somebody tries", () => {
  notify("not done", { failed: true });
  undoLast();
  expect(currentNotice()?.text).toBe("not done");
});

test("whoever listens hears of each, until they stop", () => {
  const hear = vi.fn();
  const stop = onNotice(hear);
  notify("one");
  stop();
  notify("two");
  expect(hear).toHaveBeenCalledOnce();
});
