/** What console and player page say to each other (README.md). Everything that comes in is parsed here. */

export const PROTOCOL_VERSION = 1;

export interface SegmentMessage {
  readonly sequence: number;
  readonly start_us: number;
  readonly bytes?: ArrayBuffer;
  readonly events?: readonly unknown[];
}

export type ToPlayer =
  | {
      type: "load";
      load: number;
      at_ms: number;
      play: boolean;
      speed: number;
      until_ms: number | null;
      /** Nothing comes before the first segment: a moment before its snapshot shows the snapshot. */
      earliest: boolean;
      segments: SegmentMessage[];
    }
  | { type: "append"; load: number; segments: SegmentMessage[] }
  | { type: "seek"; at_ms: number }
  | { type: "play"; speed: number; until_ms: number | null }
  | { type: "pause" }
  | { type: "speed"; speed: number }
  | { type: "resize" }
  | { type: "reset" };

export type FromPlayer =
  | { type: "ready"; version: number }
  | { type: "size"; width: number; height: number }
  | { type: "painted"; load: number; at_ms: number; took_ms: number }
  | { type: "position"; load: number; at_ms: number; playing: boolean }
  | { type: "reached"; at_ms: number }
  | { type: "outside"; at_ms: number }
  | { type: "needs"; load: number; before_ms: number }
  | { type: "made_inert"; load: number; removed: Record<string, number> }
  | { type: "error"; message: string };

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isTime = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 1e12;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value);

/** Speed is kept where a person can still follow and rrweb's timer still keeps order. */
const speedOf = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.max(0.1, Math.min(16, value)) : 1;
const untilOf = (value: unknown): number | null => (isTime(value) ? value : null);

function segmentsOf(value: unknown): SegmentMessage[] | null {
  if (!Array.isArray(value)) return null;
  const segments: SegmentMessage[] = [];
  for (const entry of value as unknown[]) {
    if (!isFields(entry) || !isCount(entry.sequence) || typeof entry.start_us !== "number") return null;
    const { sequence, start_us } = entry;
    if (entry.bytes instanceof ArrayBuffer) segments.push({ sequence, start_us, bytes: entry.bytes });
    else if (Array.isArray(entry.events)) segments.push({ sequence, start_us, events: entry.events });
    else return null;
  }
  return segments;
}

/** The message, or null for one that is unknown or malformed. */
export function parseToPlayer(raw: unknown): ToPlayer | null {
  if (!isFields(raw)) return null;
  switch (raw.type) {
    case "load": {
      const segments = segmentsOf(raw.segments);
      if (segments === null || !isCount(raw.load) || !isTime(raw.at_ms)) return null;
      return {
        type: "load",
        load: raw.load,
        at_ms: raw.at_ms,
        play: raw.play === true,
        speed: speedOf(raw.speed),
        until_ms: untilOf(raw.until_ms),
        earliest: raw.earliest === true,
        segments,
      };
    }
    case "append": {
      const segments = segmentsOf(raw.segments);
      return segments === null || !isCount(raw.load) ? null : { type: "append", load: raw.load, segments };
    }
    case "seek":
      return isTime(raw.at_ms) ? { type: "seek", at_ms: raw.at_ms } : null;
    case "play":
      return { type: "play", speed: speedOf(raw.speed), until_ms: untilOf(raw.until_ms) };
    case "speed":
      return { type: "speed", speed: speedOf(raw.speed) };
    case "pause":
    case "resize":
    case "reset":
      return { type: raw.type };
    default:
      return null;
  }
}
