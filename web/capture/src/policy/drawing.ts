/**
 * Which vector pictures say more than an icon does: a code to scan, a signature, a chart. By their size on the
 * screen, or by how much is drawn, for those that are not laid out now.
 */
import { attribute } from "./dom";

const ICON_AREA = 64 * 64;
const ICON_SHAPES = 40;
const ICON_PATH = 4096;

export function isDrawing(svg: Element): boolean {
  const { width, height } = svg.getBoundingClientRect();
  if (width * height > ICON_AREA) return true;
  const shapes = svg.querySelectorAll("path,rect,circle,ellipse,line,polyline,polygon,use");
  if (shapes.length > ICON_SHAPES) return true;
  let path = 0;
  for (const shape of shapes)
    path += `${attribute(shape, "d") ?? ""}${attribute(shape, "points") ?? ""}`.length;
  return path > ICON_PATH;
}
