// Which result is chosen next. Pure.

/** How many results a page of them is. */
const PAGE = 7;

/**
 * The place that a key leads to in a list of so many, from a place; -1 is none. Up and down go round; undefined for keys
 * that do not choose, and where there is nothing to choose from.
 */
export function step(key: string, at: number, length: number): number | undefined {
  if (length === 0) {
    return undefined;
  }
  switch (key) {
    case "ArrowDown":
      return (at + 1) % length;
    case "ArrowUp":
      return at <= 0 ? length - 1 : at - 1;
    case "PageDown":
      return Math.min(at + PAGE, length - 1);
    case "PageUp":
      return Math.max(at - PAGE, 0);
    default:
      return undefined;
  }
}
