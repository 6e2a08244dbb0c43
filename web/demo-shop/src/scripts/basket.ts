import { type Product, productById } from "./catalogue";

const KEY = "fernwick.basket";
export const DELIVERY_CENTS = 490;

export interface Line {
  id: string;
  count: number;
  size: string;
}

function isLine(value: unknown): value is Line {
  if (typeof value !== "object" || value === null) return false;
  const line = value as Record<string, unknown>;
  return typeof line.id === "string" && typeof line.count === "number" && typeof line.size === "string";
}

/** The basket of this browser; anything in storage that is not one counts as empty. */
export function readBasket(): Line[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isLine) : [];
  } catch {
    return [];
  }
}

export function writeBasket(lines: Line[]): void {
  localStorage.setItem(KEY, JSON.stringify(lines));
  showCount();
}

export function addToBasket(id: string, count: number, size: string): void {
  const lines = readBasket();
  const same = lines.find((line) => line.id === id && line.size === size);
  if (same) same.count += count;
  else lines.push({ id, count, size });
  writeBasket(lines);
}

export interface PricedLine extends Line {
  product: Product;
}

export function pricedLines(): PricedLine[] {
  return readBasket().flatMap((line) => {
    const product = productById(line.id);
    return product ? [{ ...line, product }] : [];
  });
}

/** In cents, without delivery. */
export function goodsCents(): number {
  return pricedLines().reduce((sum, line) => sum + line.count * line.product.price, 0);
}

export function showCount(): void {
  const place = document.querySelector("#basket-count");
  if (place) place.textContent = String(readBasket().reduce((sum, line) => sum + line.count, 0));
}
