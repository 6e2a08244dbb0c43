import { describe, expect, it } from "vitest";
import { idleUntil, joinMarks, LaneReader, markAt, pageAt, stepFrom } from "./lane";
import { MASK } from "./names";

const T0 = 1_700_000_000_000;
const element = (id: number, tagName: string, attributes: object, words: string) => ({
  type: 2,
  id,
  tagName,
  attributes,
  childNodes: words === "" ? [] : [{ type: 3, id: id + 1000, textContent: words }],
});
const nested = (id: number, tagName: string, childNodes: object[], attributes: object = {}) => ({
  type: 2,
  id,
  tagName,
  attributes,
  childNodes,
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
        nested(60, "label", [
          { type: 3, id: 61, textContent: "Sort by" },
          nested(6, "select", [element(62, "option", {}, "Price, low first")], { id: "sort" }),
        ]),
        nested(7, "select", [element(70, "option", {}, "Red")]),
        nested(8, "a", [
          element(80, "b", {}, "4.6"),
          element(81, "p", {}, "New"),
          element(82, "h3", {}, "Enamel kettle"),
        ]),
        nested(9, "a", [
          element(91, "i", {}, "35.50"),
          element(92, "b", {}, "Storm lantern"),
          element(93, "p", {}, "On sale since May, sent the same day"),
        ]),
        element(10, "a", {}, "4.6"),
        element(11, "a", {}, "Balanced so that it pours where it is pointed, even when it is full"),
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
  it("saying of a list only what its label says", () => {
    const choose = { type: 3, timestamp: T0, data: { source: 5, id: 6, text: "Price, low first" } };
    expect(read(choose)).toMatchObject([{ verb: "Chose in", object: "Sort by", element: "select#sort" }]);
    const nameless = { type: 3, timestamp: T0, data: { source: 5, id: 7, text: "Red" } };
    expect(read(nameless)).toMatchObject([{ verb: "Chose in", object: "a list" }]);
  });
  it("naming a card by its heading, or by its first words, never by a number", () => {
    expect(read(click(8, 0), click(9, 1), click(10, 2)).map((mark) => mark.object)).toEqual([
      "Enamel kettle",
      "Storm lantern",
      "4.6",
    ]);
  });
  it("cutting long names at a word", () => {
    expect(read(click(11, 0))[0]?.object).toBe("Balanced so that it pours where it is…");
  });
  it("not naming what is gone from the page", () => {
    const gone = { type: 3, timestamp: T0, data: { source: 0, removes: [{ parentId: 9, id: 92 }] } };
    expect(read(gone, click(9, 1))[0]?.object).toBe("On sale since May, sent the same day");
  });
  it("joining clicks in anger", () => {
    const marks = read(click(2, 0), click(2, 400), click(2, 800), click(2, 1300));
    expect(marks).toMatchObject([{ kind: "rage", forMs: 1300, detail: "4 times in 1.3 s" }]);
  });
  it("keeping what happened between clicks that are joined", () => {
    const marks = read(click(2, 0), click(2, 300), scroll(400), click(2, 600), scroll(700), click(2, 900));
    expect(marks.map((mark) => mark.kind)).toEqual(["rage", "scroll"]);
    expect(marks[0]).toMatchObject({ detail: "4 times in 0.9 s" });
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
