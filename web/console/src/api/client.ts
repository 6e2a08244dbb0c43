/**
 * The one place that talks to the server. Requests go to this origin only, with the session cookie the
 * browser keeps; every call that changes something says so in a header a foreign page cannot send.
 */
import * as v from "valibot";
import { isAway } from "../lib/presence";
import type { PathFor } from "./contract";
import { Problem } from "./types";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** The server answered, and the answer is not what was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly problem: Problem,
    /** Seconds after which the server wants to be asked again, where it said so. */
    readonly retryAfter: number | null,
  ) {
    super(problem.detail ?? problem.title);
  }
  get status(): number {
    return this.problem.status;
  }
  /** The last part of the problem's type: `sign-in-refused`, `too-many-attempts`, … */
  get slug(): string {
    return this.problem.type.split(":").at(-1) ?? "";
  }
}

/** No answer came at all: the server is down, or the line is. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** An answer came and does not have the agreed shape: console and server are of different versions. */
export class UnexpectedAnswer extends Error {
  override readonly name = "UnexpectedAnswer";
}

const BASE = "/api/v1";

export function queryString(query: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(key, String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

async function send(method: Method, path: string, options: CallOptions): Promise<Response> {
  const { body, raw, file, signal } = options;
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["Clerestory-Csrf"] = "1";
  if (isAway()) headers["Clerestory-Background"] = "1";
  if (body !== undefined || raw) headers["Content-Type"] = "application/json";
  if (file) headers["Content-Type"] = "application/octet-stream";
  if (options.basedOn !== undefined) headers["If-Match"] = `"${options.basedOn}"`;
  const init: RequestInit = { method, headers, credentials: "same-origin", redirect: "error" };
  if (options.keepalive) init.keepalive = true;
  if (file) init.body = file;
  else if (raw) init.body = raw;
  else if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  try {
    return await fetch(BASE + path + queryString(options.query ?? {}), init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Unreachable("The server did not answer.", { cause });
  }
}

async function refuse(response: Response): Promise<never> {
  const text = await response.text();
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON: something in front of the server answered. The status alone says enough.
  }
  const problem = v.safeParse(Problem, parsed);
  const retry = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new ApiError(
    problem.success ? problem.output : plainProblem(response.status),
    Number.isFinite(retry) ? retry : null,
  );
}

function plainProblem(status: number): Problem {
  return {
    type: "urn:clerestory:problem:unknown",
    title: `The server answered ${status}`,
    status,
    detail: null,
    what_to_do: null,
    request_id: null,
    rule: null,
    entry: null,
    errors: [],
  };
}

export interface CallOptions {
  query?: Query;
  body?: unknown;
  /** JSON that is already written, sent as it is. */
  raw?: Blob;
  /** A file, sent as it is. What it is the server finds out. */
  file?: Blob;
  /** The version a change is based on: if there is a newer one, it is refused. */
  basedOn?: number;
  /** It is carried out even where the page is going away. */
  keepalive?: boolean;
  signal?: AbortSignal;
}

/** A file that the API hands out, whole. */
export async function fetchFile(path: PathFor<"GET">, query: Query = {}): Promise<Blob> {
  const response = await send("GET", path, { query });
  if (!response.ok) return refuse(response);
  return response.blob();
}

/** How much of a file has come, and how much there will be where the server says so. */
export interface Progress {
  bytes: number;
  of: number | null;
}

/** A file that the API makes while it is read. `told` hears how it goes; the browser keeps what comes, not this page. */
export async function makeFile(
  path: PathFor<"POST">,
  options: Pick<CallOptions, "body" | "signal">,
  told: (progress: Progress) => void,
): Promise<Blob> {
  const response = await send("POST", path, options);
  if (!response.ok) return refuse(response);
  const length = Number.parseInt(response.headers.get("Content-Length") ?? "", 10);
  const of = Number.isFinite(length) ? length : null;
  let bytes = 0;
  const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, on) {
      bytes += chunk.byteLength;
      told({ bytes, of });
      on.enqueue(chunk);
    },
  });
  const type = response.headers.get("Content-Type") ?? "application/octet-stream";
  try {
    return await new Response(response.body?.pipeThrough(counting), {
      headers: { "Content-Type": type },
    }).blob();
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new Unreachable("The file broke off.", { cause });
  }
}

/** Calls the API and parses the answer by `schema`. */
export async function call<T, M extends Method>(
  method: M,
  path: PathFor<M>,
  schema: v.GenericSchema<unknown, T>,
  options: CallOptions = {},
): Promise<T> {
  const response = await send(method, path, options);
  if (!response.ok) return refuse(response);
  const answer: unknown = await response.json();
  const parsed = v.safeParse(schema, answer);
  if (!parsed.success) {
    const [first] = parsed.issues;
    const where = first ? (v.getDotPath(first) ?? "") : "";
    throw new UnexpectedAnswer(`${method} ${path}: ${where} ${first?.message ?? ""}`.trim());
  }
  return parsed.output;
}

/** Calls the API where success carries no answer. */
export async function callEmpty<M extends Method>(
  method: M,
  path: PathFor<M>,
  options: CallOptions = {},
): Promise<void> {
  const response = await send(method, path, options);
  if (!response.ok) await refuse(response);
}
