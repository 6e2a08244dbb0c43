/** The token of a sign-in link, `#token=…`, or null where the fragment carries none of that shape. */
export function linkToken(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("token");
  return token !== null && /^[A-Za-z0-9_.~-]{16,512}$/.test(token) ? token : null;
}
