export interface TextPart {
  part: string;
  /** True for what stood between two backticks. */
  code: boolean;
  /** Where it begins in the text. */
  at: number;
}

/** A sentence in parts: what stands between two backticks is code. A backtick without a second one is text. */
export function codeParts(text: string): TextPart[] {
  const found: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(/`([^`]+)`/g)) {
    if (match.index > from) found.push({ part: text.slice(from, match.index), code: false, at: from });
    found.push({ part: match[1] ?? "", code: true, at: match.index });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ part: text.slice(from), code: false, at: from });
  return found;
}
