/** Parses a capture policy, strictly: what is not understood is refused, and with it the whole policy. */
import { parseSelector, type Selector } from "./selectors";
import { parsePattern, type UrlRules } from "./urls";

/** The rules of a policy in a form that can be asked. */
export interface Rules {
  readonly mediaAllowed: boolean;
  readonly exclude: Selector;
  readonly mask: Selector;
  readonly unmask: Selector;
  readonly urls: UrlRules;
}

/** A signed policy's content. Times are milliseconds since 1970. */
export interface Policy {
  readonly site: string;
  readonly version: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly rules: Rules;
}

export interface PolicyError {
  readonly path: string;
  readonly message: string;
}

export type Parsed<T> = { readonly ok: T } | { readonly errors: readonly PolicyError[] };

const FORMAT = "clerestory-capture-policy/1";
const MAX_RULES = 200;
const RULE_FIELDS = ["preset", "media", "exclude", "mask", "unmask", "urls"];
const POLICY_FIELDS = [...RULE_FIELDS, "format", "site", "version", "issued_at", "expires_at"];

/** From the build: the core only refuses, the policy editor's preview also says why. */
declare const EXPLAIN: boolean;

type Fields = Readonly<Record<string, unknown>>;
type Complain = (path: string, message: string) => void;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function onlyFields(value: Fields, names: readonly string[], prefix: string, complain: Complain): void {
  for (const name of names)
    if (!(name in value)) complain(prefix + name, EXPLAIN ? "This field is missing." : "");
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) complain(prefix + name, EXPLAIN ? "This field is not known." : "");
  }
}

function parseList<T>(
  value: unknown,
  path: string,
  parse: (text: string) => T | null,
  complain: Complain,
): T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    complain(path, EXPLAIN ? "This must be a list." : "");
    return [];
  }
  if (value.length > MAX_RULES) complain(path, EXPLAIN ? `At most ${MAX_RULES} rules are allowed.` : "");
  const parsed: T[] = [];
  value.forEach((item: unknown, index) => {
    const rule = typeof item === "string" ? parse(item) : null;
    if (rule === null)
      complain(`${path}[${index}]`, EXPLAIN ? "This is not a rule the policy understands." : "");
    else parsed.push(rule);
  });
  return parsed;
}

function readRules(value: Fields, complain: Complain): Rules {
  if ("preset" in value && value.preset !== "private")
    complain("preset", EXPLAIN ? 'The only preset is "private".' : "");
  if ("media" in value && value.media !== "blocked" && value.media !== "allowed") {
    complain("media", EXPLAIN ? 'Media is "blocked" or "allowed".' : "");
  }
  const selectors = (name: string): Selector => parseList(value[name], name, parseSelector, complain).flat();
  const rules = { exclude: selectors("exclude"), mask: selectors("mask"), unmask: selectors("unmask") };
  const urls = value.urls;
  let deny: RegExp[] = [];
  let allow: RegExp[] = [];
  if (isFields(urls)) {
    onlyFields(urls, ["deny", "allow"], "urls.", complain);
    deny = parseList(urls.deny, "urls.deny", parsePattern, complain);
    allow = parseList(urls.allow, "urls.allow", parsePattern, complain);
  } else if (urls !== undefined) {
    complain("urls", EXPLAIN ? "This must be an object." : "");
  }
  return { mediaAllowed: value.media === "allowed", ...rules, urls: { deny, allow } };
}

function collect<T>(
  value: unknown,
  names: readonly string[],
  read: (fields: Fields, complain: Complain) => T,
): Parsed<T> {
  const errors: PolicyError[] = [];
  const complain: Complain = (path, message) => {
    if (!errors.some((error) => error.path === path)) errors.push({ path, message });
  };
  if (!isFields(value)) return { errors: [{ path: "", message: EXPLAIN ? "This must be an object." : "" }] };
  onlyFields(value, names, "", complain);
  const result = read(value, complain);
  errors.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return errors.length > 0 ? { errors } : { ok: result };
}

/** Parses the editor document: the rules alone. */
export const parseRules = (value: unknown): Parsed<Rules> => collect(value, RULE_FIELDS, readRules);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

function readTime(value: Fields, name: string, complain: Complain): number {
  const text = value[name];
  let time = typeof text === "string" && TIME.test(text) ? Date.parse(text) : Number.NaN;
  // `Date.parse` takes 30 February for 2 March.
  if (!Number.isNaN(time) && new Date(time).toISOString().slice(0, 19) !== String(text).slice(0, 19))
    time = Number.NaN;
  if (name in value && Number.isNaN(time)) complain(name, EXPLAIN ? "This must be a time in UTC." : "");
  return time;
}

function readPolicy(value: Fields, complain: Complain): Policy {
  const rules = readRules(value, complain);
  const { format, site, version } = value;
  if ("format" in value && format !== FORMAT) complain("format", EXPLAIN ? "This format is not known." : "");
  const siteId = typeof site === "string" && /^sit_[0-9a-f]{32}$/.test(site) ? site : "";
  if ("site" in value && siteId === "") complain("site", EXPLAIN ? "This must be the id of a site." : "");
  const number = typeof version === "number" && Number.isSafeInteger(version) && version > 0 ? version : 0;
  if ("version" in value && number === 0)
    complain("version", EXPLAIN ? "This must be a whole number above zero." : "");
  const issuedAt = readTime(value, "issued_at", complain);
  const expiresAt = readTime(value, "expires_at", complain);
  if (expiresAt <= issuedAt) complain("expires_at", EXPLAIN ? "This must be later than issued_at." : "");
  return { site: siteId, version: number, issuedAt, expiresAt, rules };
}

/** Parses a policy as it is signed. */
export const parsePolicy = (value: unknown): Parsed<Policy> => collect(value, POLICY_FIELDS, readPolicy);
