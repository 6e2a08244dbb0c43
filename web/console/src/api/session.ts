import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { getSession } from "./operations";
import type { Session } from "./types";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => getSession(signal),
  staleTime: 60_000,
  retry: false,
});

/** Who is signed in. Only inside the shell, which loads it before anything is drawn. */
export function useSession(): Session {
  return useSuspenseQuery(sessionQuery).data;
}

/** What is done with a recording besides watching it. */
export const MAY = {
  comment: "recording.comment",
  clip: "recording.clip",
  export: "recording.export",
  playlists: "playlist.manage",
  reviews: "recording.review",
} as const;

/** What the console asks about. The names are those of the server's decisions. */
export type Action =
  | (typeof MAY)[keyof typeof MAY]
  | "recording.list"
  | "recording.import"
  | "recording.read"
  | "recording.follow"
  | "view.answer"
  | "request.manage"
  | "recording.delete"
  | "recording.restore"
  | "recording.erase"
  | "subject.erase"
  | "organisation.erase"
  | "erasure.read"
  | "audit.read"
  | "audit.export"
  | "health.read"
  | "hold.read"
  | "hold.place"
  | "support.grant"
  | "support.end"
  | "support.read"
  | "person.invite"
  | "person.manage"
  | "block.read"
  | "block.manage"
  | "person.roles"
  | "person.line"
  | "person.picture"
  | "role.read"
  | "role.manage"
  | "tree.read"
  | "tree.edit"
  | "setting.read"
  | "setting.write.business"
  | "setting.write.below"
  | "setting.write.own"
  | "retention.read"
  | "retention.confirm"
  | "recorder.enrol"
  | "recorder.read"
  | "recorder.end"
  | "key.read"
  | "key.manage"
  | "recorder.enrol"
  | "recorder.read"
  | "recorder.end"
  | "site.manage"
  | "policy.edit"
  | "policy.tighten"
  | "retention.shorten";

/** Whether the server says an action is allowed. It decides again on every request; this only spares a click. */
export function useAllowed(action: Action): boolean {
  return useSession().allowed.includes(action);
}
