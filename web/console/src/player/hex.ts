export interface HexRow {
  /** Where the row stands in the object, eight hexadecimal digits. */
  at: string;
  hex: string;
  text: string;
}

/** Hexadecimal text as rows of sixteen bytes, with what of it is printable ASCII beside. */
export function hexRows(hex: string, offset: number): HexRow[] {
  const bytes = hex.match(/[0-9a-f]{2}/gi) ?? [];
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16);
    rows.push({
      at: (offset + at).toString(16).padStart(8, "0"),
      hex: row.join(" ").padEnd(47, " "),
      text: row
        .map((pair) => Number.parseInt(pair, 16))
        .map((code) => (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : "."))
        .join(""),
    });
  }
  return rows;
}
