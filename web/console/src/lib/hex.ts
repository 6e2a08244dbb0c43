/** Bytes as a hex dump: rows of sixteen, each with the offset of its first byte. */
export function hexRows(hex: string, start = 0): { at: string; bytes: string }[] {
  const rows: { at: string; bytes: string }[] = [];
  for (let i = 0; i < hex.length; i += 32) {
    const bytes = hex.slice(i, i + 32).match(/.{1,2}/g) ?? [];
    rows.push({ at: (start + i / 2).toString(16).padStart(4, "0"), bytes: bytes.join(" ") });
  }
  return rows;
}
