// The moving dots of a picture. A worker draws them, so that they cost the page nothing; the page does where there is none.
// They rest for people who asked for less motion, in hidden tabs, on stale data, and where there are too many edges.

import { make } from "./dom";
import { DotPainter, flow, type Motion, type Moving } from "./dot-painter";
import { contains, type Path, type Rect } from "./geometry";
import type { Theme } from "./graph-theme";
import type { Line } from "./scene";
import type { Size, View } from "./viewport";
import { startWorker } from "./workers";

/** Beyond this many edges dots are noise. */
export const MAX_DOTTED = 150;

/** What the dots move in. */
export type Look = {
  readonly theme: Theme;
  /** Where labels stand; dots pass beneath them. */
  readonly labels: readonly Rect[];
};

/** Runs the dots. */
export class Dots {
  readonly element = make("div", { class: "wg-dots", "aria-hidden": "true" });
  readonly #address: () => string | undefined;
  #canvas: HTMLCanvasElement | undefined;
  #worker: Worker | undefined;
  #painter: DotPainter | undefined;
  #motion: Motion | undefined;
  #frame = 0;
  #runs = false;
  #wanted = true;
  #held = false;

  /** The address of the worker's script is asked for when it is needed; undefined when there is none. */
  constructor(address: () => string | undefined) {
    this.#address = address;
    new MutationObserver(() => this.#run()).observe(document.documentElement, { attributeFilter: ["data-stale"] });
  }

  /** What moves from now on. */
  set(lines: readonly Line[], ways: { get(key: string): Path | undefined }, { theme, labels }: Look): void {
    const moving = (lines.length <= MAX_DOTTED ? lines : []).flatMap((line, i): Moving[] => {
      const path = line.row.rate > 0 ? ways.get(line.key) : undefined;
      const points = path?.points.flatMap((point) =>
        labels.some((label) => contains(label, point)) ? [Number.NaN, Number.NaN] : [point.x, point.y],
      );
      return path && points
        ? [{ flow: flow(line.row, path.length), offset: (i * 0.37) % 1, points: Float32Array.from(points) }]
        : [];
    });
    const { view, size } = this.#motion ?? { view: { x: 0, y: 0, k: 1 }, size: { width: 0, height: 0 } };
    const ratio = Math.min(window.devicePixelRatio, 2);
    this.#motion = { moving, good: theme.text, bad: theme.health.unhealthy, view, size, ratio };
    this.#run();
    this.#tell(this.#motion);
  }

  /** From where the picture is seen. */
  look(view: View, size: Size): void {
    const still = { moving: [], good: "", bad: "", ratio: 1 };
    this.#motion = { ...(this.#motion ?? still), view, size };
    if (this.#runs) {
      this.#tell({ view, size });
    }
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
    this.#worker?.terminate();
    [this.#worker, this.#painter, this.#runs] = [undefined, undefined, false];
    this.#canvas?.remove();
    this.#canvas = undefined;
  }

  #run(): void {
    const some = (this.#motion?.moving.length ?? 0) > 0 && !document.hidden;
    const runs = this.#wanted && !this.#held && some && !document.documentElement.hasAttribute("data-stale");
    if (runs !== this.#runs) {
      this.#runs = runs;
      this.element.hidden = !runs;
      if (runs) {
        this.#start();
        this.#tell(this.#motion ?? {});
      }
      this.#worker?.postMessage({ runs });
    }
  }

  #tell(news: Partial<Motion>): void {
    this.#worker?.postMessage({ motion: news });
    if (this.#painter && this.#motion) {
      this.#painter.motion = this.#motion;
    }
  }

  #start(): void {
    if (!this.#canvas) {
      this.#canvas = make("canvas");
      this.element.replaceChildren(this.#canvas);
      this.#worker = startWorker(this.#address(), () => this.#fail());
      if (this.#worker) {
        const canvas = this.#canvas.transferControlToOffscreen();
        this.#worker.postMessage({ canvas }, [canvas]);
      } else {
        this.#here();
      }
    } else if (this.#painter) {
      this.#frame = requestAnimationFrame((now) => this.#step(now));
    }
  }

  /** The worker failed: the page draws. */
  #fail(): void {
    this.#worker = undefined;
    this.#canvas = make("canvas");
    this.element.replaceChildren(this.#canvas);
    this.#here();
  }

  #here(): void {
    const blank = (side: number): HTMLCanvasElement => Object.assign(make("canvas"), { width: side, height: side });
    if (this.#canvas && this.#motion) {
      this.#painter = new DotPainter(this.#canvas, blank);
      this.#painter.motion = this.#motion;
      this.#frame = requestAnimationFrame((now) => this.#step(now));
    }
  }

  #step(now: number): void {
    if (this.#runs && !document.hidden) {
      this.#painter?.paint(now / 1000);
      this.#frame = requestAnimationFrame((next) => this.#step(next));
    }
  }
}
