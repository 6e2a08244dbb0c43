/** Sends what earlier pages left in the spool, as it lies. */
import { type Api, readVisit, type Visit } from "./api";
import { type Answer, backoffMs, isPassing } from "./ask";
import type { Spool, Spooled } from "./spool";
import { livingWriters } from "./writer";

const TRIES = 6;

const pause = (tries: number, answer: Answer): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, backoffMs(tries, answer)));

/** This tab's segments of the recording that goes on: they come before anything new. */
export async function takeOwn(spool: Spool, writer: string, visit: Visit): Promise<readonly Spooled[]> {
  const own: Spooled[] = [];
  try {
    for (const { id, writer: by, recording, track } of await spool.list()) {
      if (by !== writer || recording !== visit.recording || track !== visit.track) continue;
      const segment = await spool.read(id);
      if (segment) own.push(segment);
    }
  } catch {
    // What cannot be read now is tried again by the next page.
  }
  return own;
}

/** Segments of tabs that are gone, and of recordings that ended. One tab at a time does this. */
export async function resendOthers(spool: Spool, api: Api, writer: string, visit: Visit): Promise<void> {
  await navigator.locks.request("clerestory-resend", { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    const living = await livingWriters();
    for (const { id, writer: by, recording, track } of await spool.list()) {
      const isOwn = by === writer && recording === visit.recording && track === visit.track;
      if (isOwn || (by !== writer && living.has(by))) continue;
      const segment = await spool.read(id);
      if (segment && !(await resend(segment, spool, api))) return;
    }
  });
}

/** Whether it was settled, one way or the other. */
async function resend(segment: Spooled, spool: Spool, api: Api): Promise<boolean> {
  let { token } = segment;
  let renewed = false;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const { sequence, policyVersion, sealed: body, keyId } = segment;
    const answer = await api.put({ sequence, policyVersion, body, token, form: { kind: "spool", keyId } });
    if (isPassing(answer)) {
      await pause(tries, answer);
      continue;
    }
    if (answer.status === 401 && !renewed) {
      const again = await api.start(segment.writer, segment.token);
      if (isPassing(again)) {
        await pause(tries, again);
        continue;
      }
      renewed = true;
      const visit = readVisit(again.body);
      if (visit?.recording === segment.recording && visit.track === segment.track) {
        token = visit.token;
        continue;
      }
    }
    // Anything else would be answered alike the next time.
    await spool.remove(segment.id);
    return true;
  }
  return false;
}
