/** Canonical JSON as `policies/vectors/README.md` fixes it: what is signed is these bytes and no others. */

/**
 * Writes keys sorted by code unit and no white space.
 *
 * Throws `TypeError` for a lone surrogate, a fraction, or anything JSON does not know.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value === "string") {
    if (/[\ud800-\udfff]/u.test(value)) throw new TypeError("a lone surrogate has no canonical form");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object") {
    const fields = value as Readonly<Record<string, unknown>>;
    const keys = Object.keys(fields).sort((a, b) => (a < b ? -1 : 1));
    return `{${keys.map((key) => `${canonicalJson(key)}:${canonicalJson(fields[key])}`).join(",")}}`;
  }
  throw new TypeError("this has no canonical form");
}
