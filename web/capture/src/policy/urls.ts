/** URL patterns of the capture policy, as fixed by `policies/vectors/urls.json`. */

const MAX_CODE_POINTS = 200;

/** Decodes each run of `%XX` that is valid UTF-8, but never `%2F`, `%25` and `%2A`, which would change the meaning. */
export function normalisePath(path: string): string {
  return path.replace(/(?:%(?!2[fF]|25|2[aA])[0-9a-fA-F]{2})+|%[0-9a-fA-F]{2}/g, (run) => {
    if (/^%(?:2[fF]|25|2[aA])$/.test(run)) return run.toUpperCase();
    try {
      return decodeURIComponent(run);
    } catch {
      return run.toUpperCase();
    }
  });
}

/** Turns a pattern into an expression over normalised paths, or gives `null` where it is not one. */
export function parsePattern(pattern: string): RegExp | null {
  if (
    [...pattern].length > MAX_CODE_POINTS ||
    !/^(?:\/(?!\/)|\*\*)/.test(pattern) ||
    /[?#\\\s\p{Cc}]|\*\*\*|[\ud800-\udfff]/u.test(pattern)
  ) {
    return null;
  }
  let source = "";
  const normal = normalisePath(pattern);
  const tail = normal.endsWith("/**");
  for (const piece of (tail ? normal.slice(0, -3) : normal).split(/(\*\*?)/)) {
    if (piece === "**") source += "[^]*?";
    else if (piece === "*") source += "[^/]*?";
    else source += piece.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  }
  return new RegExp(`^${source}${tail ? "(?:\\/[^]*)?" : ""}$`, "u");
}

/** The path that patterns are matched against: no origin, query or fragment; at least `/`. */
export function pathOf(url: string): string {
  const path = url.replace(/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*/, "").replace(/[?#][\s\S]*$/, "");
  return path === "" ? "/" : path;
}

export interface UrlRules {
  readonly deny: readonly RegExp[];
  readonly allow: readonly RegExp[];
}

/** Whether a page of this path is captured: deny wins, and an empty allow list allows every page. */
export function captures(rules: UrlRules, path: string): boolean {
  const normal = normalisePath(path);
  if (rules.deny.some((pattern) => pattern.test(normal))) return false;
  return rules.allow.length === 0 || rules.allow.some((pattern) => pattern.test(normal));
}
