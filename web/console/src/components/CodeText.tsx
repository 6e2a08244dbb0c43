import { codeParts } from "../lib/codeParts";

/** A sentence of the server, with its commands and rules as code: "Mask `.total`." */
export function CodeText({ text }: { text: string }) {
  return codeParts(text).map(({ part, code, at }) => (code ? <code key={at}>{part}</code> : part));
}
