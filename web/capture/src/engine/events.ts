/** rrweb's events as far as they may leave the page: every field that passes is named here. */

export type AttributeValue = string | number | boolean | null | StyleChange;
export type StyleChange = { [property: string]: string | false | [string, string] };

/** A node as rrweb writes it. Types: 0 document, 1 doctype, 2 element, 3 text, 4 CDATA, 5 comment. */
export interface SerializedNode {
  type: number;
  id: number;
  rootId?: number;
  compatMode?: string;
  name?: string;
  publicId?: string;
  systemId?: string;
  tagName?: string;
  attributes?: { [name: string]: AttributeValue };
  childNodes?: SerializedNode[];
  isSVG?: true;
  isShadowHost?: boolean;
  isShadow?: boolean;
  isCustom?: true;
  textContent?: string;
}

export interface AddedNode {
  parentId: number;
  nextId: number | null;
  node: SerializedNode;
}

export const EventType = {
  domContentLoaded: 0,
  load: 1,
  fullSnapshot: 2,
  incremental: 3,
  meta: 4,
  custom: 5,
} as const;

export const Source = {
  mutation: 0,
  mouseMove: 1,
  mouseInteraction: 2,
  scroll: 3,
  viewportResize: 4,
  input: 5,
  touchMove: 6,
  styleSheetRule: 8,
  drag: 12,
  styleDeclaration: 13,
  selection: 14,
  adoptedStyleSheet: 15,
  customElement: 16,
} as const;

/** An event before the filter (`data` is not yet looked at) and after it. `timestamp`: milliseconds, client clock. */
export interface RecordedEvent {
  type: number;
  data: unknown;
  timestamp: number;
}

/** The recorder's own events, told as rrweb custom events. */
export type CustomEvent =
  | { tag: "clerestory.gap"; payload: { reason: GapReason; from: number; to: number } }
  | { tag: "clerestory.page"; payload: { url: string; title: string } }
  | { tag: "clerestory.excluded"; payload: { count: number } };

export type GapReason =
  | "missing"
  | "url_denied"
  | "paused"
  | "hidden"
  | "policy_stale"
  | "quota"
  | "stopped"
  | "oversized"
  | "damaged";
