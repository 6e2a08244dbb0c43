import { expect, it, vi } from "vitest";
import type { Recording } from "../../api/types";
import { button, draw, says, sessionOf, text } from "../../testing/draw";
import { problem, serve } from "../../testing/fakeServer";
import { soon } from "../../testing/soon";
import { ExportButton, fileName } from "./ExportButton";

const recording = {
  id: "rec_abcdef123456",
  source: "screen",
  state: "active",
  started_at: "2026-11-20T10:00:00Z",
  duration_us: 60_000_000,
  subject: { id: "sub_1", label: "Olive Owl" },
  may_export: true,
  export: "ready",
} as unknown as Recording;

const ask = () =>
  soon(() => {
    const found = document.querySelector<HTMLButtonElement>('[aria-label="Export as MP4…"]');
    if (!found) throw new Error("there is no way to export");
    found.click();
  });

it("is there only where the server says that it may be, and of screens", async () => {
  serve({});
  const { may_export: _may, ...older } = recording;
  draw(
    <>
      <ExportButton recording={{ ...recording, may_export: false }} />
      <ExportButton recording={{ ...recording, source: "web" }} />
      <ExportButton recording={{ ...recording, state: "verified" }} />
      <ExportButton recording={older as Recording} />
      here
    </>,
    sessionOf([]),
  );
  await says("here");
  expect(document.querySelector("button")).toBeNull();
});

it("hands the file to the browser, with a name that names nobody", async () => {
  const asked = serve({
    [`POST /recordings/${recording.id}/export`]: () =>
      new Response(new Uint8Array(1500), { headers: { "Content-Type": "video/mp4" } }),
  });
  const saved: Blob[] = [];
  vi.spyOn(URL, "createObjectURL").mockImplementation((file) => {
    saved.push(file as Blob);
    return "blob:here";
  });
  draw(<ExportButton recording={recording} />, sessionOf([]));
  await ask();
  (await button("Export")).click();
  await says("1.5 KB, is with your browser's downloads");
  expect(saved[0]?.size).toBe(1500);
  expect(fileName(recording)).toBe("clerestory-2026-11-20-123456.mp4");
  expect(asked).toEqual([`POST /recordings/${recording.id}/export {}`]);
});

it("says what to install where the server cannot, before or after it is asked", async () => {
  const asked = serve({});
  draw(<ExportButton recording={{ ...recording, export: "ffmpeg-missing" }} />, sessionOf([]));
  await ask();
  await says("installs the package ffmpeg");
  expect(asked).toEqual([]);
});

it("keeps what was typed where it is refused", async () => {
  serve({
    [`POST /recordings/${recording.id}/export`]: () =>
      problem(422, "reason-required", "A reason is needed to take this along"),
  });
  draw(<ExportButton recording={recording} />, sessionOf([]));
  await ask();
  (await button("Export")).click();
  await says("A reason is needed to take this along");
  expect(document.querySelector("input")?.getAttribute("aria-invalid")).toBe("true");
  expect(text()).toContain("There is no file.");
});
