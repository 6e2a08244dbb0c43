/**
 * A screen's recording as one line of time: which run of the browser has its picture, where there is sound to it, and
 * where there is nothing and why. Each run has tracks of its own, one set after another. Times are microseconds.
 */
import type { Gap, Recording, SegmentItem, Track } from "../../api/types";
import { gapMap } from "../gaps";
import { endOf } from "../seek";

/** A time that plays on without a break, from the same tracks. */
export interface Stretch {
  from_us: number;
  to_us: number;
  video: Track;
  /** What is heard with it, or null. */
  audio: Track | null;
}

export interface Line {
  stretches: readonly Stretch[];
  /** Those the tracks tell of, and every other time in which there is nothing. */
  gaps: readonly Gap[];
}

interface Span {
  from_us: number;
  to_us: number;
}

/** A hole this small is passed over while playing and nobody is told: frames do not lie edge to edge. */
export const SMALL_US = 1_000_000;
/** A picture stands until the next segment, if that comes within this time: a screen on which nothing moves is sent seldom. */
const STANDS_US = 10_000_000;
/** Sound that has not come after this time is not waited for. */
const LATE_US = 15_000_000;

export const videosOf = (recording: Recording): Track[] =>
  recording.tracks.filter(({ kind, segments }) => kind === "video" && segments.length > 0);

/** The sound of a run: the track of the same writer. */
export const soundOf = (recording: Recording, video: Track): Track | null =>
  recording.tracks.find(
    ({ kind, writer, segments }) => kind === "audio" && writer === video.writer && segments.length > 0,
  ) ?? null;

/** Until when a segment is shown or heard. */
function until(segment: SegmentItem, next: SegmentItem | undefined): number {
  const end = endOf(segment);
  const follows = next !== undefined && next.sequence === segment.sequence + 1;
  return follows && next.start_us >= end && next.start_us - end <= STANDS_US ? next.start_us : end;
}

/** The times a track has something of, in order. Its gaps are taken out; small holes count as nothing. */
export function cover(track: Track): Span[] {
  const spans = track.segments
    .map((segment, at) => ({ from_us: segment.start_us, to_us: until(segment, track.segments[at + 1]) }))
    .filter((span, at) => (track.segments[at]?.duration_us ?? 0) > 0 && span.to_us > span.from_us);
  return without(joined(spans), track.gaps);
}

/** Spans in order; those with a small hole between them are one. */
function joined(spans: readonly Span[]): Span[] {
  const all: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from_us - b.from_us)) {
    const last = all.at(-1);
    if (last && span.from_us - last.to_us <= SMALL_US) last.to_us = Math.max(last.to_us, span.to_us);
    else all.push({ ...span });
  }
  return all;
}

/** Spans in order, without some times. */
function without(spans: readonly Span[], taken: readonly Span[]): Span[] {
  const order = [...taken].filter((span) => span.to_us > span.from_us).sort((a, b) => a.from_us - b.from_us);
  const rest: Span[] = [];
  let first = 0;
  for (const span of spans) {
    let from_us = span.from_us;
    while ((order[first]?.to_us ?? Number.POSITIVE_INFINITY) <= from_us) first += 1;
    for (let at = first; at < order.length; at += 1) {
      const gap = order[at];
      if (!gap || gap.from_us >= span.to_us) break;
      if (gap.from_us > from_us) rest.push({ from_us, to_us: gap.from_us });
      from_us = Math.max(from_us, gap.to_us);
    }
    if (from_us < span.to_us) rest.push({ from_us, to_us: span.to_us });
  }
  return rest;
}

/**
 * One run's times: with sound where that lies under them, and without where it does not. While it goes on, the picture
 * is shown as far as its sound has come.
 */
function stretchesOf(video: Track, audio: Track | null, live: boolean): Stretch[] {
  const shown = cover(video);
  if (audio === null) return shown.map((span) => ({ ...span, video, audio: null }));
  const heard = cover(audio);
  const [end, heardTo] = [shown.at(-1)?.to_us ?? 0, heard.at(-1)?.to_us ?? 0];
  const late = live && end > heardTo && end - heardTo <= LATE_US ? [{ from_us: heardTo, to_us: end }] : [];
  return without(shown, late).flatMap((span) => {
    const silent = without([span], heard).filter(({ from_us, to_us }) => to_us - from_us > SMALL_US);
    const loud = without([span], silent);
    return [
      ...silent.map((part) => ({ ...part, video, audio: null })),
      ...loud.map((part) => ({ ...part, video, audio })),
    ].sort((a, b) => a.from_us - b.from_us);
  });
}

function lay(recording: Recording, sound: boolean): Line {
  const videos = videosOf(recording);
  const stretches: Stretch[] = [];
  for (const video of videos) {
    stretches.push(...stretchesOf(video, sound ? soundOf(recording, video) : null, recording.live));
  }
  stretches.sort((a, b) => a.from_us - b.from_us);
  const told = videos.flatMap((video) => video.gaps).filter(({ to_us, from_us }) => to_us > from_us);
  const runs = videos.flatMap((video) => {
    const [first, last] = [video.segments[0], video.segments.at(-1)];
    return first && last ? [{ from_us: first.start_us, to_us: endOf(last) }] : [];
  });
  const edge_us = Math.max(0, ...stretches.map(({ to_us }) => to_us), ...told.map(({ to_us }) => to_us));
  // What goes on has no end yet: behind its edge nothing is missing.
  const whole = { from_us: 0, to_us: recording.live ? edge_us : recording.duration_us };
  const empty = without([whole], [...stretches, ...told])
    .filter((span) => span.to_us - span.from_us > SMALL_US)
    .flatMap((span) => [
      ...without([span], runs).map((part): Gap => ({ ...part, reason: "off" })),
      ...without([span], without([span], runs)).map((part): Gap => ({ ...part, reason: "missing" })),
    ]);
  return { stretches, gaps: videos.length === 0 ? [] : gapMap([...told, ...empty]) };
}

const known = new WeakMap<Recording, [Line | undefined, Line | undefined]>();

/** The line of a recording, with its sound or without. It is the same value for the same recording. */
export function lineOf(recording: Recording, sound: boolean): Line {
  const both = known.get(recording) ?? [undefined, undefined];
  known.set(recording, both);
  const line = both[sound ? 1 : 0] ?? lay(recording, sound);
  both[sound ? 1 : 0] = line;
  return line;
}

/**
 * The stretch that holds a moment, and the moment in it that is nearest: small holes lead to what comes next, the very
 * end back to what was last. Null where there is nothing near.
 */
export function stretchAt(line: Line, atUs: number): { stretch: Stretch; atUs: number } | null {
  const next = line.stretches.find(({ to_us }) => atUs < to_us);
  if (next && next.from_us - atUs <= SMALL_US) return { stretch: next, atUs: Math.max(atUs, next.from_us) };
  const last = line.stretches.findLast(({ to_us }) => to_us <= atUs);
  if (last && atUs - last.to_us <= SMALL_US)
    return { stretch: last, atUs: Math.max(last.from_us, last.to_us - 1000) };
  return null;
}
