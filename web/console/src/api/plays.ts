/** The few operations of a play that pages outside the player need: to open one segment and close again. */
import * as v from "valibot";
import { call, callEmpty } from "./client";
import { Track } from "./types";

const Opened = v.object({ id: v.string(), entry: v.number(), tracks: v.array(Track) });
const Events = v.array(v.looseObject({ type: v.number(), timestamp: v.number() }));
export type SentEvent = v.InferOutput<typeof Events>[number];

const seg = encodeURIComponent;

/** Opens one segment for a reason, which is put on record, and ends the play at once. */
export async function openSegment(
  recording: string,
  sequence: number,
  reason: string,
): Promise<{ entry: number; events: SentEvent[] }> {
  const play = await call("POST", `/recordings/${seg(recording)}/plays`, Opened, { body: { reason } });
  try {
    const track =
      play.tracks.find((one) => one.segments.some((s) => s.sequence === sequence)) ?? play.tracks[0];
    if (!track) return { entry: play.entry, events: [] };
    const events = await call(
      "GET",
      `/plays/${seg(play.id)}/tracks/${seg(track.id)}/segments/${sequence}`,
      Events,
    );
    return { entry: play.entry, events };
  } finally {
    await callEmpty("DELETE", `/plays/${seg(play.id)}`);
  }
}
