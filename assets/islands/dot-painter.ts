// How dots are drawn: with what they were told last, in a worker or on the page. Speed is the median latency, density the
// logarithm of the rate, the red share the errors.

import { type Size, seen, type View } from "./viewport";

/** How a line's dots move. */
export type Flow = {
  /** Dots on the line at once. */
  readonly count: number;
  /** Seconds from end to end. */
  readonly travel: number;
  /** The share of dots that are errors. */
  readonly errors: number;
};

/** The flow of a line of some length in pixels. */
export function flow(
  row: { readonly rate: number; readonly p50: number; readonly errors: number },
  length: number,
): Flow {
  if (row.rate <= 0) {
    return { count: 0, travel: 1, errors: 0 };
  }
  const dense = 0.8 + 1.6 * Math.log10(1 + row.rate);
  // 1 ms crosses 200 px in a second or so, 1 s in five: people see an order of magnitude, not a number.
  const pace = 0.9 + 1.3 * Math.log10(1 + row.p50 * 1000);
  return {
    count: Math.max(1, Math.min(14, Math.round((dense * length) / 200))),
    travel: Math.min(7, Math.max(0.8, (pace * length) / 220)),
    errors: row.errors,
  };
}

/** Whether dot i in its lap n is an error: spread evenly, the same in every frame. */
export function isError(flowing: Flow, dot: number, lap: number): boolean {
  const golden = 0.618033988749895;
  return (dot * golden + lap * golden * golden * 7.31) % 1 < flowing.errors;
}

/** The dots of one line. */
export type Moving = {
  readonly flow: Flow;
  readonly offset: number;
  /** The points of the path, x and y in turn; not a number where a label stands. */
  readonly points: Float32Array;
};

/** What moves, in which colours, seen from where; pixels of the screen for one of the page. */
export type Motion = {
  readonly moving: readonly Moving[];
  readonly good: string;
  readonly bad: string;
  readonly view: View;
  readonly size: Size;
  readonly ratio: number;
};

type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Draws dots on a canvas as large as what is seen of the picture. */
export class DotPainter {
  readonly #canvas: Canvas;
  readonly #blank: (side: number) => Canvas;
  #motion: Motion | undefined;
  #sprites: readonly Sprite[] = [];
  #look = "";
  #drawn: { x: number; y: number; width: number; height: number } | undefined;

  /** Blank gives a canvas of some side to prepare a dot on. */
  constructor(canvas: Canvas, blank: (side: number) => Canvas) {
    this.#canvas = canvas;
    this.#blank = blank;
  }

  /** What moves from now on. */
  set motion(next: Motion) {
    this.#motion = next;
  }

  /** Draws the dots as they are at a moment in seconds. */
  paint(seconds: number): void {
    const motion = this.#motion;
    const context = motion && this.#fit(motion);
    if (context) {
      const { x, y, width, height } = this.#drawn ?? { x: 0, y: 0, ...motion.size };
      context.clearRect(x, y, width, height);
      this.#paint(context, seconds, motion);
    }
  }

  /** The canvas as large as the stage; empty if it had to be made so. */
  #fit({ size, ratio, good, bad }: Motion): Context | undefined {
    const context = this.#canvas.getContext("2d") as Context | null;
    const look = `${size.width} ${size.height} ${ratio} ${good} ${bad}`;
    if (look !== this.#look) {
      this.#look = look;
      this.#canvas.width = Math.round(size.width * ratio);
      this.#canvas.height = Math.round(size.height * ratio);
      this.#drawn = undefined;
      this.#sprites = [this.#sprite(good, 2.2, 0.5, ratio), this.#sprite(bad, 3.2, 1, ratio)];
      context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    return context ?? undefined;
  }

  #paint(context: Context, seconds: number, { moving, view, size }: Motion): void {
    const [good, bad] = this.#sprites;
    if (!good || !bad) {
      return;
    }
    const window = seen(view, size);
    const [right, bottom] = [window.x + window.width, window.y + window.height];
    const grow = Math.min(1.3, Math.max(0.7, view.k));
    let [left, top, rightmost, lowest] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { points, flow: flowing, offset } of moving) {
      const last = points.length / 2 - 1;
      for (let i = 0; i < flowing.count; i++) {
        const way = seconds / flowing.travel + offset + i / flowing.count;
        const lap = Math.floor(way);
        const step = (way - lap) * last;
        const at = 2 * Math.min(Math.floor(step), last - 1);
        const part = step - at / 2;
        const [ax = 0, ay = 0, bx = 0, by = 0] = [points[at], points[at + 1], points[at + 2], points[at + 3]];
        const [x, y] = [ax + (bx - ax) * part, ay + (by - ay) * part];
        // Not true either where a label stands and x is not a number.
        if (x >= window.x && x <= right && y >= window.y && y <= bottom) {
          const { image, size: wide } = isError(flowing, i, lap) ? bad : good;
          const side = wide * grow;
          const [sx, sy] = [view.x + x * view.k - side / 2, view.y + y * view.k - side / 2];
          context.drawImage(image, sx, sy, side, side);
          left = Math.min(left, sx);
          top = Math.min(top, sy);
          rightmost = Math.max(rightmost, sx + side);
          lowest = Math.max(lowest, sy + side);
        }
      }
    }
    this.#drawn =
      left < rightmost
        ? { x: left - 1, y: top - 1, width: rightmost - left + 2, height: lowest - top + 2 }
        : { x: 0, y: 0, width: 0, height: 0 };
  }

  #sprite(colour: string, radius: number, opacity: number, scale: number): Sprite {
    const size = 2 * radius + 2;
    const image = this.#blank(Math.ceil(size * scale));
    const context = image.getContext("2d") as Context | null;
    if (context) {
      context.scale(image.width / size, image.width / size);
      context.globalAlpha = opacity;
      context.fillStyle = colour;
      context.arc(size / 2, size / 2, radius, 0, Math.PI * 2);
      context.fill();
    }
    return { image, size };
  }
}

/** A dot drawn once, to be stamped: many small images cost far less than one path of many circles. */
type Sprite = { readonly image: Canvas; readonly size: number };
