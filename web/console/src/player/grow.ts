/** How a recording changes under the eyes of somebody who watches it. Nothing here fetches or draws. */
import type { Gap, Recording, SegmentItem, Track } from "../api/types";
import type { SegmentMessage } from "./channel";
import { gapAt, gapMap } from "./gaps";
import { endOf, keyframeAfter } from "./seek";
import type { Opened } from "./segments";

/** The recording with segments and gaps that came to one of its tracks. What is known already is kept once. */
export function grown(
  recording: Recording,
  trackId: string,
  segments: readonly SegmentItem[],
  gaps: readonly Gap[],
): Recording {
  const track = recording.tracks.find(({ id }) => id === trackId);
  if (!track) return recording;
  const known = new Set(track.segments.map(({ sequence }) => sequence));
  const added = segments.filter(({ sequence }) => !known.has(sequence));
  const changed: Track = {
    ...track,
    segments: [...track.segments, ...added].sort((a, b) => a.sequence - b.sequence),
    gaps: gapMap([...track.gaps, ...gaps]),
  };
  return {
    ...recording,
    tracks: recording.tracks.map((other) => (other.id === trackId ? changed : other)),
    duration_us: Math.max(recording.duration_us, ...added.map(endOf), ...gaps.map((gap) => gap.to_us)),
    size_bytes: recording.size_bytes + added.reduce((sum, segment) => sum + segment.size_bytes, 0),
    segments: recording.segments + added.length,
  };
}

/** The recording with tracks that were not known: the visitor opened another tab. */
export function withTracks(recording: Recording, tracks: readonly Track[]): Recording {
  const known = new Set(recording.tracks.map(({ id }) => id));
  const added = tracks.filter(({ id }) => !known.has(id));
  const ends = added.flatMap((track) => track.segments.map(endOf));
  return {
    ...recording,
    tracks: [...recording.tracks, ...added],
    duration_us: Math.max(recording.duration_us, ...ends),
  };
}

/**
 * The recording with a gap where a segment does not open: it reaches to the next keyframe. Where the segment begins
 * in a gap that ends before it does, the new gap begins there, so that what cannot be shown always lies in one.
 */
export function withLost(
  recording: Recording,
  track: Track,
  index: number,
  reason: "damaged" | "erased",
): Recording {
  const segment = track.segments[index];
  if (!segment) return recording;
  const next = track.segments[keyframeAfter(track.segments, index)];
  const to_us = next ? next.start_us : Math.max(endOf(segment) + 1, recording.duration_us);
  let from_us = segment.start_us;
  for (let gap = gapAt(track.gaps, from_us); gap && from_us < to_us; gap = gapAt(track.gaps, from_us)) {
    from_us = gap.to_us;
  }
  if (from_us >= to_us) return recording;
  return grown(recording, track.id, [], [{ from_us, to_us, reason }]);
}

export interface Handed {
  /** Those that opened, up to the first that did not. */
  messages: SegmentMessage[];
  /** The first that did not, as an offset into what was asked for. */
  lost: { offset: number; reason: "damaged" | "erased" } | null;
}

/** What of some segments can be handed to the player page: events after a missing part mean nothing. */
export function handed(asked: readonly SegmentItem[], opened: readonly Opened[]): Handed {
  const messages: SegmentMessage[] = [];
  for (const [offset, segment] of asked.entries()) {
    const result = opened[offset];
    if (!result) break;
    if ("lost" in result) return { messages, lost: { offset, reason: result.lost } };
    messages.push({ sequence: segment.sequence, start_us: segment.start_us, bytes: result.bytes });
  }
  return { messages, lost: null };
}
