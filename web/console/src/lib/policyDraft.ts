/** A draft of a capture policy: what the editor changes before somebody signs it. */
import * as v from "valibot";
import { PolicyDocument, type SignedPolicy } from "../api/types";

/** What happens to what a rule matches. */
export type Way = "exclude" | "mask" | "unmask";
export const WAYS: readonly Way[] = ["exclude", "mask", "unmask"];

/** The editor's part of a signed policy. Its signature is the recorder's business; the console got it from the server. */
export function documentOf(signed: SignedPolicy): PolicyDocument {
  const base64 = signed.document.replace(/-/g, "+").replace(/_/g, "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return v.parse(PolicyDocument, JSON.parse(new TextDecoder().decode(bytes)));
}

/** How a rule stands in the draft, or null where none is written for exactly this selector. */
export function wayOf(draft: PolicyDocument, selector: string): Way | null {
  return WAYS.find((way) => draft[way].includes(selector)) ?? null;
}

/** The draft with one rule set, moved to another way, or taken out (null). */
export function withRule(draft: PolicyDocument, selector: string, way: Way | null): PolicyDocument {
  const next = { ...draft };
  for (const other of WAYS) next[other] = draft[other].filter((rule) => rule !== selector);
  if (way !== null) next[way] = [...next[way], selector];
  return next;
}

export type UrlList = "deny" | "allow";

export function withUrl(
  draft: PolicyDocument,
  list: UrlList,
  pattern: string,
  present: boolean,
): PolicyDocument {
  const without = draft.urls[list].filter((other) => other !== pattern);
  return { ...draft, urls: { ...draft.urls, [list]: present ? [...without, pattern] : without } };
}

/** Whether two drafts say the same; the order of rules says nothing. */
export function sameDraft(a: PolicyDocument, b: PolicyDocument): boolean {
  const flat = (draft: PolicyDocument) =>
    JSON.stringify([
      draft.preset,
      draft.media,
      ...WAYS.map((way) => [...draft[way]].sort()),
      [...draft.urls.deny].sort(),
      [...draft.urls.allow].sort(),
    ]);
  return flat(a) === flat(b);
}

/**
 * A draft begun from one version, as a draft of a newer one: what was changed in it is changed there, and what somebody
 * else signed meanwhile stays.
 */
export function rebased(base: PolicyDocument, draft: PolicyDocument, signed: PolicyDocument): PolicyDocument {
  if (sameDraft(base, draft)) return signed;
  let next: PolicyDocument = {
    ...signed,
    preset: draft.preset === base.preset ? signed.preset : draft.preset,
    media: draft.media === base.media ? signed.media : draft.media,
  };
  for (const selector of new Set([base, draft].flatMap((one) => WAYS.flatMap((way) => one[way])))) {
    const way = wayOf(draft, selector);
    if (way !== wayOf(base, selector)) next = withRule(next, selector, way);
  }
  for (const list of ["deny", "allow"] as const) {
    for (const pattern of new Set([...base.urls[list], ...draft.urls[list]])) {
      const present = draft.urls[list].includes(pattern);
      if (present !== base.urls[list].includes(pattern)) next = withUrl(next, list, pattern, present);
    }
  }
  return next;
}

/** The direction of a change as a sentence for the one who signs. */
export function directionSentence(direction: string | null): string {
  switch (direction) {
    case "tighter":
      return "All tighter: less leaves the device than before.";
    case "looser":
      return "Looser: more leaves the device than before.";
    case "mixed":
      return "Tighter in parts, looser in others. The looser part lets more leave the device.";
    case "first":
      return "The first version of this site.";
    default:
      return "Nothing changes in what leaves the device.";
  }
}
