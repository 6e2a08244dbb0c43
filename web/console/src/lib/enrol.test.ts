import { expect, it } from "vitest";
import { enrolCode } from "./enrol";

it("is what the link carries, and nothing of another shape", () => {
  expect(enrolCode("#code=cre_Zm9vYmFyYmF6cXV4MTIz")).toBe("cre_Zm9vYmFyYmF6cXV4MTIz");
  expect(enrolCode("#other=1&code=cre_Zm9vYmFyYmF6cXV4MTIz")).toBe("cre_Zm9vYmFyYmF6cXV4MTIz");
  expect(enrolCode("#code=cre_short")).toBeNull();
  expect(enrolCode("#code=crt_Zm9vYmFyYmF6cXV4MTIz")).toBeNull();
  expect(enrolCode("#code=cre_<script>alert(1)</script>")).toBeNull();
  expect(enrolCode("")).toBeNull();
});
