/**
 * Draws masked text as soft bars, without touching the document.
 *
 * The recorder replaces every masked text by one fixed token. The CSS Custom Highlight API paints over ranges
 * without adding a node, so structure, layout and selectors stay as recorded. Where a browser lacks it the token
 * is shown as it is.
 */

export const MASK_TOKEN = "\u2022\u2022\u2022\u2022\u2022";

type Ranges = Set<AbstractRange>;

interface HighlightWindow extends Window {
  readonly CSS?: { readonly highlights?: Map<string, object> };
  readonly Highlight?: new (...ranges: AbstractRange[]) => Ranges;
  readonly StaticRange?: typeof StaticRange;
}

/** The rule that gives the bars their look; inserted with the engine's own. */
export const MASK_RULE =
  "::highlight(clerestory-masked) { color: transparent; text-decoration: line-through .62em rgb(120 130 145 / .42); }";

export class Masks {
  #highlight: Ranges | null = null;
  #document: Document | null = null;

  /** Looks at one built node. Cheap for everything that is not the token. */
  see(node: Node): void {
    if (node.nodeType !== Node.TEXT_NODE || node.textContent !== MASK_TOKEN) return;
    const view = node.ownerDocument?.defaultView as HighlightWindow | null | undefined;
    if (!view?.CSS?.highlights || !view.Highlight || !view.StaticRange) return;
    if (this.#document !== node.ownerDocument || this.#highlight === null) {
      this.#document = node.ownerDocument;
      this.#highlight = new view.Highlight();
      view.CSS.highlights.set("clerestory-masked", this.#highlight);
    }
    this.#highlight.add(
      new view.StaticRange({
        startContainer: node,
        startOffset: 0,
        endContainer: node,
        endOffset: MASK_TOKEN.length,
      }),
    );
  }

  /** Forgets ranges over nodes that are gone, after a snapshot was built anew. */
  prune(): void {
    if (this.#highlight === null) return;
    for (const range of [...this.#highlight]) {
      if (!range.startContainer.isConnected) this.#highlight.delete(range);
    }
  }

  /** Forgets every range. */
  clear(): void {
    (this.#document?.defaultView as HighlightWindow | null)?.CSS?.highlights?.delete("clerestory-masked");
    this.#highlight = null;
    this.#document = null;
  }
}
