/**
 * Describes a document as a tree that can be compared: element structure, ids and classes, texts, field values and
 * scroll positions. Runs inside a page, so it may use nothing from outside itself.
 *
 * `live` describes what *should* be seen of a live page under the preset "private" with media blocked: this is a
 * second, independent statement of the masking rules. `replay` describes a replayed document as it stands.
 *
 * @param {Document} document
 * @param {"live" | "replay"} mode
 */
export function describeDocument(document, mode) {
  const MASK = "•••••";
  const LEFT_OUT = new Set(["script", "noscript", "template", "style", "link", "meta", "base"]);
  const MEDIA = new Set(["img", "picture", "video", "audio", "canvas", "iframe", "object", "embed"]);
  const SECRET_TYPES = new Set(["password", "hidden", "file"]);
  const TEXT_TYPES = new Set(["", "text", "search", "email", "tel", "url"]);

  const parentOf = (node) => node.parentElement ?? node.getRootNode().host ?? null;

  /** The nearest decision; exclusion by any ancestor is final. */
  function decisionFor(element) {
    let nearest = null;
    for (let at = element; at; at = parentOf(at)) {
      const said = at.getAttribute("data-clerestory");
      if (said === "exclude") return "exclude";
      nearest ??= said;
    }
    return nearest ?? "mask";
  }

  const isShown = (element) => mode === "replay" || decisionFor(element) === "unmask";

  function fieldValue(field) {
    const type = (field.getAttribute("type") ?? "").toLowerCase();
    const complete = (field.getAttribute("autocomplete") ?? "").toLowerCase();
    if (field.localName === "input" && !TEXT_TYPES.has(type)) return undefined;
    if (mode === "live") {
      const secret =
        SECRET_TYPES.has(type) || /(^|\s)(cc-|one-time-code|(current|new)-password)/.test(complete);
      if (secret || !isShown(field)) return field.value === "" ? "" : MASK;
    }
    return field.value;
  }

  function describeText(text) {
    const value = text.nodeValue ?? "";
    if (value.trim() === "") return undefined;
    return isShown(parentOf(text) ?? document.documentElement) || !text.parentNode ? value : MASK;
  }

  function describeChildren(parent) {
    const children = [];
    for (const child of parent.childNodes) {
      const told =
        child.nodeType === 1
          ? describeElement(child)
          : child.nodeType === 3
            ? textIn(parent, child)
            : undefined;
      if (told !== undefined) children.push(told);
    }
    return children;
  }

  function textIn(parent, text) {
    if (parent.nodeType === 1) return describeText(text);
    // A text directly in a shadow root belongs to its host.
    const value = text.nodeValue ?? "";
    if (value.trim() === "") return undefined;
    return isShown(parent.host) ? value : MASK;
  }

  function describeElement(element) {
    const tag = element.localName;
    if (LEFT_OUT.has(tag)) return undefined;
    const isExcluded =
      mode === "live"
        ? decisionFor(element) === "exclude"
        : element.getAttribute("data-clerestory") === "excluded";
    // Of what is excluded nothing is told but that something is there.
    if (isExcluded) return { tag, excluded: true };
    const told = { tag };
    if (element.id) told.id = element.id;
    const classes = [...element.classList]
      .filter((name) => name !== ":hover")
      .sort()
      .join(" ");
    if (classes) told.class = classes;
    if (element.hasAttribute("hidden")) told.hidden = true;
    if (element.hasAttribute("open")) told.open = element.matches(":modal") ? "modal" : true;
    if (element.scrollTop >= 1 || element.scrollLeft >= 1)
      told.scroll = [Math.round(element.scrollLeft), Math.round(element.scrollTop)];
    if (MEDIA.has(tag)) return told;
    if (tag === "input" || tag === "textarea") {
      const value = fieldValue(element);
      if (value !== undefined) told.value = value;
      return told;
    }
    if (element.shadowRoot) told.shadow = describeChildren(element.shadowRoot);
    const children = describeChildren(element);
    if (children.length > 0) told.children = children;
    return told;
  }

  const scrolling = document.scrollingElement ?? document.documentElement;
  const window = document.defaultView;
  return {
    page: [
      Math.round(window?.scrollX ?? scrolling.scrollLeft),
      Math.round(window?.scrollY ?? scrolling.scrollTop),
    ],
    body: describeElement(document.body),
  };
}

/** The first places where two descriptions differ, in words; empty when they are equal. */
export function differences(wanted, got, path = "", found = []) {
  if (found.length >= 12) return found;
  if (typeof wanted !== "object" || wanted === null || typeof got !== "object" || got === null) {
    if (wanted !== got)
      found.push(
        `${path}: ${JSON.stringify(wanted)?.slice(0, 120)} became ${JSON.stringify(got)?.slice(0, 120)}`,
      );
    return found;
  }
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
    const name = wanted[key]?.tag ? `${wanted[key].tag}${wanted[key].id ? `#${wanted[key].id}` : ""}` : key;
    differences(wanted[key], got[key], path === "" ? name : `${path} > ${name}`, found);
  }
  return found;
}

/** How many elements and texts a description holds. */
export function sizeOf(told) {
  if (typeof told !== "object" || told === null) return 1;
  const below = [...(told.children ?? []), ...(told.shadow ?? []), ...(told.body ? [told.body] : [])];
  return 1 + below.reduce((sum, child) => sum + sizeOf(child), 0);
}
