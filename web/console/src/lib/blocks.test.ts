import { expect, test } from "vitest";
import { blocksLine, placeWords } from "./blocks";

const ada = { id: "per_1", name: "Ada", initials: "A" };

test("a block says what it keeps out", () => {
  expect(placeWords({ network: "203.0.113.0/24", device: null, person: null })).toBe(
    "The network 203.0.113.0/24",
  );
  expect(placeWords({ network: null, device: "0a1b2c", person: ada })).toBe("The browser 0a1b2c of Ada");
});

test("what runs is counted, and what ended is not", () => {
  const network = { runs: true, network: "203.0.113.0/24" };
  const device = { runs: true, network: null };
  expect(blocksLine([{ runs: false, network: "203.0.113.0/24" }]).sentence).toBe(
    "No network and no browser is kept out.",
  );
  expect(blocksLine([network]).sentence).toBe("1 network is kept out for a time.");
  expect(blocksLine([network, device, device]).sentence).toBe(
    "1 network and 2 browsers are kept out for a time.",
  );
});
