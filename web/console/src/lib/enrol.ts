/** The code by which a browser comes to record its person's screen, as a link carries it. */

/** The code of a link, `#code=…`, or null where the fragment carries none of that shape. */
export function enrolCode(hash: string): string | null {
  const code = new URLSearchParams(hash.replace(/^#/, "")).get("code");
  return code !== null && /^cre_[A-Za-z0-9_-]{16,256}$/.test(code) ? code : null;
}
