/**
 * Which pages may be captured. A rule names pages of a site, `https://bank.example/**`, or pages of any site by their
 * path alone, `/account/**`; paths are as in the policy of the capture script (`policies/vectors`, URL patterns).
 */
import { normalisePath, parsePattern, pathOf } from "@clerestory/capture/src/policy/urls";

export type PageRule = (page: URL) => boolean;

const MAX_CODE_POINTS = 300;
/** Scheme (any when absent), host (`*.` for a host and all below it, `*` for any), port (any when absent), path. */
const SITE_RULE =
  /^(?:(\*|https?):\/\/)?(\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::(\d{1,5}))?(\/.*)?$/u;

function pathRule(pattern: string): ((path: string) => boolean) | null {
  const expression = parsePattern(pattern);
  return expression && ((path) => expression.test(normalisePath(path)));
}

/** Turns a rule of the policy into a question, or gives `null` where it is not one. */
export function parsePageRule(rule: string): PageRule | null {
  if ([...rule].length > MAX_CODE_POINTS) return null;
  if (/^(?:\/|\*\*)/.test(rule)) {
    const onPath = pathRule(rule);
    return onPath && ((page) => onPath(pathOf(page.href)));
  }
  const parts = SITE_RULE.exec(rule);
  if (!parts) return null;
  const [, scheme = "*", host = "*", port, path = "/**"] = parts;
  // Whoever writes a site and `/*` means the whole site, and not its first level only.
  const onPath = pathRule(path.endsWith("/*") ? `${path}*` : path);
  if (!onPath) return null;
  const below = host.startsWith("*.") ? host.slice(1) : null;
  return (page) =>
    (scheme === "*" || page.protocol === `${scheme}:`) &&
    (host === "*" || page.hostname === host || (below !== null && `.${page.hostname}`.endsWith(below))) &&
    (port === undefined || portOf(page) === port) &&
    onPath(pathOf(page.href));
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === "https:" ? "443" : "80");

export interface PageRules {
  /** `block`: all pages but those named. `allow`: only pages that are named. */
  readonly mode: "block" | "allow";
  readonly rules: readonly PageRule[];
}

/** What a page stands for whose address wraps another: a blob, or its source shown. */
function inner(address: string): URL | null {
  const bare = address.replace(/^(?:(?:view-source|blob|filesystem):)+/, "");
  return URL.canParse(bare) ? new URL(bare) : null;
}

/**
 * Whether a page with this address keeps everything from being captured. Frames without an address of their own
 * (`about:blank`, `about:srcdoc`) are judged by the page around them.
 */
export function isExcluded({ mode, rules }: PageRules, address: string, isFrame: boolean): boolean {
  const page = inner(address);
  if (isFrame && (page === null || page.protocol === "about:")) return false;
  if (page === null) return mode === "allow";
  const isNamed = rules.some((rule) => rule(page));
  return mode === "block" ? isNamed : !isNamed;
}

const MAX_ADDRESS = 2000;

/** An address as the action log tells it: without credentials and fragment, and of the query only the names. */
export function toldAddress(address: string): string {
  const page = URL.canParse(address) ? new URL(address) : null;
  if (page === null || !/^https?:$/.test(page.protocol)) return page?.protocol ?? "";
  const names = [...new Set([...page.searchParams.keys()].map(encodeURIComponent))];
  const query = names.length > 0 ? `?${names.join("&")}` : "";
  return `${page.origin}${page.pathname}${query}`.slice(0, MAX_ADDRESS);
}
