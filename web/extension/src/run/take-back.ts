/** Takes the person's time back out of what waits on the disk: in its place lies a segment that says only that. */
import type { Run, Spool, Times } from "../spool/spool";
import { discardedSegment, sealFor } from "./shelf";

/** Of all runs of the recording. Where it is cut off it is done again, before anything is sent. */
export async function takeBack(spool: Spool, run: Run, times: Times): Promise<void> {
  for (const one of (await spool.runs()).filter(({ recording }) => recording === run.recording)) {
    const hit = (await spool.waiting(one.writer)).filter(
      ({ fromMs, toMs }) => toMs > times.fromMs && fromMs < times.toMs,
    );
    for (const name of hit) {
      const sealed = await sealFor(one, name.kind, name.sequence, discardedSegment(name));
      await spool.replace(one.writer, name, sealed);
    }
  }
  await spool.changeRun(run.writer, ({ discarded }) => ({
    discarded: discarded.map((other) =>
      other.fromMs === times.fromMs && other.toMs === times.toMs ? { ...other, isTakenHere: true } : other,
    ),
  }));
}
