import { expect, it } from "vitest";
import { TITLE_LENGTH } from "../../api/coaching";
import Playlists from "../../routes/Playlists";
import { button, draw, onPage, says, sessionOf, text } from "../../testing/draw";
import { serve } from "../../testing/fakeServer";
import { AddDialog } from "./AddDialog";

const longest = () => document.querySelector<HTMLInputElement>("input[name='title']")?.maxLength;

it("takes no longer a title than the server does, and says who reads it", async () => {
  serve({ "GET /playlists": () => ({ items: [] }) });
  draw(onPage(<Playlists />), sessionOf([]));
  await says("There is no playlist yet");
  (await button("Make a playlist")).click();
  await says("Everybody who may have playlists reads it.");
  expect(text()).not.toContain("comment on recordings");
  expect(longest()).toBe(TITLE_LENGTH);
});

it("takes no longer one where something is added to a new list either", async () => {
  serve({ "GET /playlists": () => ({ items: [] }) });
  draw(
    onPage(<AddDialog item={{ kind: "clip", id: "clp_1" }} what="the clip" onClose={() => undefined} />),
    sessionOf([]),
  );
  await says("A new playlist");
  expect(longest()).toBe(TITLE_LENGTH);
});
