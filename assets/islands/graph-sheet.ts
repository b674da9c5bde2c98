// The retained canvas of edges and far boxes: larger than what is seen, so that the compositor moves it while people
// pan, and drawn anew only for new data, another scale, or when they come near its end. What takes long is drawn over
// several frames, and shown when it is ready.

import { make } from "./dom";
import type { Rect } from "./geometry";
import { holds, meet, type Size, seen, type View } from "./viewport";

/** What is drawn: a part of the picture, at so many pixels of the screen for one of the picture. */
export type Job = { readonly region: Rect; readonly scale: number };

/** What is drawn on: a canvas that is nowhere on the page. */
export type Paper = OffscreenCanvasRenderingContext2D;

/** Draws step by step; between steps it can be interrupted. */
export type Steps = (context: Paper, job: Job) => Generator<void, void>;

/** A canvas of more pixels than this takes too much memory to move about. */
const MOST_PIXELS = 6_000_000;

/** Some browsers draw nothing on canvases longer than this. */
const LONGEST = 8192;

/** The room around the boxes for curves that reach out, and for labels, which are larger from afar. */
const marginAt = (k: number): number => Math.max(60, 90 / k);

/** Milliseconds of drawing in one frame; more while nothing that fits is seen. The rest of a frame is the browser's. */
const SLICE = { again: 4, first: 14 };

/** The part of the picture to draw: all of it if that is not too much, else what is seen and as much around it. */
export function regionOf(area: Rect, view: View, size: Size, ratio: number): Rect {
  const pixels = ({ width, height }: Rect): number => width * height * (view.k * ratio) ** 2;
  const margin = marginAt(view.k);
  const all: Rect = {
    x: area.x - margin,
    y: area.y - margin,
    width: area.width + 2 * margin,
    height: area.height + 2 * margin,
  };
  if (pixels(all) <= MOST_PIXELS && Math.max(all.width, all.height) * view.k * ratio <= LONGEST) {
    return all;
  }
  const more = [0.5, 0.3, 0.15].find((share) => pixels(seen(view, size, share)) <= MOST_PIXELS) ?? 0.05;
  return meet(all, seen(view, size, more));
}

/**
 * What is seen is a picture that was drawn elsewhere and handed over whole: moving it costs the page nothing, while a
 * canvas that can be drawn on would be copied for every frame in which it moves.
 */
export class Sheet {
  readonly element: HTMLCanvasElement = make("canvas", { class: "wg-sheet", "aria-hidden": "true" });
  readonly #seen = this.element.getContext("bitmaprenderer");
  #paper: OffscreenCanvas | undefined;
  #shown: Job | undefined;
  #frame = 0;
  #running: Generator<void, void> | undefined;
  #next: (() => void) | undefined;

  /** Whether something else has to be drawn for a view: what is seen of the area lies beyond what is drawn. */
  lacks(area: Rect, view: View, size: Size): boolean {
    const wanted = meet(area, seen(view, size, 0.02));
    return this.#shown !== undefined && wanted.width * wanted.height > 0 && !holds(this.#shown.region, wanted);
  }

  /** Draws: at once, or over several frames while what was drawn before is still seen. */
  draw(job: Job, steps: Steps, atOnce: boolean): void {
    if (atOnce) {
      this.stop();
      for (const _ of this.#begin(job, steps) ?? []) {
        // Every step is taken.
      }
      this.#show(job);
      return;
    }
    const begin = (): void => {
      this.#running = this.#begin(job, steps);
      this.#frame = requestAnimationFrame(() => this.#step(job));
    };
    // What runs is finished first: otherwise a picture that is panned without rest would never be drawn.
    if (this.#running) {
      this.#next = begin;
    } else {
      begin();
    }
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#running = undefined;
    this.#next = undefined;
  }

  #step(job: Job): void {
    const fits = this.#shown && Math.abs(Math.log(job.scale / this.#shown.scale)) < 0.7;
    const until = performance.now() + (fits ? SLICE.again : SLICE.first);
    while (this.#running && performance.now() < until) {
      if (this.#running.next().done) {
        this.#running = undefined;
      }
    }
    if (this.#running) {
      this.#frame = requestAnimationFrame(() => this.#step(job));
      return;
    }
    this.#show(job);
    const next = this.#next;
    this.#next = undefined;
    next?.();
  }

  /** Takes paper of the right size and draws in the picture's coordinates. */
  #begin({ region, scale }: Job, steps: Steps): Generator<void, void> | undefined {
    const fit = fitting(region, scale);
    const [width, height] = [Math.ceil(region.width * fit) || 1, Math.ceil(region.height * fit) || 1];
    const same = this.#paper?.width === width && this.#paper.height === height;
    this.#paper = (same ? this.#paper : undefined) ?? new OffscreenCanvas(width, height);
    const context = this.#paper.getContext("2d");
    context?.setTransform(1, 0, 0, 1, 0, 0);
    context?.clearRect(0, 0, width, height);
    context?.setTransform(fit, 0, 0, fit, -region.x * fit, -region.y * fit);
    return context ? steps(context, { region, scale }) : undefined;
  }

  #show(job: Job): void {
    const { region, scale } = job;
    const fit = fitting(region, scale);
    if (this.#paper) {
      const { width, height } = this.#paper;
      this.#seen?.transferFromImageBitmap(this.#paper.transferToImageBitmap());
      this.element.style.width = `${width / fit}px`;
      this.element.style.height = `${height / fit}px`;
      this.element.style.left = `${region.x}px`;
      this.element.style.top = `${region.y}px`;
    }
    this.#shown = job;
  }
}

/** The pixels of the canvas for one of the picture: as many as asked for, unless that were too many. */
const fitting = (region: Rect, scale: number): number =>
  Math.min(scale, LONGEST / Math.max(region.width, region.height, 1));
