import { describe, expect, it } from "vitest";
import { dayByKey, dayName, dayWords, monthBy, monthName, monthOf, weeksOf } from "./calendar";

describe("a month", () => {
  it("is weeks from Monday on, with every day once", () => {
    const weeks = weeksOf("2026-11");
    expect(weeks.every((week) => week.length === 7)).toBe(true);
    expect(weeks[0]).toEqual([null, null, null, null, null, null, "2026-11-01"]);
    expect(weeks.flat().filter((day) => day !== null)).toHaveLength(30);
    expect(weeksOf("2027-02")).toHaveLength(4);
    expect(weeksOf("2028-02").flat()).toContain("2028-02-29");
  });
  it("leads to the months beside it, over the year", () => {
    expect(monthBy("2026-12", 1)).toBe("2027-01");
    expect(monthBy("2026-01", -1)).toBe("2025-12");
    expect(monthName("2026-11")).toBe("November 2026");
    expect(monthOf(new Date("2026-11-30T23:59:59Z"))).toBe("2026-11");
  });
});

describe("a day", () => {
  it("is told as a sentence", () => {
    const day = { day: "2026-11-03", recordings: 2, recorded_ms: 3_840_000, gaps_ms: 0 };
    expect(dayName(day.day)).toBe("3 November");
    expect(dayWords(day)).toEqual({ length: "1 h 4 min", rest: " in 2 recordings" });
    expect(dayWords({ ...day, recordings: 1, gaps_ms: 60_000 }).rest).toBe(
      " in 1 recording, and 1 min missing between",
    );
  });
  it("leads by keys to days that have something", () => {
    const days = ["2026-11-03", "2026-11-05", "2026-11-12", "2026-11-20"];
    expect(dayByKey("ArrowRight", "2026-11-03", days)).toBe("2026-11-05");
    expect(dayByKey("ArrowDown", "2026-11-05", days)).toBe("2026-11-12");
    expect(dayByKey("ArrowDown", "2026-11-12", days)).toBe("2026-11-20");
    expect(dayByKey("ArrowUp", "2026-11-12", days)).toBe("2026-11-05");
    expect(dayByKey("Home", "2026-11-12", days)).toBe("2026-11-03");
    expect(dayByKey("ArrowLeft", "2026-11-03", days)).toBeNull();
    expect(dayByKey("x", "2026-11-03", days)).toBeNull();
  });
});
