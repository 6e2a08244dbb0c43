/** Playing: a play is begun, its segments are read inside it, what was watched is told, and it is ended. */
import * as v from "valibot";
import { ApiError, call, callEmpty, Unreachable } from "../api/client";
import { PlayedClip } from "../api/coaching";
import { Gap, Problem, SegmentItem, Track } from "../api/types";

export const Play = v.object({
  id: v.string(),
  recording: v.string(),
  expires_at: v.string(),
  entry: v.number(),
  tracks: v.array(Track),
  duration_us: v.number(),
  live: v.boolean(),
  content_origin: v.string(),
  /** The clip that is played; of a whole recording there is none. */
  clip: v.optional(v.nullable(PlayedClip)),
  /** Small pictures of a screen, in the order of their moments. */
  previews: v.optional(v.array(v.object({ at_ms: v.number(), url: v.string() })), []),
});
export type Play = v.InferOutput<typeof Play>;

export const FollowedSegment = v.object({ track: v.string(), ...SegmentItem.entries });
export const FollowedGap = v.object({ track: v.string(), ...Gap.entries });
export const FollowedEnd = v.object({ duration_us: v.number() });

const seg = encodeURIComponent;

export const startPlay = (recording: string, body: { reason?: string; follow?: boolean }) =>
  call("POST", `/recordings/${seg(recording)}/plays`, Play, { body });

/** Plays a clip: only what touches it is served. */
export const startClipPlay = (clip: string, body: { reason?: string }) =>
  call("POST", `/clips/${seg(clip)}/plays`, Play, { body });

export const reportRange = (play: string, range: { from_us: number; to_us: number }) =>
  callEmpty("POST", `/plays/${seg(play)}/ranges`, { body: range });

export const endPlay = (play: string) => callEmpty("DELETE", `/plays/${seg(play)}`);

/** A segment as the server hands it out. */
export interface Content {
  /** A list as the bytes of its JSON, not parsed: whoever shows it reads it. A file of picture or sound as it is. Empty where it only tells of a gap. */
  bytes: ArrayBuffer;
  /** What it is, of a file with its codec. */
  type: string;
}

export async function fetchSegment(
  play: string,
  track: string,
  sequence: number,
  signal: AbortSignal,
): Promise<Content> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/plays/${seg(play)}/tracks/${seg(track)}/segments/${sequence}`, {
      credentials: "same-origin",
      redirect: "error",
      signal,
    });
    if (response.ok) {
      return { bytes: await response.arrayBuffer(), type: response.headers.get("Content-Type") ?? "" };
    }
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Unreachable("The server did not answer.", { cause });
  }
  throw new ApiError(problemIn(await response.text(), response.status), null);
}

/**
 * The last words of a play that is left: what was watched since the last report, and the end. Both outlive the page. The end
 * waits for what was watched, which a play that is over does not take any more; where the page is going away, nothing
 * can be awaited, and they are sent together.
 */
export function leavePlay(
  play: string,
  ranges: readonly { from_us: number; to_us: number }[],
  pageGoes: boolean,
): void {
  const headers = { "Clerestory-Csrf": "1", "Content-Type": "application/json" };
  const base = `/api/v1/plays/${seg(play)}`;
  const common = { headers, credentials: "same-origin", keepalive: true } as const;
  const lost = () => undefined; // the page is gone; the server ends the play by its own clock
  const told = ranges.map((range) =>
    fetch(`${base}/ranges`, { ...common, method: "POST", body: JSON.stringify(range) }).catch(lost),
  );
  const end = () => fetch(base, { ...common, method: "DELETE" }).catch(lost);
  if (pageGoes || told.length === 0) void end();
  else void Promise.all(told).then(end);
}

/**
 * Asks whether a play may go on, by the stream that says so. Resolves to why not, or to null.
 * The stream of a closed recording ends as soon as it has said that. That of a live one goes on: that it begins is
 * the answer.
 */
export async function checkPlay(play: string, after: string, live: boolean): Promise<Problem | null> {
  const response = await fetch(`/api/v1/plays/${seg(play)}/follow?after=${seg(after)}`, {
    credentials: "same-origin",
    redirect: "error",
    headers: { Accept: "text/event-stream" },
    signal: AbortSignal.timeout(4_000),
  });
  if (response.ok && live) {
    await response.body?.cancel();
    return null;
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(problemIn(text, response.status), null);
  const revoked = /^event: ?revoked\ndata: ?(.*)$/m.exec(text)?.[1];
  return revoked === undefined ? null : problemIn(revoked, 403);
}

function problemIn(text: string, status: number): Problem {
  let raw: unknown = null;
  try {
    raw = JSON.parse(text);
  } catch {
    // Something in front of the server answered; the status alone says enough.
  }
  const told = v.safeParse(Problem, raw);
  if (told.success) return told.output;
  return v.parse(Problem, {
    type: "urn:clerestory:problem:unknown",
    title: `The server answered ${status}`,
    status,
  });
}

/** What the stream of a play says. */
export type Followed =
  | { kind: "segment"; track: string; segment: SegmentItem }
  | { kind: "gap"; track: string; gap: Gap }
  | { kind: "closed"; durationUs: number }
  | { kind: "revoked"; problem: Problem }
  | { kind: "begun" }
  | { kind: "lost" };

/** Listens to a play: new segments, gaps, its end, and its being taken back. Returns what stops it. */
export function followPlay(play: string, after: string, hear: (what: Followed) => void): () => void {
  const source = new EventSource(`/api/v1/plays/${seg(play)}/follow?after=${seg(after)}`);
  const on = <T>(name: string, schema: v.GenericSchema<unknown, T>, tell: (parsed: T) => Followed) => {
    source.addEventListener(name, (event) => {
      const parsed = v.safeParse(schema, JSON.parse(String((event as MessageEvent).data)));
      if (parsed.success) hear(tell(parsed.output));
    });
  };
  let closed = false;
  on("segment", FollowedSegment, ({ track, ...segment }) => ({ kind: "segment", track, segment }));
  on("gap", FollowedGap, ({ track, ...gap }) => ({ kind: "gap", track, gap }));
  on("closed", FollowedEnd, ({ duration_us }) => {
    closed = true;
    return { kind: "closed", durationUs: duration_us };
  });
  on("revoked", Problem, (problem) => {
    source.close();
    return { kind: "revoked", problem };
  });
  source.onopen = () => hear({ kind: "begun" });
  source.onerror = () => {
    // The browser would try again with what was known at the start, and never say that it cannot.
    source.close();
    if (!closed) hear({ kind: "lost" });
  };
  return () => source.close();
}
