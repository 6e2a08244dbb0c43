/** How many calm colours there are for the windows of people without a picture. */
export const TONES = 6;

/** The colour of somebody's window: the same every time, and nothing about them. */
export function toneOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return sum % TONES;
}
