/** Origins as somebody types them, one a line. */

export type OriginProblem = { line: string; why: string };

/** Splits what was typed into origins; nothing is corrected silently. */
export function parseOrigins(text: string): { origins: string[]; problems: OriginProblem[] } {
  const origins: string[] = [];
  const problems: OriginProblem[] = [];
  for (const line of text.split(/[\s,]+/).filter(Boolean)) {
    const why = wrongWith(line);
    if (why) problems.push({ line, why });
    else if (!origins.includes(line)) origins.push(line);
  }
  return { origins, problems };
}

function wrongWith(line: string): string | null {
  let url: URL;
  try {
    url = new URL(line);
  } catch {
    return "is no address; write it with its scheme, such as https://shop.example";
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https:// or http://";
  if (url.origin !== line) return `is more than an origin; write ${url.origin}`;
  if (!isSecureOrigin(url))
    return "is not a secure context: browsers only let the recorder work over https, or on localhost";
  return null;
}

/** Whether browsers treat the origin as a secure context: https, or a loopback host. */
export function isSecureOrigin(url: URL): boolean {
  if (url.protocol === "https:") return true;
  const host = url.hostname;
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(host)
  );
}
