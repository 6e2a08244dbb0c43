/**
 * The changes to `@rrweb/record` that the recorder needs, applied to its source while bundling.
 *
 * Each change names the exact text it replaces and how often that text occurs; a version of rrweb that reads
 * otherwise fails the build instead of recording without protection. Why there is a patch at all, and how to get
 * rid of it: docs/decisions/0002-rrweb-engine.md. `$` is `src/engine/hooks.ts`.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { transform } from "esbuild";

export const RRWEB_VERSION = "2.1.6";

/** @type {readonly {why: string, find: string, put: string, times?: number}[]} */
export const PATCHES = [
  {
    why: "exclusion is judged by the policy, not by a CSS selector of the browser",
    find: "function _isBlockedElement(element, blockClass, blockSelector) {\n",
    put: "function _isBlockedElement(element, blockClass, blockSelector) {\n  return $.excluded(element);\n",
  },
  {
    why: "every observer asks about all ancestors, across shadow roots and frames",
    find: "function isBlocked(node, blockClass, blockSelector, checkAncestors) {\n",
    put: "function isBlocked(node, blockClass, blockSelector, checkAncestors) {\n  return $.excludedAround(node);\n",
  },
  {
    why: "texts are masked in our own filter; the class and selector of rrweb are not used",
    find: "function needMaskingText(node, maskTextClass, maskTextSelector, checkAncestors) {\n",
    put: "function needMaskingText(node, maskTextClass, maskTextSelector, checkAncestors) {\n  return false;\n",
  },
  {
    why: "a field that was a password is remembered by us, without writing into the page",
    find: 'target.setAttribute("data-rr-is-password", "true");',
    put: "$.keepSecret(target);",
  },
  {
    why: "the other half of it",
    find: 'return element.hasAttribute("data-rr-is-password") ? "password"',
    put: 'return $.isSecret(element) ? "password"',
  },
  {
    why: "an attribute may exclude an element that was recorded, or show one that was not",
    find: 'case "attributes": {\n          const target = m.target;\n',
    put: 'case "attributes": {\n          const target = m.target;\n          $.attributeChanged(target, m.attributeName);\n',
  },
  {
    why: "canvas drawing is not recorded: it would carry text no rule can judge; and no worker is made from a blob",
    find: "canvasManager = new CanvasManager({\n    recordCanvas,\n    mutationCb: wrappedCanvasMutationEmit,\n    win: window,\n    blockClass,\n    blockSelector,\n    mirror,\n    sampling: sampling.canvas,\n    dataURLOptions\n  });",
    put: "canvasManager = $.noCanvas;",
  },
  {
    why: "the worker's source goes with it",
    find: /const jsContent = '(?:[^'\\\n]|\\.)*';\nconst blob = [^\n]*\n/g,
    put: "const jsContent = '';\nconst blob = null;\n",
  },
  {
    why: "an error of the page inside a patched function of the page belongs to the page",
    find: "return target.apply(thisArg, argumentsList);",
    put: "return $.forPage(target, thisArg, argumentsList);",
    times: 8,
  },
  {
    why: "a full snapshot is taken in slices",
    find: "takeFullSnapshot = (isCheckout = false) => {\n    if (!recordDOM) {\n      return;\n    }\n",
    put: `takeFullSnapshot = (isCheckout = false) => {
    $.snapshot({
      mirror,
      emit: wrappedEmit,
      reset: () => {
        stylesheetManager.reset();
        shadowDomManager.init();
      },
      adopt: (host, id) => stylesheetManager.adoptStyleSheets(host.adoptedStyleSheets, id),
      serialize: (n, doc, cssCaptured) => serializeNodeWithId(n, {
        doc,
        mirror,
        blockClass,
        blockSelector,
        maskTextClass,
        maskTextSelector,
        skipChild: true,
        inlineStylesheet,
        maskInputOptions,
        maskTextFn,
        maskInputFn,
        slimDOMOptions,
        dataURLOptions,
        inlineImages,
        recordCanvas,
        cssCaptured,
        onSerialize: (seen) => {
          if (isSerializedIframe(seen, mirror)) iframeManager.addIframe(seen);
          if (isSerializedStylesheet(seen, mirror)) stylesheetManager.trackLinkElement(seen);
          if (hasShadowRoot(seen)) shadowDomManager.addShadowRoot(index.shadowRoot(seen), document);
        },
        onIframeLoad: (iframe, childSn) => {
          iframeManager.attachIframe(iframe, childSn);
          shadowDomManager.observeAttachShadow(iframe);
        },
        onStylesheetLoad: (linkEl, childSn) => {
          stylesheetManager.attachLinkElement(linkEl, childSn);
        },
        keepIframeSrcFn,
        newlyAddedElement: false
      })
    });
    return;
`,
  },
  {
    why: "a node keeps its id from one full snapshot to the next, although the mirror is emptied in between",
    find: "    id = genId();\n  }\n  const serializedNode",
    put: "    id = $.idBefore(n) || genId();\n  }\n  const serializedNode",
  },
  {
    why: "a node that was removed is unknown; otherwise children are added under an id the replay no longer has",
    find: "    this.idNodeMap.delete(id);\n    if (n.childNodes) {",
    put: `    this.idNodeMap.delete(id);
    if (id > 0) {
      $.removed(n, id);
      this.nodeMetaMap.delete(n);
    }
    if (n.childNodes) {`,
  },
  {
    why: "the mirror need not keep a copy of the page",
    find: "mirror2.add(n, serializedNode);",
    put: "mirror2.add(n, { id });",
  },
  {
    why: "a burst of added nodes is read in slices, too",
    find: "if (this.addedSet.has(n) || this.movedSet.has(n)) return;\n",
    put: "if (this.addedSet.has(n) || this.movedSet.has(n)) return;\n      if (this.addedSet.size >= 400 && !this.mirror.hasNode(n) && $.readLater(n)) return;\n",
  },
  {
    why: "buffers of observers that ended are let go of",
    find: "  observer.observe(rootEl, {\n    attributes: true,",
    put: `  const disconnect = observer.disconnect.bind(observer);
  observer.disconnect = () => {
    const at = mutationBuffers.indexOf(mutationBuffer);
    if (at >= 0) mutationBuffers.splice(at, 1);
    disconnect();
  };
  observer.observe(rootEl, {
    attributes: true,`,
  },
  {
    why: "buffers are removed from the list while it is walked",
    find: "mutationBuffers.forEach((b) => b.reset());",
    put: "mutationBuffers.slice().forEach((b) => b.reset());",
  },
  {
    why: "a frame is listened to once, not once more with every full snapshot",
    find: "function onceIframeLoaded(iframeEl, listener, iframeLoadTimeout) {\n",
    put: "function onceIframeLoaded(iframeEl, listener, iframeLoadTimeout) {\n  return $.whenFrameLoaded(iframeEl, listener, iframeLoadTimeout);\n",
  },
  {
    why: "the same for what happens inside it",
    find: "handlers.push(observe(iframeEl.contentDocument));",
    put: "if ($.firstSeen(iframeEl.contentDocument)) handlers.push(observe(iframeEl.contentDocument));",
  },
  {
    why: "addresses never leave, so they need not be made absolute",
    find: "function transformAttribute(doc, tagName, name, value) {\n",
    put: "function transformAttribute(doc, tagName, name, value) {\n  return value;\n",
  },
  {
    why: "the same in style sheets",
    find: "function absolutifyURLs(cssText, href) {\n",
    put: 'function absolutifyURLs(cssText, href) {\n  return cssText || "";\n',
  },
  {
    why: "nor need imports that could not be read be written out",
    find: "function escapeImportStatement(rule) {\n",
    put: 'function escapeImportStatement(rule) {\n  return "";\n',
  },
  {
    why: "the name of a radio button may hold a quotation mark",
    find: 'const name = target.name;\n    if (type === "radio"',
    put: 'const name = CSS.escape(target.name);\n    if (type === "radio"',
  },
  {
    why: "films stay placeholders, so nobody asks when they play",
    find: "const mediaInteractionHandler = initMediaInteractionObserver(o);",
    put: "const mediaInteractionHandler = () => {};",
  },
  {
    why: "fonts are not collected",
    find: "      fontObserver = initFontObserver(o);\n",
    put: "",
  },
  {
    why: "only scripts and comments are left out",
    find: "function slimDOMExcluded(sn, slimDOMOptions) {\n",
    put: `function slimDOMExcluded(sn, slimDOMOptions) {
  return sn.type === NodeType.Comment || sn.type === NodeType.Element && sn.tagName === "script";
`,
  },
  {
    why: "no presets of what is left out",
    find: "const slimDOMOptions = slimDOMDefaults(_slimDOMOptions);\n  polyfill();",
    put: "const slimDOMOptions = {};",
  },
  {
    why: "a style element of several texts is told by its texts, so nothing need be split",
    find: 'if (tagName === "style" && n.sheet) {',
    put: 'if (tagName === "style" && n.sheet && n.childNodes.length < 2) {',
  },
  {
    why: "the rest of the same",
    find: "        cssText = markCssSplits(cssText, n);\n",
    put: "",
  },
  {
    why: "no messages from other frames",
    find: "if (this.recordCrossOriginIframes)",
    put: "if (false)",
    times: 2,
  },
  { why: "no hooks", find: "  mergeHooks(o, hooks);\n", put: "" },
  {
    why: "the recorder never meets nodes of a replay",
    find: 'if (n instanceof BaseRRNode && "shadowRoot" in n) {',
    put: "if (false) {",
  },
  { why: "canvas is drawn by us", find: 'if (tagName === "canvas" && recordCanvas) {', put: "if (false) {" },
  { why: "pictures, too", find: 'if (tagName === "img" && inlineImages) {', put: "if (false) {" },
  {
    why: "the state of films is not told",
    find: 'if (["audio", "video"].includes(tagName)) {',
    put: "if (false) {",
  },
];

/** Whole pieces of rrweb that are not used: from one text up to another, and the hash of what lies between. */
export const CUTS = [
  {
    why: "events go to us as they are; keyframes are our own affair, and no snapshot is kept in memory",
    from: "  let lastFullSnapshotEvent;",
    to: "  const wrappedMutationEmit = (m) => {",
    sha256: "5211ece2688277a10966690948602d5fbb84bc2cd1f2966eefcb8af9b2b44795",
    put: "  wrappedEmit = (e) => {\n    e.timestamp = nowTimestamp();\n    emit(e);\n  };\n",
  },
  {
    why: "there are no plugins",
    from: "  for (const plugin of plugins || []) {\n    if (plugin.getMirror)",
    to: "  const processedNodeManager = new ProcessedNodeManager();",
    sha256: "1b1fd2904d8b9172945d33494d9c1638738b42a2dd46814b09bab5dd67c55271",
  },
  {
    why: "which fields are masked is said in full",
    from: '  const maskInputOptions = maskAllInputs === true ? {\n    color: true,\n    date: true,\n    "datetime-local": true,\n    email: true,\n    month: true,\n    number: true,\n    range: true,\n    search: true,\n    tel: true,\n    text: true,\n    time: true,\n    url: true,\n    week: true,\n    textarea: true,\n    select: true,\n    password: true\n  } : _mask',
    to: "  const slimDOMOptions = {};",
    sha256: "3ea9b802ed862ca3f8bffd9d9a0800428893073f5dfe774057192aefde160626",
    put: "  const maskInputOptions = _maskInputOptions;\n",
  },
  {
    why: "a buffer takes its options as they are, so that no name of an option is a string",
    from: '    [\n      "mutationCb",',
    to: "  }\n  freeze() {",
    sha256: "65f5c3c2254392874c218448858ed5999a8f23fc30103e42952cec133381872a",
    put: "    Object.assign(this, options);\n",
  },
  {
    why: "nobody adds events or freezes the page",
    from: "record.addCustomEvent = ",
    to: "record.takeFullSnapshot = ",
    sha256: "57dbc62a1649a524a25f9b504b95362a0d05930da33e427663ed845111ce6f03",
  },
  {
    why: "the recorder never hands its events to another window",
    from: "  const inEmittingFrame = recordCrossOriginIframes",
    to: "  if (inEmittingFrame && !emit) {",
    sha256: "dced6df12a3c5efca238be033267effebd034d6e2da19b1b85fdc39d34ee3caa",
    put: "  const inEmittingFrame = true;\n  const passEmitsToParent = false;\n",
  },
  {
    why: "a warning about an interface of earlier versions",
    from: "const DEPARTED_MIRROR_ACCESS_WARNING",
    to: "function throttle(func, wait, options = {}) {",
    sha256: "9a452190b78762e89c65d0f156023b335a51ef9ed6e0e196a268473d4f38af6c",
  },
  {
    why: "a page that broke `Array.from` is not mended",
    from: "try {\n  if (Array.from([1]",
    to: "const mirror = createMirror();",
    sha256: "495d9720b9a865e6296bdc3b55b460e225489b826a4a6c1d89e0d092de5fe911",
  },
  {
    why: "frames of other origins are placeholders: no messages from them",
    from: "  handleMessage(message) {\n    const crossOriginMessageEvent",
    to: "}\nclass ShadowDomManager {",
    sha256: "173348d0592a36bf5d60c672d17550d17f3550618d3eb668f6abdee991f4dbd5",
  },
  {
    why: "nor ids of theirs",
    from: "class CrossOriginIframeMirror {",
    to: "class IframeManager {",
    sha256: "32a06b8a515dcf0b244bffe7a10e4cec3576dd9e600e1b2d7f4bb56ef39fe66b",
    put: "class CrossOriginIframeMirror {}\n",
  },
];

/** Fields of classes as plain assignments: esbuild wrote them for browsers that are long gone. */
const plainFields = (source) =>
  source
    .replace(/^( *)__publicField\(this, "(\w+)", (.*)\);$/gm, "$1this.$2 = $3;")
    .replace(/^ *__publicField\(this, "\w+"\);\n/gm, "");

/** Puts the numbers where the names of an enum stand; its table is then left out of the bundle. */
function inlineEnum(source, name) {
  const numbers = new Map();
  for (const [, key, value] of source.matchAll(
    new RegExp(`${name}2\\[${name}2\\["(\\w+)"\\] = (\\d+)\\]`, "g"),
  )) {
    numbers.set(key, value);
  }
  if (numbers.size === 0) throw new Error(`rrweb has no enum ${name}`);
  return source.replace(new RegExp(`\\b${name}\\.(\\w+)`, "g"), (_, key) => {
    if (!numbers.has(key)) throw new Error(`rrweb's ${name} has no ${key}`);
    return numbers.get(key);
  });
}

/** Applies every patch, or throws with the reason of the first that does not fit. */
export function patchRrweb(source) {
  let patched = source;
  for (const { why, find, put, times = 1 } of PATCHES) {
    const found =
      typeof find === "string" ? patched.split(find).length - 1 : [...patched.matchAll(find)].length;
    if (found !== times) {
      throw new Error(`rrweb patch "${why}": expected the text ${times} times, found it ${found} times`);
    }
    patched = typeof find === "string" ? patched.split(find).join(put) : patched.replace(find, () => put);
  }
  for (const { why, from, to, sha256, put = "" } of CUTS) {
    const start = patched.indexOf(from);
    const end = patched.indexOf(to, start);
    const text = start < 0 || end < 0 ? "" : patched.slice(start, end);
    const found = createHash("sha256").update(text).digest("hex");
    if (found !== sha256) throw new Error(`rrweb cut "${why}": the text changed, its hash is ${found}`);
    patched = patched.slice(0, start) + put + patched.slice(end);
  }
  patched = plainFields(patched);
  for (const name of ["EventType", "IncrementalSource", "NodeType", "PointerTypes"])
    patched = inlineEnum(patched, name);
  return `import { hooks as $ } from "clerestory:hooks";\n${patched}`;
}

/** An esbuild plugin that gives the bundle the patched recorder. */
export function rrwebPatch(hooksPath) {
  return {
    name: "rrweb-patch",
    setup(build) {
      build.onResolve({ filter: /^clerestory:hooks$/ }, () => ({ path: hooksPath }));
      build.onLoad({ filter: /@rrweb\/record\/dist\/record\.js$/ }, async (found) => {
        const version = JSON.parse(
          readFileSync(found.path.replace(/dist\/record\.js$/, "package.json"), "utf8"),
        ).version;
        if (version !== RRWEB_VERSION)
          throw new Error(`the patch is for @rrweb/record ${RRWEB_VERSION}, this is ${version}`);
        const patched = patchRrweb(readFileSync(found.path, "utf8"));
        // Code that a patch made unreachable still names other functions: without this pass they would be bundled.
        const { code } = await transform(patched, { minifySyntax: true, target: "es2022" });
        return { contents: code, loader: "js" };
      });
    },
  };
}
