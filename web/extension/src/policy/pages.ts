/**
 * Which pages may be captured. A rule names pages of a site, `https://bank.example/**`, or pages of any site by their
 * path alone, `/account/**`; paths are as in the policy of the capture script (`policies/vectors`, URL patterns).
 */
import { normalisePath, parsePattern, pathOf } from "@clerestory/capture/src/policy/urls";

/**
 * How closely a rule is held to its words. `exact` for what is allowed. `wide` for what is excluded: many servers take
 * `/Account//1` for `/account/1`. `site` where an address has no path of its page's: only the site counts.
 */
export type Closeness = "exact" | "wide" | "site";
export type PageRule = (page: URL, closeness?: Closeness) => boolean;

const MAX_CODE_POINTS = 300;
/** Scheme (any when absent), host (`*.` for a host and all below it, `*` for any), port (any when absent), path. */
const SITE_RULE =
  /^(?:(\*|https?):\/\/)?(\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::(\d{1,5}))?(\/.*)?$/u;

type PathRule = (page: URL, closeness: Closeness) => boolean;

const widened = (path: string): string => path.replace(/\/{2,}/g, "/").toLowerCase();

function pathRule(pattern: string): PathRule | null {
  const expression = parsePattern(pattern);
  const wide = parsePattern(widened(pattern));
  if (!expression || !wide) return null;
  return ({ href }, closeness) => {
    if (closeness === "site") return true;
    const path = normalisePath(pathOf(href));
    return expression.test(path) || (closeness === "wide" && wide.test(widened(path)));
  };
}

/** Turns a rule of the policy into a question, or gives `null` where it is not one. */
export function parsePageRule(rule: string): PageRule | null {
  if ([...rule].length > MAX_CODE_POINTS) return null;
  if (/^(?:\/|\*\*)/.test(rule)) {
    const onPath = pathRule(rule);
    return onPath && ((page, closeness = "exact") => onPath(page, closeness));
  }
  const parts = SITE_RULE.exec(rule);
  if (!parts) return null;
  const [, scheme = "*", host = "*", port, path = "/**"] = parts;
  // Whoever writes a site and `/*` means the whole site, and not its first level only.
  const onPath = pathRule(path.endsWith("/*") ? `${path}*` : path);
  if (!onPath) return null;
  const below = host.startsWith("*.") ? host.slice(1) : null;
  return (page, closeness = "exact") => {
    // A dot at its end names the same host.
    const hostname = page.hostname.replace(/\.$/, "");
    return (
      (scheme === "*" || page.protocol === `${scheme}:`) &&
      (host === "*" || hostname === host || (below !== null && `.${hostname}`.endsWith(below))) &&
      (port === undefined || portOf(page) === port) &&
      onPath(page, closeness)
    );
  };
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === "https:" ? "443" : "80");

export interface PageRules {
  /** `block`: all pages but those named. `allow`: only pages that are named. */
  readonly mode: "block" | "allow";
  readonly rules: readonly PageRule[];
  /** Beside `allow`: what is kept out of what it lets in. */
  readonly except?: readonly PageRule[];
}

/** What a page stands for whose address wraps another: its source shown, or something a page made itself. */
const WRAPPER = /^(?:view-source|blob|filesystem):/;
/** Made by a page of this site, on whatever path: its own path says nothing. */
const MADE = /^(?:view-source:)*(?:blob|filesystem):/;

function inner(address: string): URL | null {
  let bare = address;
  while (WRAPPER.test(bare)) bare = bare.replace(WRAPPER, "");
  return URL.canParse(bare) ? new URL(bare) : null;
}

const isWeb = ({ protocol }: URL): boolean => protocol === "https:" || protocol === "http:";

/** Popup and set-up page of this extension show nothing but what is recorded. */
const isOwn = (address: string): boolean =>
  globalThis.chrome?.runtime?.id !== undefined && address.startsWith(chrome.runtime.getURL(""));

/**
 * Whether a page with this address keeps everything from being captured. Besides what the rules say, that is any whole
 * page that no rule can speak of: one of the browser or of another extension, which may list passwords or where the
 * person has been; a file; and a page without an address of its own, into which another may have written anything.
 * A frame whose content the page around it wrote is judged by that page.
 */
export function isExcluded(
  { mode, rules, except = [] }: PageRules,
  address: string,
  isFrame: boolean,
): boolean {
  const page = inner(address);
  if (isFrame && (page === null || page.protocol === "about:")) return false;
  if (page === null) return true;
  if (!isWeb(page)) return isFrame ? mode === "allow" && page.protocol !== "data:" : !isOwn(address);
  const names = (rule: PageRule) => rule(page, MADE.test(address) ? "site" : "wide");
  if (mode === "allow") return except.some(names) || !rules.some((rule) => rule(page, "exact"));
  return rules.some(names);
}

/** Pages of the browser itself: what they are called says nothing of the person. */
const BROWSERS_OWN = /^(?:chrome|edge|brave|opera|vivaldi):/;

/** The same of a page of which only the title can be seen, and its small picture when somebody points at it. */
export const isTitleExcluded = (rules: PageRules, address: string): boolean =>
  !BROWSERS_OWN.test(address) && isExcluded(rules, address, false);

const MAX_ADDRESS = 2000;
/** Longer, or of other characters, it is no name: pages are opened with secrets that have none. */
const NAME = /^[\w.~[\]%-]{1,40}$/;

/** The names of a query. What has no value may be one. */
function queryNames(page: URL): string[] {
  const named = page.search
    .slice(1)
    .split("&")
    .filter((pair) => pair.includes("="));
  const names = [...new URLSearchParams(named.join("&")).keys()].map(encodeURIComponent);
  return [...new Set(names)].filter((name) => NAME.test(name));
}

/** An address as the action log tells it: without credentials and fragment, and of the query only the names. */
export function toldAddress(address: string): string {
  const page = URL.canParse(address) ? new URL(address) : null;
  if (page === null || !/^https?:$/.test(page.protocol)) return page?.protocol ?? "";
  const names = queryNames(page);
  const query = names.length > 0 ? `?${names.join("&")}` : "";
  return `${page.origin}${page.pathname}${query}`.slice(0, MAX_ADDRESS);
}
