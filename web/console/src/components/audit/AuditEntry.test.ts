import { expect, it } from "vitest";
import { goneWords } from "./AuditEntry";

it("tells words that were forgotten from words that are lost", () => {
  expect(goneWords({ words: null, forgotten_by: null })).toBeNull();
  expect(goneWords({ words: "forgotten", forgotten_by: 1812 })).toMatch(
    /^Forgotten .* Entry 1,812 says when/,
  );
  expect(goneWords({ words: "lost", forgotten_by: null })).toMatch(/^Lost/);
});
