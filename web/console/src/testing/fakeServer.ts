import { vi } from "vitest";

type Answer = (body: Record<string, unknown>, path: string) => unknown;

/**
 * A server that answers what it is told to, by method and path: `GET /playlists`. What answers with `undefined` has no
 * content; what answers with a promise takes its time. Everything that is asked of it is told, with what was sent.
 */
export function serve(answers: Record<string, Answer>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const path = url.replace("/api/v1", "");
    const name = `${init.method} ${path.split("?")[0]}`;
    const sent = typeof init.body === "string" ? init.body : "";
    asked.push(`${init.method} ${path}${sent === "" ? "" : ` ${sent}`}`);
    const answer = answers[name];
    if (!answer)
      return new Response(JSON.stringify({ type: "x", title: `no ${name}`, status: 404 }), { status: 404 });
    const said = await answer(sent === "" ? {} : JSON.parse(sent), path);
    if (said instanceof Response) return said;
    return said === undefined
      ? new Response(null, { status: 204 })
      : new Response(JSON.stringify(said), { status: 200 });
  });
  return asked;
}

/** A refusal as the server words it. */
export const problem = (status: number, slug: string, title: string): Response =>
  new Response(JSON.stringify({ type: `urn:clerestory:problem:${slug}`, title, status }), { status });
