import { expect, it } from "vitest";
import { sessionQuery } from "../api/session";
import { queryClient } from "../queryClient";
import { sessionOf } from "../testing/draw";
import { draftAt, dropDraft, keepDraft, newClip, newComment } from "./drafts";

const comment = newComment("rec_1");

it("keeps the moment of the first letter until it is sent", () => {
  keepDraft(comment, "L", 8000);
  keepDraft(comment, "Look", 9000);
  expect(draftAt(comment)).toEqual({ text: "Look", atMs: 8000 });
  expect([draftAt(newClip("rec_1")), draftAt(newComment("rec_2"))]).toEqual([null, null]);
  dropDraft(comment);
  expect(draftAt(comment)).toBeNull();
});

it("is gone with the session, and with nothing else", () => {
  queryClient.setQueryData(sessionQuery.queryKey, sessionOf([]));
  queryClient.setQueryData(["playlists"], { items: [] });
  keepDraft(comment, "Look");
  queryClient.removeQueries({ queryKey: ["playlists"] });
  expect(draftAt(comment)?.text).toBe("Look");
  queryClient.clear();
  expect(draftAt(comment)).toBeNull();
});
