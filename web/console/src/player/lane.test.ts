import { describe, expect, it } from "vitest";
import { idleUntil, joinMarks, LaneReader, MASK, markAt, pageAt, stepFrom } from "./lane";

const T0 = 1_700_000_000_000;
const element = (id: number, tagName: string, attributes: object, words: string) => ({
  type: 2,
  id,
  tagName,
  attributes,
  childNodes: words === "" ? [] : [{ type: 3, id: id + 1000, textContent: words }],
});
const snapshot = {
  type: 2,
  timestamp: T0,
  data: {
    node: {
      type: 0,
      id: 1,
      childNodes: [
        element(2, "button", { class: "credit wide" }, "Refund"),
        element(3, "button", { id: "again" }, MASK),
        element(4, "input", { id: "amount", "aria-label": "Amount" }, ""),
        element(5, "div", { "data-clerestory": "excluded" }, ""),
      ],
    },
  },
};
const click = (id: number, at: number) => ({ type: 3, timestamp: T0 + at, data: { source: 2, type: 2, id } });
const input = (value: string, at: number) => ({
  type: 3,
  timestamp: T0 + at,
  data: { source: 5, id: 4, text: value, isChecked: false },
});
const scroll = (at: number) => ({ type: 3, timestamp: T0 + at, data: { source: 3, id: 1, x: 0, y: at } });

function read(...events: object[]) {
  const reader = new LaneReader();
  reader.read([snapshot, ...events], 10_000_000);
  return reader.marks;
}

describe("events become marks", () => {
  it("in recording time, naming what was clicked", () => {
    expect(read(click(2, 500))).toMatchObject([
      { kind: "click", atMs: 10_500, verb: "Clicked", object: "Refund", element: "button.credit" },
    ]);
  });
  it("keeping masked words masked", () => {
    expect(read(click(3, 1))).toMatchObject([
      { object: "a button", detail: "Its words are masked", element: "button#again" },
    ]);
  });
  it("saying of excluded parts only that they are excluded", () => {
    expect(read(click(5, 1))).toMatchObject([
      { object: "an excluded part", detail: "It never left the device" },
    ]);
  });
  it("joining clicks in anger", () => {
    const marks = read(click(2, 0), click(2, 400), click(2, 800), click(2, 1300));
    expect(marks).toMatchObject([{ kind: "rage", forMs: 1300, detail: "4 times in 1.3 s" }]);
  });
  it("not joining clicks on different things, or slow ones", () => {
    expect(read(click(2, 0), click(3, 300), click(2, 600)).map((mark) => mark.kind)).toEqual([
      "click",
      "click",
      "click",
    ]);
    expect(read(click(2, 0), click(2, 2000), click(2, 4000))).toHaveLength(3);
  });
  it("joining typing in one field, and saying that it is masked", () => {
    expect(read(input(MASK, 0), input(MASK, 1000), input(MASK, 2500))).toMatchObject([
      { kind: "input", forMs: 2500, object: "Amount", detail: "Masked, length hidden" },
    ]);
  });
  it("joining scrolling into bursts", () => {
    expect(read(scroll(0), scroll(700), scroll(5000)).map((mark) => mark.forMs)).toEqual([700, 0]);
  });
  it("naming pages once", () => {
    const page = (url: string, at: number) => ({
      type: 5,
      timestamp: T0 + at,
      data: { tag: "clerestory.page", payload: { url, title: MASK } },
    });
    const marks = read(
      page("https://a.example/cart", 1),
      page("https://a.example/cart", 2),
      page("https://a.example/pay", 300),
    );
    expect(marks.map((mark) => mark.object)).toEqual(["/cart", "/pay"]);
    expect(pageAt(marks, 10_002)).toBe("/cart");
  });
  it("surviving what is no event", () => {
    expect(() =>
      new LaneReader().read(
        [null, 7, { timestamp: 1 }, { type: 3, timestamp: 1, data: { source: 0, adds: 3 } }],
        0,
      ),
    ).not.toThrow();
  });
});

describe("steps", () => {
  const marks = read(click(2, 1000), scroll(3000), click(3, 6000));
  it("go to the next and previous, but not to scrolling", () => {
    expect(stepFrom(marks, 11_000, 1)?.atMs).toBe(16_000);
    expect(stepFrom(marks, 16_000, -1)?.atMs).toBe(11_000);
    expect(stepFrom(marks, 16_000, 1)).toBeNull();
  });
  it("know where the playhead stands", () => {
    expect(markAt(marks, 9_000)).toBe(-1);
    expect(markAt(marks, 14_000)).toBe(1);
  });
});

describe("idle time", () => {
  it("is where nothing happens for long enough", () => {
    expect(idleUntil([1000, 9000], 2000, 20_000, 5000)).toBe(9000);
    expect(idleUntil([1000, 9000], 6000, 20_000, 5000)).toBeNull();
    expect(idleUntil([1000], 2000, 20_000, 5000)).toBe(20_000);
  });
});

it("joins stretches in order and says a page once", () => {
  const page = (atMs: number, object: string) => ({
    kind: "page" as const,
    atMs,
    forMs: 0,
    verb: "Page",
    object,
    detail: "",
    element: "",
  });
  expect(joinMarks([[page(5, "/a"), page(9, "/b")], [page(1, "/a")]]).map((mark) => mark.atMs)).toEqual([
    1, 9,
  ]);
});
