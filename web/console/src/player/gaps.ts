/** Why something is missing. Each reason has its own words; none is "unavailable". */
import type { Gap, GapReason, SegmentItem } from "../api/types";
import { formatClock, formatSpan } from "../lib/format";

interface GapWords {
  /** On the bricks. */
  short: string;
  /** The head of the card over the stage. */
  title: string;
  /** The sentence under it; the times follow. */
  why: string;
}

const WORDS: Record<GapReason, GapWords> = {
  missing: {
    short: "Missing",
    title: "These segments never arrived",
    why: "The browser sent what came before and after, and not this part.",
  },
  url_denied: {
    short: "Blocked page",
    title: "A page that is not captured",
    why: "The capture policy excludes this page by its address, so the browser captured nothing of it.",
  },
  paused: {
    short: "Paused",
    title: "Paused",
    why: "Capture was paused; nothing was captured until it went on.",
  },
  hidden: {
    short: "Tab hidden",
    title: "The tab was hidden",
    why: "The visitor looked at another tab or window, and a hidden page is not captured.",
  },
  policy_stale: {
    short: "Policy stale",
    title: "The capture policy was out of date",
    why: "The browser could not verify a current signed policy, so it captured nothing until it had one.",
  },
  quota: {
    short: "Limit reached",
    title: "A limit was reached",
    why: "This part would have gone over the site's limit and was not taken.",
  },
  stopped: {
    short: "Stopped",
    title: "Capture was stopped",
    why: "Capture was stopped; what had not been sent was discarded in the browser.",
  },
  erased: {
    short: "Erased",
    title: "Erased",
    why: "The key of this part is destroyed. Nothing can open it any more.",
  },
  oversized: {
    short: "Too large",
    title: "One change of the page was too large",
    why: "A single change was larger than a segment may be and was not sent.",
  },
  damaged: {
    short: "Damaged",
    title: "This part does not open",
    why: "Its bytes fail their authentication check. The rest of the recording is not affected.",
  },
  lost: {
    short: "Lost",
    title: "This part was stored and is lost",
    why: "It was captured and stored, and a check of the store found its bytes missing or damaged.",
  },
  discarded: {
    short: "Taken back",
    title: "This part was taken back",
    why: "Whoever was recorded discarded it. What had been sent of it is erased for good.",
  },
  off: {
    short: "Not recording",
    title: "Nothing was being recorded",
    why: "The recorder was not running: the browser was closed or had broken off, and later went on.",
  },
};

export const gapWords = (reason: GapReason): GapWords => WORDS[reason];

/** The sentence on the card: why, and from when to when. */
export function gapSentence(gap: Gap, segments: readonly SegmentItem[] = []): string {
  const { why } = WORDS[gap.reason];
  const named = gap.reason === "damaged" && segments.find((segment) => segment.start_us === gap.from_us);
  const which = named ? `Segment ${named.sequence} is damaged. ` : "";
  return `${which}${why} From ${formatClock(gap.from_us)} to ${formatClock(gap.to_us)}, ${formatSpan(gap.to_us - gap.from_us)}.`;
}

/** What a gap's line in the list of events says of it: some was never captured, some is there and does not open. */
export function gapLine(gap: Gap): string {
  const span = formatSpan(gap.to_us - gap.from_us);
  if (gap.reason === "damaged") return `${span} that do not open`;
  if (gap.reason === "erased") return `${span} erased`;
  if (gap.reason === "discarded") return `${span} discarded`;
  if (gap.reason === "lost") return `${span} lost in the store`;
  return `${span} not captured`;
}

/** The gap at a moment: its start belongs to it, its end does not. */
export function gapAt(gaps: readonly Gap[], atUs: number): Gap | null {
  return gaps.find((gap) => gap.from_us <= atUs && atUs < gap.to_us) ?? null;
}

/** The gap at a moment or, where none is, the one that ends there: the end of a recording lies in no gap. */
export function gapUpTo(gaps: readonly Gap[], atUs: number): Gap | null {
  return gapAt(gaps, atUs) ?? gaps.findLast((gap) => gap.from_us <= atUs && atUs <= gap.to_us) ?? null;
}

/** Gaps in order; what overlaps or touches with the same reason is one. Empty ones are left out. */
export function gapMap(gaps: readonly Gap[]): Gap[] {
  const sorted = gaps.filter((gap) => gap.to_us > gap.from_us).sort((a, b) => a.from_us - b.from_us);
  const merged: Gap[] = [];
  for (const gap of sorted) {
    const last = merged.at(-1);
    if (last && last.reason === gap.reason && gap.from_us <= last.to_us) {
      merged[merged.length - 1] = { ...last, to_us: Math.max(last.to_us, gap.to_us) };
    } else {
      merged.push(gap);
    }
  }
  return merged;
}
