// The moving dots: speed by the median latency, density by the logarithm of the rate, the red share is the errors. They
// rest for people who asked for less motion, in hidden tabs, on stale data, and where there are too many edges.

import { along, contains, type Path, type Rect } from "./geometry";
import { prepare } from "./graph-edges";
import type { Theme } from "./graph-theme";
import type { Line } from "./scene";

/** Beyond this many edges dots are noise. */
export const MAX_DOTTED = 150;

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

type Moving = {
  readonly path: Path;
  readonly flow: Flow;
  readonly offset: number;
  /** For each point of the path, whether a label stands there. */
  readonly hidden: readonly boolean[];
};

/** How the dots are drawn. */
export type Look = {
  readonly area: Rect;
  readonly theme: Theme;
  readonly scale: number;
  /** Where labels stand; dots pass beneath them. */
  readonly labels: readonly Rect[];
};

/** Runs the dots on a canvas. */
export class Dots {
  readonly #canvas: HTMLCanvasElement;
  #moving: Moving[] = [];
  #look: Look | undefined;
  #context: CanvasRenderingContext2D | undefined;
  #sprites: readonly Sprite[] = [];
  #frame = 0;
  #wanted = true;
  #held = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** What moves from now on. */
  set(lines: readonly Line[], paths: ReadonlyMap<string, Path>, look: Look): void {
    if (look.theme !== this.#look?.theme || look.scale !== this.#look.scale) {
      const { text, health } = look.theme;
      this.#sprites = [sprite(text, 2.2, 0.55, look.scale), sprite(health.unhealthy, 3.2, 1, look.scale)];
    }
    this.#look = look;
    this.#moving = [];
    if (lines.length <= MAX_DOTTED) {
      lines.forEach((line, i) => {
        const path = paths.get(line.key);
        if (path && line.row.rate > 0) {
          const hidden = path.points.map((point) => look.labels.some((label) => contains(label, point)));
          this.#moving.push({ path, flow: flow(line.row, path.length), offset: (i * 0.37) % 1, hidden });
        }
      });
    }
    this.#run();
  }

  /** Whether people want motion. */
  set wanted(on: boolean) {
    this.#wanted = on;
    this.#run();
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  /** Nothing moves in a picture of the past. */
  set held(on: boolean) {
    this.#held = on;
    this.#run();
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #run(): void {
    const moves = this.#wanted && !this.#held && this.#moving.length > 0 && !document.hidden;
    this.#context = this.#look && prepare(this.#canvas, this.#look.area, moves ? this.#look.scale : 0.1);
    if (moves && this.#frame === 0) {
      this.#frame = requestAnimationFrame((now) => this.#step(now));
    }
    if (!moves) {
      this.stop();
    }
  }

  #step(now: number): void {
    this.#frame = 0;
    const [context, look] = [this.#context, this.#look];
    if (!context || !look || !this.#wanted || this.#held || document.hidden) {
      return;
    }
    const { area } = look;
    context.clearRect(area.x, area.y, area.width, area.height);
    if (!document.documentElement.hasAttribute("data-stale")) {
      this.#paint(context, now / 1000);
    }
    this.#frame = requestAnimationFrame((next) => this.#step(next));
  }

  #paint(context: CanvasRenderingContext2D, seconds: number): void {
    const [good, bad] = this.#sprites;
    if (!good || !bad) {
      return;
    }
    for (const { path, flow: flowing, offset, hidden } of this.#moving) {
      for (let i = 0; i < flowing.count; i++) {
        const way = seconds / flowing.travel + offset + i / flowing.count;
        const lap = Math.floor(way);
        if (hidden[Math.round((way - lap) * (path.points.length - 1))]) {
          continue;
        }
        const { x, y } = along(path, way - lap);
        const { image, size } = isError(flowing, i, lap) ? bad : good;
        context.drawImage(image, x - size / 2, y - size / 2, size, size);
      }
    }
  }
}

/** A dot drawn once, to be stamped: many small images cost far less than one path of many circles. */
type Sprite = { readonly image: HTMLCanvasElement; readonly size: number };

function sprite(colour: string, radius: number, opacity: number, scale: number): Sprite {
  const size = 2 * radius + 2;
  const image = document.createElement("canvas");
  image.width = Math.ceil(size * scale);
  image.height = image.width;
  const context = image.getContext("2d");
  if (context) {
    context.scale(image.width / size, image.width / size);
    context.globalAlpha = opacity;
    context.fillStyle = colour;
    context.arc(size / 2, size / 2, radius, 0, Math.PI * 2);
    context.fill();
  }
  return { image, size };
}
