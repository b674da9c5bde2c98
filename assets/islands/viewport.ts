// Which part of the picture is seen, and how large. Pure.

import type { Rect } from "./geometry";
import type { Point } from "./layout";

/** The picture's point (0, 0) is seen at x, y; everything is scaled by k. */
export type View = { readonly x: number; readonly y: number; readonly k: number };

/** The size of the window onto the picture. */
export type Size = { readonly width: number; readonly height: number };

/** Small enough for a picture of five thousand boxes to be seen whole. */
export const MIN_SCALE = 0.03;
export const MAX_SCALE = 3;

/** Below this scale words cannot be read; a picture that does not fit is cut off rather than shrunk further. */
export const LEGIBLE = 0.75;

/** Down to this scale a picture is shrunk to be seen whole: its names are still read, and nothing is out of sight. */
const WHOLE = 0.58;

/** The room left around a fitted picture. */
const PADDING = 24;

/**
 * How large a fitted picture may become in a window: a little more than its own size, and on walls and large screens,
 * which are looked at from further away, half as large again.
 */
const largest = ({ width }: Size): number => Math.min(1.6, Math.max(1.15, width / 1600));

/** The view that shows an area whole or, at the least scale, as much of it around an anchor as there is room for. */
export function fitted(area: Rect, size: Size, least: number, anchor?: Rect): View {
  const room = { width: size.width - 2 * PADDING, height: size.height - 2 * PADDING };
  const most = Math.min(room.width / area.width, room.height / area.height, largest(size));
  const whole = Number.isFinite(most) ? most : 1;
  const k = whole >= WHOLE ? whole : Math.max(least, whole);
  return {
    k,
    x: axis([area.x, area.width], size.width, k, anchor && anchor.x + anchor.width / 2),
    y: axis([area.y, area.height], size.height, k, anchor && anchor.y + anchor.height / 2),
  };
}

/** Where an axis begins: centred if it fits, else around the anchor without empty room at the ends. */
function axis([start, length]: [number, number], room: number, k: number, anchor: number | undefined): number {
  const middle = room / 2 - (start + length / 2) * k;
  if (length * k + 2 * PADDING <= room + 1) {
    return middle;
  }
  const wanted = anchor === undefined ? PADDING - start * k : room / 2 - anchor * k;
  return Math.min(PADDING - start * k, Math.max(room - PADDING - (start + length) * k, wanted));
}

/** The view scaled by a factor around a point of the window. */
export function zoom(view: View, factor: number, at: Point): View {
  const k = Math.min(MAX_SCALE, Math.max(MIN_SCALE, view.k * factor));
  const by = k / view.k;
  return { k, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by };
}

/** The view moved by pixels of the window. */
export const pan = (view: View, x: number, y: number): View => ({ ...view, x: view.x + x, y: view.y + y });

/** The view moved as little as possible to show a box. */
export function reveal(view: View, box: Rect, size: Size): View {
  const shift = (start: number, length: number, room: number): number => {
    if (start < PADDING) {
      return PADDING - start;
    }
    return start + length > room - PADDING ? Math.max(PADDING - start, room - PADDING - start - length) : 0;
  };
  return pan(
    view,
    shift(view.x + box.x * view.k, box.width * view.k, size.width),
    shift(view.y + box.y * view.k, box.height * view.k, size.height),
  );
}

/** The point of the picture under a point of the window. */
export const unproject = (view: View, at: Point): Point => ({
  x: (at.x - view.x) / view.k,
  y: (at.y - view.y) / view.k,
});

/** How much of boxes is drawn at a scale: all of it, their names, or a mark where they are. */
export type Detail = "near" | "middle" | "far";

/** Above these scales boxes are read whole, and names can be read at all. */
const SCALES = { near: 0.55, middle: 0.32 };

export const detailAt = (k: number): Detail => (k >= SCALES.near ? "near" : k >= SCALES.middle ? "middle" : "far");

/** The part of the picture that is seen, and some more on each side, in shares of it. */
export function seen({ x, y, k }: View, size: Size, more = 0): Rect {
  const [width, height] = [size.width / k, size.height / k];
  return {
    x: -x / k - width * more,
    y: -y / k - height * more,
    width: width * (1 + 2 * more),
    height: height * (1 + 2 * more),
  };
}

/** Whether a rectangle lies wholly in another. */
export const holds = (outer: Rect, inner: Rect): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

/** The sides on which an area goes on beyond the window. */
export function beyond(area: Rect, { x, y, k }: View, size: Size): string {
  const sides = {
    left: x + area.x * k < -1,
    right: x + (area.x + area.width) * k > size.width + 1,
    up: y + area.y * k < -1,
    down: y + (area.y + area.height) * k > size.height + 1,
  };
  return Object.entries(sides)
    .flatMap(([side, more]) => (more ? side : []))
    .join(" ");
}

/** What two rectangles share; empty where they do not meet. */
export function meet(a: Rect, b: Rect): Rect {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.max(0, Math.min(a.x + a.width, b.x + b.width) - x);
  return { x, y, width, height: Math.max(0, Math.min(a.y + a.height, b.y + b.height) - y) };
}
