/** Looks at what was recorded with programs that know nothing of us. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTrack, writeMatroska } from "./media.mjs";

const WIDTH = 160;
const HEIGHT = 90;
const run = (program, args) =>
  execFileSync(program, args, { maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "pipe"] });

/** What `ffprobe` makes of a file: a line for each track. */
export function probe(file) {
  const fields = "stream=codec_type,codec_name,width,height,sample_rate,channels,nb_read_packets";
  const told = run("ffprobe", [
    "-v",
    "error",
    "-count_packets",
    "-show_entries",
    fields,
    "-of",
    "json",
    file,
  ]);
  return JSON.parse(told.toString()).streams;
}

/** Every picture of a file, small, in order. */
export function pictures(file) {
  const scale = `scale=${WIDTH}:${HEIGHT}:flags=neighbor`;
  const args = ["-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", scale];
  const raw = run("ffmpeg", [...args, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]);
  const size = WIDTH * HEIGHT * 3;
  return Array.from({ length: raw.length / size }, (_, at) => raw.subarray(at * size, (at + 1) * size));
}

/** How many pixels of a picture are near a colour. */
export function countNear(picture, { red, green, blue }, within = 60) {
  let count = 0;
  for (let at = 0; at < picture.length; at += 3) {
    const near =
      Math.abs(picture[at] - red) < within &&
      Math.abs(picture[at + 1] - green) < within &&
      Math.abs(picture[at + 2] - blue) < within;
    if (near) count += 1;
  }
  return count;
}

/** The loudest sample of a file's sound, from 0 to 32767, and how many seconds there are. */
export function sound(file) {
  const raw = run("ffmpeg", [
    "-v",
    "error",
    "-i",
    file,
    "-map",
    "0:a:0",
    "-ac",
    "1",
    "-ar",
    "8000",
    "-f",
    "s16le",
    "-",
  ]);
  let loudest = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) loudest = Math.max(loudest, Math.abs(raw.readInt16LE(at)));
  return { loudest, seconds: raw.length / 16_000 };
}

/** The entries of a run's action log, as they were sent. */
export const wholeLog = (run) =>
  [...run.segments.actions]
    .sort(([a], [b]) => a - b)
    .flatMap(([, { plain }]) => JSON.parse(plain.toString("utf8")));

/** All of a run: its tracks, its log, every picture, and a file with both. */
export function lookAt(place, run, name) {
  const video = readTrack(run.segments.video);
  const audio = readTrack(run.segments.audio);
  const chunks = video.flatMap((segment) => segment.chunks);
  const [first] = chunks;
  const file = join(place, `${name}.mkv`);
  writeFileSync(
    file,
    writeMatroska(
      [video, audio],
      Math.min(first.timestampUs, audio[0]?.chunks[0]?.timestampUs ?? first.timestampUs),
    ),
  );
  return { file, video, audio, chunks, frames: pictures(file), log: wholeLog(run) };
}
