// Recordings as other programs write them: all that an import needs.

/**
 * A page of one line of text that is scrolled now and then, as rrweb tells it, over by the time it is brought in.
 *
 * @param {string} text  the line, which the policy masks
 * @param {{seconds?: number, title?: string}} [options]
 */
export function pageEvents(text, { seconds = 2, title } = {}) {
  const began = Date.now() - 60_000 - seconds * 1000;
  const words = (id, textContent) => ({ type: 3, textContent, id });
  const line = { type: 2, tagName: "p", attributes: {}, childNodes: [words(5, text)], id: 6 };
  const body = { type: 2, tagName: "body", attributes: {}, childNodes: [line], id: 4 };
  const named = { type: 2, tagName: "title", attributes: {}, childNodes: [words(8, title ?? "")], id: 7 };
  const head = {
    type: 2,
    tagName: "head",
    attributes: {},
    childNodes: title === undefined ? [] : [named],
    id: 3,
  };
  const html = { type: 2, tagName: "html", attributes: {}, childNodes: [head, body], id: 2 };
  const node = { type: 0, childNodes: [html], id: 1 };
  const events = [
    { type: 4, data: { href: "https://desk.example/", width: 800, height: 600 }, timestamp: began },
    { type: 2, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp: began + 1 },
  ];
  for (let at = 1; at <= seconds; at += 1) {
    events.push({ type: 3, data: { source: 3, id: 1, x: 0, y: at % 7 }, timestamp: began + at * 1000 });
  }
  return events;
}
