import { beforeEach, expect, it, vi } from "vitest";
import { later } from "./later";
import { currentNotice, dismiss, lapse, notify, undoLast } from "./notices";

const told: string[] = [];
const remove = (act: () => Promise<void> = async () => void told.push("done")) =>
  later({
    said: "It is gone.",
    failed: "It is still there.",
    hide: () => told.push("hidden"),
    show: () => told.push("shown"),
    act,
  });
const now = () => currentNotice()?.n ?? -1;

beforeEach(() => {
  dismiss(now());
  told.length = 0;
});

it("is hidden at once, and done when the notice goes", () => {
  remove();
  expect(told).toEqual(["hidden"]);
  dismiss(now());
  expect(told).toEqual(["hidden", "done"]);
});

it("is done when something else is said, and when the page goes away", () => {
  remove();
  notify("Something else.");
  expect(told).toEqual(["hidden", "done"]);
  expect(currentNotice()?.text).toBe("Something else.");
  remove();
  lapse();
  expect(told).toEqual(["hidden", "done", "hidden", "done"]);
});

it("is not done where somebody goes back", () => {
  remove();
  undoLast();
  lapse();
  expect(told).toEqual(["hidden", "shown"]);
});

it("is shown again where it could not be done", async () => {
  remove(() => Promise.reject(new Error("no")));
  dismiss(now());
  await vi.waitFor(() => expect(told).toEqual(["hidden", "shown"]));
  expect(currentNotice()).toMatchObject({ failed: true });
});
