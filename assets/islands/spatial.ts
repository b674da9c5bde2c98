// What lies where, by the squares of a grid: for finding what a point or a window touches among thousands. Pure.

import { overlap, type Rect } from "./geometry";

/** Rectangles with a value each. */
export class Grid<T> {
  readonly #side: number;
  readonly #squares = new Map<number, { readonly rect: Rect; readonly value: T }[]>();

  /** A grid of squares of some side; about the size of what is added is best. */
  constructor(side: number) {
    this.#side = side;
  }

  add(rect: Rect, value: T): void {
    const entry = { rect, value };
    for (const key of this.#keys(rect)) {
      const square = this.#squares.get(key);
      if (square) {
        square.push(entry);
      } else {
        this.#squares.set(key, [entry]);
      }
    }
  }

  /** The values of which the rectangle overlaps another, each once. */
  find(rect: Rect): Set<T> {
    const found = new Set<T>();
    for (const key of this.#keys(rect)) {
      for (const entry of this.#squares.get(key) ?? []) {
        if (overlap(entry.rect, rect)) {
          found.add(entry.value);
        }
      }
    }
    return found;
  }

  #keys({ x, y, width, height }: Rect): number[] {
    const keys: number[] = [];
    const step = (value: number): number => Math.floor(value / this.#side);
    for (let i = step(x); i <= step(x + width); i++) {
      for (let j = step(y); j <= step(y + height); j++) {
        keys.push(i * 0x10000 + j);
      }
    }
    return keys;
  }
}
