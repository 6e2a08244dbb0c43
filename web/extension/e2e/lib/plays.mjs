/** What a player gets of a recording from the real server: every segment, as a file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { pictures } from "./watch.mjs";

function fetchFile(api, path) {
  const { port } = api.info;
  const cookie = api
    .cookies()
    .map(([name, value]) => `${name}=${value}`)
    .join("; ");
  const options = { port, path: `/api/v1${path}`, headers: { host: `localhost:${port}`, cookie } };
  return new Promise((resolve, reject) => {
    get(options, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      resolve({ status: answer.statusCode, bytes: Buffer.concat(parts) });
    }).once("error", reject);
  });
}

/** Times of what a file holds, in seconds as it tells them, and how long all of it lasts. */
function packets(file) {
  const args = ["-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", file];
  const rows = execFileSync("ffprobe", args).toString().trim().split("\n");
  return rows.map((row) => row.split(",").map(Number)).filter(([at]) => Number.isFinite(at));
}

/** A track whole: of each segment its file, its packets and, where it has any, every picture. */
async function readTrack(api, play, track, place) {
  const { id, kind, segments, gaps, writer } = track;
  const files = [];
  for (const { sequence } of segments) {
    const { status, bytes } = await fetchFile(api, `/plays/${play.id}/tracks/${id}/segments/${sequence}`);
    // One that only tells of a gap.
    if (status === 204) continue;
    assert.equal(status, 200);
    const file = join(place, `${id}-${sequence}.${bytes.readUInt32BE(0) === 0x1a45dfa3 ? "webm" : "mp4"}`);
    writeFileSync(file, bytes);
    const frames = kind === "video" ? pictures(file) : [];
    const times = packets(file);
    if (kind === "video") assert.equal(frames.length, times.length, "every packet is a picture");
    files.push({ file, times, frames });
  }
  const last = files.at(-1)?.times.at(-1) ?? [0, 0];
  const begins = files[0]?.times[0]?.[0] ?? 0;
  return { kind, writer, gaps, files, begins, ends: last[0] + (last[1] || 0) };
}

/** All tracks of a recording, and its log: what was done, in the order in which a player tells it. */
export async function playWhole(api, recording, place) {
  const play = await api.post(`/recordings/${recording}/plays`, { reason: "a story" });
  const tracks = [];
  for (const track of play.tracks) {
    if (track.kind === "actions") {
      const log = [];
      for (const { sequence } of track.segments)
        log.push(...(await api.get(`/plays/${play.id}/tracks/${track.id}/segments/${sequence}`)));
      tracks.push({ ...track, log });
    } else tracks.push(await readTrack(api, play, track, place));
  }
  await api.delete(`/plays/${play.id}`);
  return tracks;
}

/** The files below a folder in which one of these texts stands as it is. */
export function filesWith(folder, texts) {
  const found = [];
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = join(folder, name.toString());
    if (!statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    for (const text of texts)
      for (const encoding of ["utf8", "utf16le"])
        if (bytes.includes(Buffer.from(text, encoding))) found.push(`${text} in ${name}`);
  }
  return found;
}
