/**
 * What the patched rrweb asks and tells (`rrweb-patch.mjs`). Until a recorder sits behind it, everything is
 * excluded: a hook that was forgotten hides the page instead of showing it.
 */
import type { SerializedNode } from "./events";

/** rrweb's table of the nodes that the replay knows. */
export interface Mirror {
  getId(node: Node | null): number;
  getNode(id: number): Node | null;
  has(id: number): boolean;
  hasNode(node: Node): boolean;
  reset(): void;
  readonly nodeMetaMap: WeakMap<Node, { readonly id: number }>;
}

/** The parts of rrweb that taking a full snapshot needs. */
export interface SnapshotEngine {
  readonly mirror: Mirror;
  emit(event: { type: number; data: unknown }): void;
  /** Forgets style sheets and observes shadow roots anew. */
  reset(): void;
  adopt(host: DocumentOrShadowRoot, id: number): void;
  /** One node without its children; `null` where rrweb leaves it out (scripts, comments). */
  serialize(node: Node, doc: Document, cssCaptured: boolean): SerializedNode | null;
}

export interface RrwebHooks {
  excluded(element: Element): boolean;
  excludedAround(node: Node | null): boolean;
  keepSecret(element: Element): void;
  isSecret(element: Element): boolean;
  attributeChanged(element: Element, name: string | null): void;
  snapshot(engine: SnapshotEngine): void;
  idBefore(node: Node): number;
  removed(node: Node, id: number): void;
  /** Takes over reading a node that was added in a large burst; `false` leaves it to rrweb. */
  readLater(node: Node): boolean;
  whenFrameLoaded(frame: HTMLIFrameElement, listener: () => void, timeoutMs: number): void;
  firstSeen(page: Document | null): boolean;
  forPage(fn: (...rest: unknown[]) => unknown, self: unknown, rest: unknown[]): unknown;
  readonly noCanvas: Readonly<Record<"freeze" | "unfreeze" | "lock" | "unlock" | "reset", () => void>>;
}

const nothing = (): void => {};
const pageErrors = new WeakSet<object>();

/** Whether an error came out of a function of the page that rrweb wraps: it must reach the page unchanged. */
export const isPageError = (error: unknown): boolean =>
  typeof error === "object" && error !== null && pageErrors.has(error);

const idle: RrwebHooks = {
  excluded: () => true,
  excludedAround: () => true,
  keepSecret: nothing,
  isSecret: () => true,
  attributeChanged: nothing,
  snapshot: nothing,
  idBefore: () => 0,
  removed: nothing,
  readLater: () => true,
  whenFrameLoaded: nothing,
  firstSeen: () => false,
  forPage(fn, self, rest) {
    try {
      return Reflect.apply(fn, self, rest);
    } catch (error) {
      if (typeof error === "object" && error !== null) pageErrors.add(error);
      throw error;
    }
  },
  noCanvas: { freeze: nothing, unfreeze: nothing, lock: nothing, unlock: nothing, reset: nothing },
};

export const hooks: RrwebHooks = { ...idle };

/** Puts a recorder behind the hooks; the answer takes it away again. */
export function connectHooks(connected: Omit<RrwebHooks, "forPage" | "noCanvas">): () => void {
  Object.assign(hooks, connected);
  return () => Object.assign(hooks, idle);
}
