// The keys that move the crosshair of a plot, as they move a slider.

import { nearest } from "./plot-data";

/** How many moments Page Up passes over. */
const PAGE = 10;

/**
 * The index of the moment that a key leads to from the crosshair's; undefined when the key moves nothing. Without a
 * crosshair the way begins at the newest moment.
 */
export function step(
  { key, shiftKey }: { readonly key: string; readonly shiftKey: boolean },
  at: readonly number[],
  cross: number | undefined,
): number | undefined {
  const last = at.length - 1;
  const here = cross === undefined ? last : (nearest(at, cross) ?? last);
  const by = shiftKey ? PAGE : 1;
  const to = {
    ArrowLeft: here - by,
    ArrowDown: here - by,
    ArrowRight: here + by,
    ArrowUp: here + by,
    PageUp: here + PAGE,
    PageDown: here - PAGE,
    Home: 0,
    End: last,
  }[key];
  return to === undefined ? undefined : Math.max(0, Math.min(last, to));
}
