import { beforeEach, describe, expect, it } from "vitest";
import type { PlaceEntry } from "../src/actions/entries";
import { Places } from "../src/actions/places";

const NEWS = "https://news.example/today?id=7#top";

describe("where tabs are", () => {
  let excluded: string[];
  let waiting: PlaceEntry[];
  let places: Places;
  const told = () => waiting.map(({ t, kind, url, title }) => [t, kind, url, title]);
  const keep = () => {
    for (const entry of waiting.splice(0)) places.logged(entry);
  };

  beforeEach(() => {
    excluded = ["https://bank.example"];
    waiting = [];
    places = new Places({
      excludes: (address) => excluded.some((start) => address.startsWith(start)),
      told: (entry) => waiting.push(entry),
    });
  });

  it("is told once, with the title whenever it comes, and never of what is excluded", () => {
    places.at("navigate", 1, NEWS, 1000);
    places.at("navigate", 1, NEWS, 1100);
    places.at("navigate", 2, "https://bank.example/", 1200);
    places.at("navigate", 3, "chrome://settings/", 1300);
    places.entitle(1, NEWS, { kind: "title", title: "News" });
    expect(told()).toEqual([[1000, "navigate", "https://news.example/today?id", "News"]]);
  });

  it("is told when a recording begins, unless it went on since", () => {
    places.at("navigate", 1, NEWS, 1000);
    places.begin(1, "https://news.example/before", 900);
    places.begin(2, "https://other.example/", 900);
    places.begin(3, "https://bank.example/", 900);
    expect(told().map(([t, kind, url]) => [t, kind, url])).toEqual([
      [1000, "navigate", "https://news.example/today?id"],
      [900, "tab", "https://other.example/"],
    ]);
  });

  it("is told after a gap of what was gone to within it, where it can be seen", () => {
    places.at("navigate", 1, NEWS, 1000);
    keep();
    places.at("navigate", 1, "https://news.example/lost", 2000);
    places.at("navigate", 2, "https://other.example/", 2100);
    waiting = [];
    places.again(3000, (tab) => tab === 1);
    expect(told()).toEqual([[3000, "navigate", "https://news.example/lost", ""]]);
    keep();
    places.again(4000, (tab) => tab === 1);
    expect(told()).toEqual([]);
  });

  it("is not told of a tab that went on to what is excluded, nor by rules that are gone", () => {
    places.at("navigate", 1, NEWS, 1000);
    places.at("navigate", 2, "https://mail.example/", 1000);
    places.leave(1);
    waiting = [];
    excluded.push("https://mail.example");
    places.again(2000, () => true);
    expect(told()).toEqual([]);
  });
});
