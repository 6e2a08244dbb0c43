/** What people do with recordings besides watching them: comments, clips, playlists, the review queue, a calendar. */
import * as v from "valibot";
import { call, callEmpty, type Query } from "./client";
import { PersonRef } from "./types";

const seg = encodeURIComponent;
const opt = (signal?: AbortSignal) => (signal ? { signal } : {});
const count = v.pipe(v.number(), v.minValue(0));
const moment = v.nullable(count);

/** As much of a recording as a line about it says. */
export const RecordingRef = v.object({
  id: v.string(),
  source: v.string(),
  started_at: v.string(),
  duration_us: count,
  subject: v.object({ id: v.string(), label: v.string(), person: v.optional(v.nullable(v.string())) }),
});
export type RecordingRef = v.InferOutput<typeof RecordingRef>;

// ------------------------------------------------------------------ comments

/** Times are milliseconds from the recording's start. */
export const Comment = v.object({
  id: v.string(),
  at_ms: count,
  to_ms: moment,
  text: v.string(),
  author: PersonRef,
  written_at: v.string(),
  edited_at: v.nullable(v.string()),
  /** The comment it answers. */
  answers: v.nullable(v.string()),
  mine: v.boolean(),
});
export type Comment = v.InferOutput<typeof Comment>;
export const CommentList = v.object({ items: v.array(Comment) });
export type CommentList = v.InferOutput<typeof CommentList>;

export interface NewComment {
  at_ms: number;
  to_ms?: number;
  text: string;
  answers?: string;
}
/** Characters a comment has at most. */
export const COMMENT_LENGTH = 2000;
/** Characters a title of a clip or a playlist has at most. */
export const TITLE_LENGTH = 120;

export const listComments = (recording: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(recording)}/comments`, CommentList, opt(signal));
export const writeComment = (recording: string, body: NewComment) =>
  call("POST", `/recordings/${seg(recording)}/comments`, Comment, { body });
export const editComment = (id: string, text: string) =>
  call("PATCH", `/comments/${seg(id)}`, v.unknown(), { body: { text } });
export const deleteComment = (id: string) => callEmpty("DELETE", `/comments/${seg(id)}`, { keepalive: true });

// ------------------------------------------------------------------ clips

export const Clip = v.object({
  id: v.string(),
  recording: v.string(),
  title: v.string(),
  from_ms: count,
  to_ms: count,
  made_by: PersonRef,
  made_at: v.string(),
});
export type Clip = v.InferOutput<typeof Clip>;
export const ClipList = v.object({ items: v.array(Clip) });
export type ClipList = v.InferOutput<typeof ClipList>;
/** What a play of a clip says besides what every play says. */
export const PlayedClip = v.object({ id: v.string(), title: v.string(), from_ms: count, to_ms: count });
export type PlayedClip = v.InferOutput<typeof PlayedClip>;

export const listClips = (recording: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(recording)}/clips`, ClipList, opt(signal));
export const makeClip = (recording: string, body: { title: string; from_ms: number; to_ms: number }) =>
  call("POST", `/recordings/${seg(recording)}/clips`, Clip, { body });
export const changeClip = (id: string, body: { title?: string; from_ms?: number; to_ms?: number }) =>
  call("PATCH", `/clips/${seg(id)}`, v.unknown(), { body });
export const deleteClip = (id: string) => callEmpty("DELETE", `/clips/${seg(id)}`, { keepalive: true });

// ------------------------------------------------------------------ playlists

export const PlaylistItem = v.object({
  kind: v.picklist(["clip", "recording"]),
  /** The clip's, or the recording's. */
  id: v.string(),
  recording: RecordingRef,
  title: v.nullable(v.string()),
  from_ms: moment,
  to_ms: moment,
});
export type PlaylistItem = v.InferOutput<typeof PlaylistItem>;
export const Playlist = v.object({
  id: v.string(),
  title: v.string(),
  made_by: PersonRef,
  mine: v.boolean(),
  items: v.array(PlaylistItem),
  /** How many more there are that whoever asks may not see. */
  hidden: count,
});
export type Playlist = v.InferOutput<typeof Playlist>;
export const PlaylistLine = v.object({
  id: v.string(),
  title: v.string(),
  made_by: PersonRef,
  made_at: v.string(),
  items: count,
  hidden: count,
});
export type PlaylistLine = v.InferOutput<typeof PlaylistLine>;
export const PlaylistList = v.object({ items: v.array(PlaylistLine) });
/** How many items a playlist has at most. */
export const PLAYLIST_LENGTH = 200;

export type ItemName = Pick<PlaylistItem, "kind" | "id">;

export const listPlaylists = (signal?: AbortSignal) => call("GET", "/playlists", PlaylistList, opt(signal));
export const makePlaylist = (title: string) =>
  call("POST", "/playlists", v.object({ id: v.string() }), { body: { title } });
export const getPlaylist = (id: string, signal?: AbortSignal) =>
  call("GET", `/playlists/${seg(id)}`, Playlist, opt(signal));
/** `items` is the whole order of what whoever asks sees; what they do not see stays where it is. */
export const changePlaylist = (id: string, body: { title?: string; items?: readonly ItemName[] }) =>
  call("PATCH", `/playlists/${seg(id)}`, Playlist, { body });
export const deletePlaylist = (id: string) =>
  callEmpty("DELETE", `/playlists/${seg(id)}`, { keepalive: true });

// ------------------------------------------------------------------ the review queue

export const Review = v.object({
  recording: RecordingRef,
  state: v.picklist(["waiting", "done"]),
  asked_by: v.nullable(PersonRef),
  asked_at: v.string(),
  note: v.nullable(v.string()),
  done_by: v.nullable(PersonRef),
  done_at: v.nullable(v.string()),
});
export type Review = v.InferOutput<typeof Review>;
export type ReviewState = Review["state"];
export const ReviewList = v.object({ items: v.array(Review), next: v.nullable(v.string()) });

export const listReviews = (query: Query, signal?: AbortSignal) =>
  call("GET", "/reviews", ReviewList, { query, ...opt(signal) });
export const getReview = (recording: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(recording)}/review`, Review, opt(signal));
/** A note that is not sent stays; null clears it. */
export const setReview = (recording: string, body: { state: ReviewState; note?: string | null }) =>
  call("PUT", `/recordings/${seg(recording)}/review`, Review, { body, keepalive: true });
/** Takes it off the queue. */
export const endReview = (recording: string) =>
  callEmpty("DELETE", `/recordings/${seg(recording)}/review`, { keepalive: true });

// ------------------------------------------------------------------ the calendar

export const CalendarDay = v.object({
  day: v.pipe(v.string(), v.isoDate()),
  recordings: count,
  recorded_ms: count,
  gaps_ms: count,
});
export type CalendarDay = v.InferOutput<typeof CalendarDay>;
/** Days of UTC on which there is anything. */
export const Calendar = v.object({ month: v.string(), days: v.array(CalendarDay) });
export type Calendar = v.InferOutput<typeof Calendar>;

export const getCalendar = (person: string, month: string, signal?: AbortSignal) =>
  call("GET", `/people/${seg(person)}/calendar`, Calendar, { query: { month }, ...opt(signal) });
