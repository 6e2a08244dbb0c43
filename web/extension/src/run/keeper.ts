/** Keeps the policy in force, and says when there is none. */
import type { Answer } from "@clerestory/capture/src/transport/ask";
import {
  endsAtMs,
  type PolicyRefusal,
  type ScreenPolicy,
  type Surface,
  verifyScreenPolicy,
} from "../policy/screen";
import type { Enrolment } from "../server/server";

export interface ServerClock {
  /** The server's time when it answered, and ours. */
  readonly serverMs: number;
  readonly deviceMs: number;
  /** Our clock that nobody sets. */
  readonly steadyMs: number;
}

/** The later of what two clocks say: setting the device's back does not make a policy live longer. */
export const serverNow = ({ serverMs, deviceMs, steadyMs }: ServerClock): number =>
  serverMs + Math.max(Date.now() - deviceMs, performance.now() - steadyMs);

const RETRY_MS = 10_000;

export class PolicyKeeper {
  readonly #key: string;
  readonly #recorder: string;
  readonly #floor: number;
  readonly #fetch: () => Promise<Answer>;
  #clock: ServerClock;
  #policy: ScreenPolicy | null = null;
  #refused: PolicyRefusal | null = null;
  #fetching: Promise<number> | null = null;
  #retriedAtMs = 0;

  /** `floor`: the highest version ever believed here; none before it is. */
  constructor(
    { policyKey, recorder }: Pick<Enrolment, "policyKey" | "recorder">,
    clock: ServerClock,
    floor: number,
    fetch: () => Promise<Answer>,
  ) {
    this.#key = policyKey;
    this.#recorder = recorder;
    this.#floor = floor;
    this.#clock = clock;
    this.#fetch = fetch;
  }

  get policy(): ScreenPolicy | null {
    return this.#policy;
  }

  /** Takes over a policy where it is to be believed. Answers whether it was. */
  async accept(signed: unknown): Promise<boolean> {
    const now = serverNow(this.#clock);
    const before = Math.max(this.#floor, this.#policy?.version ?? 0);
    const verified = await verifyScreenPolicy(signed, {
      key: this.#key,
      recorder: this.#recorder,
      now,
      before,
    });
    if ("refused" in verified) {
      this.#refused = verified.refused;
      return false;
    }
    // What the server says of the time is not signed. What it signed was not signed in the future.
    const { issuedAtMs } = verified.policy;
    if (issuedAtMs > now)
      this.#clock = { serverMs: issuedAtMs, deviceMs: Date.now(), steadyMs: performance.now() };
    this.#policy = verified.policy;
    this.#refused = null;
    return true;
  }

  /** Fetches the policy; what does not arrive changes nothing. Answers with the status. */
  refresh(): Promise<number> {
    this.#fetching ??= this.#refresh().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #refresh(): Promise<number> {
    const { status, body } = await this.#fetch();
    if (status === 200) await this.accept(body);
    return status;
  }

  /** Whether it is time to ask again, where there is none to go by: one bad answer is no reason to end. */
  isToRetry(nowMs: number): boolean {
    const isIn =
      this.#refused === null && this.#policy !== null && endsAtMs(this.#policy) > serverNow(this.#clock);
    if (isIn || Math.abs(nowMs - this.#retriedAtMs) < RETRY_MS) return false;
    this.#retriedAtMs = nowMs;
    return true;
  }

  /** Why nothing may be captured, or `null`. `notice`: the version the person was shown. */
  against(
    surface: Surface,
    notice: string,
  ): PolicyRefusal | "recording-off" | "surface-off" | "notice-needed" | null {
    const policy = this.#policy;
    // A policy that the server sends and that cannot be believed is not passed over for an older one.
    if (this.#refused) return this.#refused;
    if (policy === null) return "policy-malformed";
    if (endsAtMs(policy) <= serverNow(this.#clock)) return "policy-expired";
    if (!policy.recording) return "recording-off";
    if (!policy.surfaces.includes(surface)) return "surface-off";
    return policy.notice?.version === notice ? null : "notice-needed";
  }
}
