/** Browsers that record the screen of one person. */
import * as v from "valibot";
import { call, callEmpty } from "./client";
import { PersonRef } from "./types";

const seg = encodeURIComponent;

export const RecorderItem = v.object({
  id: v.string(),
  /** What its person calls it. */
  label: v.string(),
  person: PersonRef,
  enrolled_at: v.string(),
  /** To the minute. */
  last_used_at: v.nullable(v.string()),
});
export type RecorderItem = v.InferOutput<typeof RecorderItem>;
export const RecorderList = v.object({ items: v.array(RecorderItem) });
/** Told once: whoever has it lets a browser record the screen of whom it was made for. */
export const RecorderCode = v.object({ code: v.string(), expires_at: v.string(), link: v.string() });
export type RecorderCode = v.InferOutput<typeof RecorderCode>;

/** Those that whoever asks may see: their own, or everybody's. */
export const listRecorders = (signal?: AbortSignal) =>
  call("GET", "/recorders", RecorderList, signal ? { signal } : {});
export const offerRecorder = () => call("POST", "/recorders/codes", RecorderCode);
/** What it sends is refused from now on. */
export const endRecorder = (id: string) => callEmpty("DELETE", `/recorders/${seg(id)}`);
