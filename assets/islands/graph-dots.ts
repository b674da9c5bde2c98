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
  #area: Rect = { x: 0, y: 0, width: 1, height: 1 };
  #scale = 1;
  #theme: Theme | undefined;
  #frame = 0;
  #wanted = true;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** What moves from now on. */
  set(lines: readonly Line[], paths: ReadonlyMap<string, Path>, look: Look): void {
    this.#area = look.area;
    this.#theme = look.theme;
    this.#scale = look.scale;
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

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #run(): void {
    const moves = this.#wanted && this.#moving.length > 0 && !document.hidden;
    if (moves && this.#frame === 0) {
      this.#frame = requestAnimationFrame((now) => this.#step(now));
    }
    if (!moves) {
      this.stop();
      prepare(this.#canvas, this.#area, Math.min(this.#scale, 1));
    }
  }

  #step(now: number): void {
    this.#frame = 0;
    const still = document.documentElement.hasAttribute("data-stale");
    const context = prepare(this.#canvas, this.#area, this.#scale);
    if (context && this.#theme && !still) {
      this.#paint(context, this.#theme, now / 1000);
    }
    if (this.#wanted && !document.hidden && this.#moving.length > 0) {
      this.#frame = requestAnimationFrame((next) => this.#step(next));
    }
  }

  #paint(context: CanvasRenderingContext2D, theme: Theme, seconds: number): void {
    const good = new Path2D();
    const bad = new Path2D();
    for (const { path, flow: flowing, offset, hidden } of this.#moving) {
      for (let i = 0; i < flowing.count; i++) {
        const way = seconds / flowing.travel + offset + i / flowing.count;
        const lap = Math.floor(way);
        if (hidden[Math.round((way - lap) * (path.points.length - 1))]) {
          continue;
        }
        const { x, y } = along(path, way - lap);
        const error = isError(flowing, i, lap);
        const into = error ? bad : good;
        const radius = error ? 3.2 : 2.2;
        into.moveTo(x + radius, y);
        into.arc(x, y, radius, 0, Math.PI * 2);
      }
    }
    context.fillStyle = theme.text;
    context.globalAlpha = 0.55;
    context.fill(good);
    context.globalAlpha = 1;
    context.fillStyle = theme.health.unhealthy;
    context.fill(bad);
  }
}
