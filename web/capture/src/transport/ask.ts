/** One request to the server, and what may be concluded from what comes back. */

/**
 * `status` 0: no answer of this server came. Somebody in between may answer in its place, with any status: a proxy's
 * maintenance page, a firewall's 403, a 404 while the server is replaced. Nothing may be concluded from those.
 * `slug` is the last part of the problem's type.
 */
export interface Answer {
  readonly status: number;
  readonly slug: string;
  readonly body: Fields;
  readonly retryAfterMs: number | null;
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

/** Asks, and never rejects: what did not come from the server has the status 0. */
export async function ask(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, {
      ...init,
      mode: "cors",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    const text = await response.text();
    const body = parse(text);
    const after = Number(response.headers.get("Retry-After") ?? Number.NaN);
    const slug = /^urn:clerestory:problem:([\w-]+)$/.exec(String(body.type))?.[1] ?? "";
    // Who finds a body too large finds it too large the next time, too, whoever it is.
    const isOurs = response.ok || slug !== "" || response.status === 413;
    const status = isOurs ? response.status : 0;
    return { status, slug, body, retryAfterMs: after >= 0 ? after * 1000 : null };
  } catch {
    return { status: 0, slug: "", body: {}, retryAfterMs: null };
  }
}

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

/** Network errors, overload and server errors pass; anything else would be answered alike again. */
export const isPassing = ({ status }: Answer): boolean =>
  status === 0 || status === 408 || status === 429 || status >= 500;

/**
 * Milliseconds to wait before try number `tries` (from 1): twice as long each time, and never less than the server
 * asks. A server that names a time is believed sooner than silence.
 */
export function backoffMs(tries: number, { retryAfterMs }: Answer): number {
  const [first, most] = retryAfterMs === null ? [500, 60_000] : [100, 5000];
  const own = Math.min(most, first * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 2);
  return Math.max(retryAfterMs ?? 0, own);
}
