import { describe, expect, it } from "vitest";
import { readActions } from "./actions";
import { inOrder } from "./deeds";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).buffer;
const said = (value: object) => {
  const [mark] = readActions(bytes([value])).marks;
  return mark ? [mark.kind, `${mark.verb} ${mark.object}`.trim(), mark.detail] : null;
};

describe("what somebody did", () => {
  it("is said in words, and never what was typed or copied", () => {
    const page = { t: 5, kind: "navigate", tab: 3, url: "https://desk.example/orders?of=", title: "Orders" };
    expect(said(page)).toEqual(["page", "Page desk.example/orders", "Orders"]);
    expect(said({ t: 5, kind: "tab", tab: 4, url: null, title: null })).toEqual([
      "page",
      "Went to another tab",
      "",
    ]);
    const save = { role: "button", name: "Save", tag: "button" };
    expect(said({ t: 5, kind: "click", target: save, x: 0.5, y: 0.2 })).toEqual([
      "click",
      "Clicked Save",
      "",
    ]);
    const nameless = { role: null, name: null, tag: "a" };
    expect(said({ t: 5, kind: "click", target: nameless, x: 0, y: 0 })?.[1]).toBe("Clicked a link");
    expect(said({ t: 5, kind: "submit", target: { tag: "form" } })?.[1]).toBe("Sent a form");
    expect(said({ t: 5, kind: "paste", length: 12 })).toEqual([
      "paste",
      "Pasted 12 characters",
      "What it says is not recorded",
    ]);
    expect(said({ t: 5, kind: "scroll", depth: 0.4 })?.[1]).toBe("Scrolled to 40 %");
    expect(said({ t: 5, kind: "keys", count: 1, ms: 300 })?.[1]).toBe("Pressed 1 key");
    // Of a page whose address the server did not know it keeps the bare fact.
    expect(said({ t: 5, kind: "copy", tab: null, length: null })?.[1]).toBe("Copied something");
    expect(said({ t: 5, kind: "keys", count: null, ms: 300 })?.[1]).toBe("Pressed keys");
  });
  it("leaves gaps to the tracks, and what it does not understand out", () => {
    const list = [
      { t: 1, kind: "gap", to: 5, reason: "blocked" },
      { kind: "click" },
      null,
      { t: 2, kind: "dream" },
    ];
    expect(readActions(bytes(list)).marks).toEqual([]);
    expect(readActions(bytes({ not: "a list" })).marks).toEqual([]);
    expect(readActions(new ArrayBuffer(0)).marks).toEqual([]);
  });
  it("says when nobody did anything, and when keys were pressed: before the moment at which it is told", () => {
    const { idle, marks } = readActions(
      bytes([
        { t: 12_000, kind: "idle", ms: 9000 },
        { t: 14_000, kind: "keys", count: 5, ms: 1500 },
      ]),
    );
    expect(idle).toEqual([{ fromMs: 3000, toMs: 12_000 }]);
    expect(marks).toMatchObject([
      { kind: "idle", verb: "Did nothing", object: "for 9 seconds", atMs: 3000, forMs: 9000 },
      { kind: "input", object: "5 keys", atMs: 12_500, forMs: 1500 },
    ]);
  });
  it("begins nothing before the recording", () => {
    const { idle, marks } = readActions(bytes([{ t: 1000, kind: "idle", ms: 9000 }]));
    expect(idle).toEqual([{ fromMs: 0, toMs: 1000 }]);
    expect(marks[0]).toMatchObject({ atMs: 0, forMs: 1000, object: "for 9 seconds" });
  });
  it("says why it was paused, in the words of whoever did", () => {
    const { marks } = readActions(bytes([{ t: 1000, kind: "pause", reason: "A call" }]));
    expect(marks).toMatchObject([{ kind: "note", atMs: 1000, verb: "Paused", object: "A call" }]);
  });
});

it("is one list, in which a page stands once", () => {
  const told = (t: number, url: string) =>
    readActions(bytes([{ t, kind: "navigate", tab: 1, url, title: null }]));
  const [a, again, b] = [
    told(1, "https://a.example"),
    told(3, "https://a.example"),
    told(2, "https://a.example"),
  ];
  expect(inOrder([again.marks, a.marks, b.marks]).map(({ atMs }) => atMs)).toEqual([1]);
});
