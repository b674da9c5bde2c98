// Who draws a layout: small ones are drawn at once, large ones by a worker, or here where there is none.

import { sizesFor } from "./geometry";
import type { Link } from "./layers";
import { type Box, type Layout, layout, type Place, type Sizes } from "./layout";
import { startWorker } from "./workers";

/** Pictures of up to this many boxes take a few milliseconds and are not worth the way to a worker. */
const SMALL = 150;

/** What a worker is asked: boxes by place, links by the places of their ends, and the width that there is to fill. */
export type Request = {
  readonly id: number;
  readonly ids: readonly string[];
  readonly heights: readonly number[];
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly room: number;
};

/** What it says: for each box its column and left upper corner, for each column where it begins. */
export type Answer = {
  readonly id: number;
  readonly places: Int32Array;
  readonly columns: readonly (readonly [number, number])[];
  readonly sizes: Sizes;
};

/** A picture from nothing, in a place of some width. */
const draw = (boxes: readonly Box[], links: readonly Link[], room: number): Layout =>
  layout(boxes, links, (columns) => sizesFor(columns, room));

/** The worker's part. */
export function answer({ id, ids, heights, from, to, room }: Request): Answer {
  const name = (i: number | undefined): string => ids[i ?? 0] ?? "";
  const boxes = ids.map((box, i): Box => ({ id: box, height: heights[i] ?? 0 }));
  const drawn = draw(
    boxes,
    Array.from(from, (start, i) => ({ from: name(start), to: name(to[i]) })),
    room,
  );
  const places = new Int32Array(3 * ids.length);
  ids.forEach((box, i) => {
    const { column, x, y } = drawn.places.get(box) as Place;
    places.set([column, x, y], 3 * i);
  });
  return { id, places, columns: [...drawn.columns], sizes: drawn.sizes };
}

/** The layout that an answer tells of. Pictures that are large enough for a worker have no bends. */
function read({ places, columns, sizes }: Answer, boxes: readonly Box[]): Layout {
  const place = ({ height }: Box, i: number): Place => {
    const [column = 0, x = 0, y = 0] = places.subarray(3 * i, 3 * i + 3);
    return { column, x, y, height };
  };
  return {
    places: new Map(boxes.map((box, i) => [box.id, place(box, i)])),
    bends: new Map(),
    sizes,
    columns: new Map(columns),
    left: new Map(),
  };
}

/** Draws layouts, one large one at a time. */
export class Planner {
  readonly #address: () => string | undefined;
  #worker: Worker | undefined;
  #broken = false;
  #asked = 0;
  #waiting: (() => void) | undefined;

  /** The address of the worker's script is asked for when it is needed; undefined when there is none. */
  constructor(address: () => string | undefined) {
    this.#address = address;
  }

  /** Draws at once, or gives the layout to then later; only the last one asked for is given. */
  draw(boxes: readonly Box[], links: readonly Link[], room: number, then: (drawn: Layout) => void): Layout | undefined {
    this.#waiting = undefined;
    const worker = boxes.length > SMALL ? this.#start() : undefined;
    if (!worker) {
      return draw(boxes, links, room);
    }
    const id = ++this.#asked;
    const index = new Map(boxes.map((box, i) => [box.id, i]));
    const inside = links.filter((link) => index.has(link.from) && index.has(link.to));
    const request: Request = {
      id,
      ids: boxes.map((box) => box.id),
      heights: boxes.map((box) => box.height),
      from: Int32Array.from(inside, (link) => index.get(link.from) ?? 0),
      to: Int32Array.from(inside, (link) => index.get(link.to) ?? 0),
      room,
    };
    this.#waiting = () => then(draw(boxes, links, room));
    worker.onmessage = ({ data }: MessageEvent<Answer>): void => {
      if (data.id === this.#asked && this.#waiting) {
        this.#waiting = undefined;
        then(read(data, boxes));
      }
    };
    worker.postMessage({ layout: request });
    return undefined;
  }

  stop(): void {
    this.#waiting = undefined;
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** The worker; undefined where workers fail, which is found out once. */
  #start(): Worker | undefined {
    if (!this.#broken) {
      this.#worker ??= startWorker(this.#address(), () => this.#fail());
    }
    return this.#worker;
  }

  #fail(): void {
    this.#broken = true;
    const waiting = this.#waiting;
    this.stop();
    waiting?.();
  }
}
