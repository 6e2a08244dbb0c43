/**
 * Reads the page in slices short enough that nobody notices.
 *
 * The first slice becomes the full snapshot; every later slice is an ordinary event that adds nodes under parents
 * the replay already knows. Between two slices the page goes on changing, and rrweb's observers tell what happens
 * to known nodes; what happens to unknown ones they drop by themselves, because a node without an id cannot be
 * spoken of. So each event is right when it is told, and no slice has to be checked again.
 *
 * Known is what the mirror holds. The reader keeps a stack of containers (document, element, shadow root) whose
 * children it has not told yet. Coming back to one, it skips the children that became known meanwhile.
 */

import { firstChildOf, nextSiblingOf, parentOf, typeOf } from "../policy/dom";
import type { Judge } from "../policy/judge";
import { type AddedNode, EventType, type SerializedNode, Source } from "./events";
import type { SnapshotEngine } from "./hooks";
import { keepsNoChildren } from "./media";

/** How long a slice may read. Filtering and encoding it costs about as much again. */
const SLICE_MS = 8;
/** Reading the clock costs; so it is read once per this many nodes. */
const NODES_PER_CLOCK = 16;
/** The server refuses trees deeper than 512. */
const MAX_DEPTH = 480;

interface Container {
  readonly node: Node;
  readonly depth: number;
  /** The last child that was told. */
  cursor: Node | null;
  /** A style element whose rules were told already: its texts stay empty. */
  readonly cssCaptured?: boolean;
  /** Where children go that are still part of the full snapshot. */
  readonly nested: SerializedNode | null;
}

export class Walker {
  readonly #judge: Judge;
  readonly #done: () => void;
  readonly #failed: (error: unknown) => void;
  #engine: SnapshotEngine | null = null;
  #stack: Container[] = [];
  #late = new Set<Node>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #before: WeakMap<Node, { readonly id: number }> = new WeakMap();
  /** A slice is being told: the event belongs to the full snapshot before it. */
  telling = false;

  constructor(judge: Judge, done: () => void, failed: (error: unknown) => void) {
    this.#judge = judge;
    this.#done = done;
    this.#failed = failed;
  }

  get active(): boolean {
    return this.#timer !== null;
  }

  idBefore(node: Node): number {
    const id = this.#before.get(node)?.id ?? 0;
    return id > 0 ? id : 0;
  }

  removed(node: Node, id: number): void {
    this.#before.set(node, { id });
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#stack = [];
    this.#late.clear();
    this.#engine = null;
  }

  /** Takes a full snapshot. What fits into the first slice is in it, the rest follows. */
  snapshot(engine: SnapshotEngine): void {
    this.stop();
    this.#engine = engine;
    const { mirror } = engine;
    this.#before = mirror.nodeMetaMap;
    mirror.reset();
    this.#judge.forget();
    this.telling = true;
    try {
      engine.emit({
        type: EventType.meta,
        data: { href: location.href, width: innerWidth, height: innerHeight },
      });
      engine.reset();
      const root = engine.serialize(document, document, false);
      if (!root) return;
      this.#stack.push({ node: document, depth: 0, cursor: null, nested: root });
      this.#read([]);
      const initialOffset = { left: scrollX, top: scrollY };
      engine.emit({ type: EventType.fullSnapshot, data: { node: root, initialOffset } });
      if (document.adoptedStyleSheets.length > 0) engine.adopt(document, mirror.getId(document));
    } finally {
      this.telling = false;
    }
    // Containers that go on are told by added nodes from here.
    this.#stack = this.#stack.map((container) => ({ ...container, nested: null }));
    this.#next();
  }

  /** Reads a node that was just added when its turn comes. `false`: there is no snapshot to add it to. */
  readLater(node: Node): boolean {
    const container = parentOf(node);
    if (!this.#engine || !container) return false;
    this.#late.add(container);
    this.#timer ??= setTimeout(this.#turn, 0);
    return true;
  }

  #next(): void {
    if (this.#stack.length > 0 || this.#late.size > 0) {
      this.#timer = setTimeout(this.#turn, 0);
    } else {
      this.#timer = null;
      this.#done();
    }
  }

  readonly #turn = (): void => {
    try {
      this.#slice();
    } catch (error) {
      this.#failed(error);
    }
  };

  #slice(): void {
    const engine = this.#engine;
    if (!engine) return;
    this.#judge.forget();
    for (const node of this.#late) {
      this.#stack.push({ node, depth: depthOf(node), cursor: null, nested: null });
    }
    this.#late.clear();
    const adds: AddedNode[] = [];
    this.#read(adds);
    if (adds.length > 0) {
      this.telling = true;
      try {
        const data = { source: Source.mutation, texts: [], attributes: [], removes: [], adds };
        engine.emit({ type: EventType.incremental, data });
      } finally {
        this.telling = false;
      }
    }
    // Telling may have ended the recording.
    if (this.#engine) this.#next();
  }

  #read(adds: AddedNode[]): void {
    // Behind another tab nobody waits, and timers are slow: there it is better to be done.
    const patience = document.visibilityState === "hidden" ? 20 * SLICE_MS : SLICE_MS;
    const deadline = performance.now() + patience;
    for (let top = this.#stack.pop(); top; top = this.#stack.pop()) {
      if (!this.#isKnown(ownerOf(top.node)) || !top.node.isConnected) continue;
      // Document and root element come whole: a player cannot start without them.
      const inTime = this.#children(top, adds, top.depth < 2 ? Number.POSITIVE_INFINITY : deadline);
      if (!inTime || (performance.now() > deadline && top.depth >= 2)) return;
    }
  }

  /** Tells the unknown children of a container; `false` when time ran out before the last. */
  #children(container: Container, adds: AddedNode[], deadline: number): boolean {
    const engine = this.#engine;
    if (!engine) return false;
    const { node, nested, depth } = container;
    const owner = ownerOf(node);
    const parentId = engine.mirror.getId(owner);
    const page = typeOf(node) === Node.DOCUMENT_NODE ? (node as Document) : node.ownerDocument;
    if (!page || depth > MAX_DEPTH) return true;
    const cssCaptured = container.cssCaptured === true;
    const found: Container[] = [];
    const from =
      container.cursor && parentOf(container.cursor) === node
        ? nextSiblingOf(container.cursor)
        : firstChildOf(node);
    let follower = nested ? null : this.#nextKnown(from);
    let read = 0;
    let inTime = true;
    for (let child = from; child; child = nextSiblingOf(child)) {
      container.cursor = child;
      if (child === follower) {
        follower = this.#nextKnown(nextSiblingOf(child));
        continue;
      }
      const told = engine.mirror.getId(child) === -2 ? null : engine.serialize(child, page, cssCaptured);
      if (told) {
        if (nested) nested.childNodes?.push(told);
        else adds.push({ parentId, nextId: follower && engine.mirror.getId(follower), node: told });
        this.#inside(child, told, nested !== null, depth + 1, found);
      }
      read += 1;
      if (read % NODES_PER_CLOCK === 0 && performance.now() > deadline) {
        inTime = false;
        break;
      }
    }
    if (!inTime) this.#stack.push(container);
    for (let i = found.length - 1; i >= 0; i -= 1) {
      const next = found[i];
      if (next) this.#stack.push(next);
    }
    return inTime;
  }

  #inside(child: Node, told: SerializedNode, isNested: boolean, depth: number, found: Container[]): void {
    if (typeOf(child) !== Node.ELEMENT_NODE) return;
    const element = child as Element;
    if (keepsNoChildren(element) || this.#judge.decide(element) === "exclude") return;
    if (this.#judge.hidesDrawing(element)) return;
    const nested = isNested ? told : null;
    const cssCaptured = told.attributes?._cssText !== undefined;
    if (firstChildOf(element)) found.push({ node: element, depth, cursor: null, nested, cssCaptured });
    if (element.shadowRoot) found.push({ node: element.shadowRoot, depth, cursor: null, nested });
  }

  #nextKnown(from: Node | null): Node | null {
    for (let node = from; node; node = nextSiblingOf(node)) if (this.#isKnown(node)) return node;
    return null;
  }

  #isKnown(node: Node): boolean {
    const mirror = this.#engine?.mirror;
    return mirror?.has(mirror.getId(node)) === true;
  }
}

/** The node whose id stands for a container: of a shadow root, its host. (Links have a `host`, too.) */
const ownerOf = (node: Node): Node =>
  typeOf(node) === Node.DOCUMENT_FRAGMENT_NODE ? ((node as Partial<ShadowRoot>).host ?? node) : node;

function depthOf(node: Node): number {
  let depth = 0;
  for (let above: Node | null = node; above; above = parentOf(ownerOf(above))) depth += 1;
  return depth;
}
