/** The few operations of a play that pages outside the player need: to open one segment and close again. */
import * as v from "valibot";
import { trackOf } from "../lib/receipts";
import { call, callEmpty } from "./client";
import { type Receipt, Track } from "./types";

const Opened = v.object({ id: v.string(), entry: v.number(), tracks: v.array(Track) });
const Events = v.array(v.looseObject({ type: v.number(), timestamp: v.number() }));
export type SentEvent = v.InferOutput<typeof Events>[number];

const seg = encodeURIComponent;

/**
 * Opens one segment for a reason, which is put on record, and ends the play at once. `events` is null where it cannot be
 * told which tab's segment it is.
 */
export async function openSegment(
  receipt: Receipt,
  reason: string,
): Promise<{ entry: number; events: SentEvent[] | null }> {
  const play = await call("POST", `/recordings/${seg(receipt.recording)}/plays`, Opened, {
    body: { reason },
  });
  try {
    const track = trackOf(play.tracks, receipt);
    if (!track) return { entry: play.entry, events: null };
    const events = await call(
      "GET",
      `/plays/${seg(play.id)}/tracks/${seg(track.id)}/segments/${receipt.sequence}`,
      Events,
    );
    return { entry: play.entry, events };
  } finally {
    await callEmpty("DELETE", `/plays/${seg(play.id)}`);
  }
}
