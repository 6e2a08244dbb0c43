/**
 * From events to acknowledged segments: gathers, numbers, compresses, spools, sends one at a time in order, and
 * sends the same bytes again until they are acknowledged.
 */
import { concat, fromBase64Url, utf8 } from "../bytes";
import type { GapReason } from "../engine/events";
import type { Api, Visit } from "./api";
import { type Answer, backoffMs, isPassing } from "./ask";
import { seal, spoolInfo } from "./hpke";
import { SPOOL_LIMIT, type Spool, type SpoolEntry, type Spooled, spoolId } from "./spool";
import type { Writer } from "./writer";

export interface OutboxOwner {
  /** The version in force, told with each segment. */
  policyVersion(): number;
  acknowledged(policyVersion: number): void;
  /** Something was lost: the page must be told anew. */
  lost(reason: GapReason, from: number, to: number): void;
  /** The token ran out, or the recording was closed. */
  renew(why: "token-expired" | "recording-closed"): void;
  policyOutdated(from: number, to: number): void;
  refused(reason: string): void;
}

interface Segment {
  readonly sequence: number;
  readonly policyVersion: number;
  readonly from: number;
  readonly to: number;
  /** Encoded events, until they are compressed. */
  plain: readonly Uint8Array[] | null;
  body: Uint8Array<ArrayBuffer> | null;
  readonly spooled: Spooled | null;
}

const FLUSH_BYTES = 256 * 1024;
/** What browsers let a page send while it goes is 64 KiB in all. */
const KEEPALIVE_BYTES = 60 * 1024;

/** Browsers compress on the thread that asks: so it is asked for little at a time. */
const CHUNK_BYTES = 64 * 1024;

const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

async function gzip(parts: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new CompressionStream("gzip");
  const packed = new Response(stream.readable).arrayBuffer();
  const writer = stream.writable.getWriter();
  let since = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += CHUNK_BYTES) {
      const chunk = part.subarray(at, at + CHUNK_BYTES) as Uint8Array<ArrayBuffer>;
      await writer.write(chunk);
      since += chunk.length;
      if (since >= CHUNK_BYTES) {
        since = 0;
        await nextTask();
      }
    }
  }
  await writer.close();
  return new Uint8Array(await packed);
}

const COMMA = utf8(",");
const joined = (events: readonly Uint8Array[]): Uint8Array[] => {
  const parts: Uint8Array[] = [utf8("[")];
  for (const event of events) parts.push(...(parts.length > 1 ? [COMMA, event] : [event]));
  parts.push(utf8("]"));
  return parts;
};

export class Outbox {
  readonly #api: Api;
  readonly #spool: Spool;
  readonly #writer: Writer;
  readonly #owner: OutboxOwner;
  #visit: Visit | null = null;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #pendingFrom = 0;
  #pendingTo = 0;
  #queue: Segment[] = [];
  #packing: Promise<void> = Promise.resolve();
  #sending = false;
  #tries = 0;
  #wake: (() => void) | null = null;
  /** Raised when everything unsent is thrown away: work under way then comes to nothing. */
  #era = 0;

  constructor(api: Api, spool: Spool, writer: Writer, owner: OutboxOwner) {
    this.#api = api;
    this.#spool = spool;
    this.#writer = writer;
    this.#owner = owner;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#queue.length === 0;
  }

  /** Sends for this visit from now on; `before` are this writer's segments from an earlier page. */
  attach(visit: Visit, before: readonly Spooled[]): void {
    this.#visit = visit;
    const left = before.filter(
      ({ sequence }) => !this.#queue.some((segment) => segment.sequence === sequence),
    );
    const old = left.map((spooled): Segment => {
      const { sequence, policyVersion, from, to } = spooled;
      return { sequence, policyVersion, from, to, plain: null, body: spooled.sealed, spooled };
    });
    this.#queue.unshift(...old);
    this.#tries = 0;
    this.#wake?.();
    void this.#send();
  }

  take(json: string, timestamp: number): void {
    const limit = this.#visit?.limits.segmentBytes ?? FLUSH_BYTES;
    const event = utf8(json);
    if (event.length + 2 > limit) {
      this.#owner.lost("oversized", timestamp, timestamp);
      return;
    }
    if (this.#pendingBytes + event.length + 2 > limit) this.flush();
    if (this.#pending.length === 0) this.#pendingFrom = timestamp;
    this.#pendingTo = timestamp;
    this.#pending.push(event);
    this.#pendingBytes += event.length + 1;
  }

  get isDue(): boolean {
    return this.#pendingBytes >= FLUSH_BYTES;
  }

  /** Makes a segment of what was gathered. */
  flush(): void {
    const visit = this.#visit;
    const segment = this.#number();
    if (!segment || !visit) return;
    this.#queue.push(segment);
    const era = this.#era;
    this.#packing = this.#packing.then(async () => {
      if (!segment.plain || era !== this.#era) return;
      segment.body = await gzip(segment.plain);
      segment.plain = null;
      if (era !== this.#era) return;
      void this.#send();
      await this.#store(segment, visit, era);
    });
  }

  #number(): Segment | null {
    if (this.#pending.length === 0 || !this.#visit) return null;
    const segment: Segment = {
      sequence: this.#writer.draw(),
      policyVersion: this.#owner.policyVersion(),
      from: this.#pendingFrom,
      to: this.#pendingTo,
      plain: joined(this.#pending),
      body: null,
      spooled: null,
    };
    this.#pending = [];
    this.#pendingBytes = 0;
    return segment;
  }

  async #store(segment: Segment, visit: Visit, era: number): Promise<void> {
    const { sequence, policyVersion, from, to, body } = segment;
    if (!body) return;
    const { recording, track, token, spoolKeyId: keyId } = visit;
    try {
      const sealed = await seal(fromBase64Url(visit.spoolKey), spoolInfo(recording, track, sequence), body);
      if (era !== this.#era || !this.#queue.includes(segment)) return;
      const writer = this.#writer.id;
      const dropped = await this.#spool.put({
        writer,
        recording,
        track,
        sequence,
        keyId,
        token,
        policyVersion,
        from,
        to,
        sealed,
      });
      // It may have been acknowledged, or thrown away, while it was written.
      if (era !== this.#era || !this.#queue.includes(segment))
        await this.#spool.remove(spoolId(recording, track, sequence));
      for (const old of dropped) this.#forget(old);
    } catch {
      // Without a spool the segment lives as long as the page.
    }
    this.#bound();
  }

  #forget(old: SpoolEntry): void {
    if (old.recording !== this.#visit?.recording || old.track !== this.#visit.track) return;
    const at = this.#queue.findIndex(({ sequence }) => sequence === old.sequence);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#owner.lost("quota", old.from, old.to);
  }

  /** Where there is no spool, memory is bounded alike. */
  #bound(): void {
    let size = this.#queue.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    while (size > SPOOL_LIMIT && this.#queue.length > 1) {
      const [old] = this.#queue.splice(this.#sending ? 1 : 0, 1);
      if (!old) return;
      size -= old.body?.length ?? 0;
      this.#owner.lost("quota", old.from, old.to);
    }
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let next = this.#queue[0]; next?.body && this.#visit; next = this.#queue[0]) {
        const era = this.#era;
        const answer = await this.#put(next, next.body, this.#visit, false);
        if (era !== this.#era) continue;
        if (isPassing(answer)) {
          this.#tries += 1;
          await this.#wait(backoffMs(this.#tries, answer));
        } else {
          this.#tries = 0;
          if (!this.#answered(next, answer)) return;
        }
      }
    } finally {
      this.#sending = false;
    }
  }

  #put(segment: Segment, body: Uint8Array<ArrayBuffer>, visit: Visit, keepalive: boolean): Promise<Answer> {
    const { sequence, policyVersion, spooled } = segment;
    const form = spooled ? { kind: "spool" as const, keyId: spooled.keyId } : { kind: "gzip" as const };
    return this.#api.put({ sequence, policyVersion, body, form, token: visit.token, keepalive });
  }

  /** Whether sending goes on. */
  #answered(segment: Segment, { status, slug, body }: Answer): boolean {
    if (status === 401) {
      this.#owner.renew("token-expired");
      return false;
    }
    this.#drop(segment);
    if (status === 200) {
      this.#owner.acknowledged(typeof body.policy_version === "number" ? body.policy_version : 0);
      return true;
    }
    if (status === 410) {
      this.#owner.renew("recording-closed");
      return false;
    }
    if (status === 403) {
      this.#owner.refused(slug || "origin-not-allowed");
      return false;
    }
    if (slug === "policy-outdated") this.#owner.policyOutdated(segment.from, segment.to);
    else this.#owner.lost(status === 413 ? "oversized" : "damaged", segment.from, segment.to);
    return true;
  }

  #drop(segment: Segment): void {
    const at = this.#queue.indexOf(segment);
    if (at >= 0) this.#queue.splice(at, 1);
    const { recording, track } = segment.spooled ?? this.#visit ?? { recording: "", track: "" };
    this.#spool.remove(spoolId(recording, track, segment.sequence)).catch(() => {});
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Throws away what was gathered but has no number yet. */
  dropPending(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** Throws away everything unsent, here; `spool.clear` does the same on disk. */
  discard(): void {
    this.#era += 1;
    this.dropPending();
    this.#queue = [];
    this.#api.abort();
    this.#wake?.();
  }

  /** The recording ended for us: its numbers mean nothing in the next one. */
  detach(): void {
    this.#visit = null;
    this.discard();
  }

  /** The page goes: whatever fits is sent in a way that outlives it; the rest is in the spool or goes there. */
  leave(): void {
    const visit = this.#visit;
    if (!visit) return;
    const tail = this.#number();
    if (tail) this.#queue.push(tail);
    let room = KEEPALIVE_BYTES;
    for (const segment of this.#queue) {
      const body = segment.body ?? concat(...(segment.plain ?? []));
      if (body.length > room) continue;
      room -= body.length;
      if (segment.body) {
        void this.#put(segment, segment.body, visit, true);
      } else {
        const { sequence, policyVersion } = segment;
        void this.#api.put({
          sequence,
          policyVersion,
          body,
          form: { kind: "plain" },
          token: visit.token,
          keepalive: true,
        });
      }
    }
    if (tail?.plain) {
      const { plain } = tail;
      const era = this.#era;
      this.#packing = this.#packing.then(async () => {
        if (era !== this.#era) return;
        tail.body = await gzip(plain);
        tail.plain = null;
        await this.#store(tail, visit, era);
        void this.#send();
      });
    }
  }

  /** Resolves when everything is acknowledged, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!this.isEmpty && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
