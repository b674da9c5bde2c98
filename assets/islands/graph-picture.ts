// The picture of a topology: the stage that people pan and zoom, the canvases and the boxes on it. It draws scenes and
// says what people do to them; what that means is decided by weir-graph.

import { make, set } from "./dom";
import { BOX, bounds, distance, type Path, paths, type Rect, rects, sizesFor, unitHeight } from "./geometry";
import { Boxes } from "./graph-boxes";
import { Dots } from "./graph-dots";
import { areaOf, drawEdges } from "./graph-edges";
import { readTheme, type Theme } from "./graph-theme";
import type { Words } from "./graph-words";
import { columns as columnsOf, type Link } from "./layers";
import { type Box, type Layout, layout, type Point } from "./layout";
import { type Line, type Scene, severity } from "./scene";
import { fitted, LEGIBLE, MIN_SCALE, pan, reveal, type Size, unproject, type View, zoom } from "./viewport";

/** What is shown, apart from the data. */
export type Shown = {
  readonly selected: string | undefined;
  /** Boxes that a search found; undefined without a search. */
  readonly found: ReadonlySet<string> | undefined;
};

/** How near to a line a click must be, in pixels of the screen. */
const NEAR = 9;

/** Draws scenes on a stage. */
export class Picture {
  readonly stage: HTMLElement;
  readonly boxes: Boxes;
  readonly dots: Dots;
  readonly #world: HTMLElement;
  readonly #edges: HTMLCanvasElement;
  readonly #dotted: HTMLCanvasElement;
  readonly #words: Words;
  #scene: Scene | undefined;
  #layout: Layout | undefined;
  #where: ReadonlyMap<string, Rect> = new Map();
  #paths: ReadonlyMap<string, Path> = new Map();
  #shown: Shown = { selected: undefined, found: undefined };
  #theme: Theme | undefined;
  #view: View = { x: 0, y: 0, k: 1 };
  #moved = false;
  #sharpen = 0;

  constructor(words: Words) {
    this.#words = words;
    this.#edges = make("canvas", { "aria-hidden": "true" });
    this.#dotted = make("canvas", { "aria-hidden": "true" });
    this.#world = make("div", { class: "wg-world" }, this.#edges, this.#dotted);
    this.stage = make("div", { class: "wg-stage", role: "group" }, this.#world);
    this.boxes = new Boxes(this.#world, words);
    this.dots = new Dots(this.#dotted);
  }

  /** The rectangles of boxes and units in the picture, by id. */
  get where(): ReadonlyMap<string, Rect> {
    return this.#where;
  }

  get scene(): Scene | undefined {
    return this.#scene;
  }

  /** Shows a scene. Boxes stay where they are, unless fresh asks for a new picture. */
  show(scene: Scene, shown: Shown, fresh = false): void {
    this.#scene = scene;
    this.#shown = shown;
    const boxes: Box[] = scene.units.map((unit) => ({ id: unit.id, height: unitHeight(unit) }));
    const links: Link[] = scene.lines.map((line) => ({
      from: scene.unitOf.get(line.from) ?? line.from,
      to: scene.unitOf.get(line.to) ?? line.to,
    }));
    const before = fresh ? undefined : this.#layout;
    const ids = boxes.map((box) => box.id).sort();
    const width = this.stage.clientWidth || 1200;
    const columns = before ? 0 : new Set(columnsOf(ids, links).values()).size;
    this.#layout = layout(boxes, links, sizesFor(columns, width), before);
    this.#where = rects(scene.units, this.#layout);
    this.#paths = paths(scene, this.#layout, this.#where);
    const counts = { boxes: String(scene.units.length), edges: String(scene.lines.length) };
    set(this.stage, "aria-label", this.#words.say("stage", counts));
    this.boxes.update({ scene, where: this.#where, selected: shown.selected });
    if (fresh) {
      this.#moved = false;
    }
    if (!this.#moved) {
      this.fit();
    }
    this.paint();
  }

  /** Reads the colours anew, because the theme changed. */
  recolour(): void {
    this.#theme = undefined;
    this.paint();
  }

  /** Draws the canvases, at the scale they are seen in. */
  paint(): void {
    const scene = this.#scene;
    if (!scene || this.stage.clientWidth === 0) {
      return;
    }
    this.#theme ??= readTheme(this.stage);
    const area = areaOf(this.#where.values());
    const scale = window.devicePixelRatio * this.#view.k;
    const obstacles = scene.units.flatMap((unit) => this.#where.get(unit.id) ?? []);
    const labels = drawEdges(
      this.#edges,
      {
        lines: scene.lines,
        paths: this.#paths,
        obstacles,
        area,
        label: (line) => this.#words.label(line.row),
        dim: (line) => this.#isDim(line, scene),
        chosen: this.#shown.selected,
      },
      this.#theme,
      scale,
    );
    this.dots.set(
      scene.lines.filter((line) => !this.#isDim(line, scene)),
      this.#paths,
      { area, theme: this.#theme, scale, labels },
    );
    for (const unit of scene.units) {
      const frame = this.boxes.button(unit.id)?.parentElement;
      frame?.toggleAttribute("data-dim", this.#shown.found !== undefined && !this.#shown.found.has(unit.id));
    }
  }

  /** Lines stand back that have nothing to do with what was searched or selected, or else are far from the focus. */
  #isDim(line: Line, scene: Scene): boolean {
    const { selected, found } = this.#shown;
    const units = [line.from, line.to].map((id) => scene.unitOf.get(id) ?? id);
    if (found) {
      return !units.some((id) => found.has(id));
    }
    if (selected !== undefined) {
      return ![line.key, line.from, line.to, ...units].includes(selected);
    }
    const far = (id: string): boolean => (scene.units.find((unit) => unit.id === id)?.hops ?? 0) > 1;
    return severity(line.row.health) === 0 && units.some(far);
  }

  /**
   * Shows all of it; unless it is asked for whole, only as far as it can be read: around the focus, or else around what
   * is worst, so that a narrow screen shows the red edge first.
   */
  fit(whole = false): void {
    this.#moved = whole;
    const sick = (this.#scene?.units ?? []).filter((unit) => severity(unit.health) > 0);
    const [sickest] = sick.sort((a, b) => severity(b.health) - severity(a.health));
    const anchor = this.#scene?.focus ?? sickest?.id ?? this.boxes.current;
    const least = whole ? MIN_SCALE : LEGIBLE;
    this.#look(fitted(bounds(this.#where.values()), this.#size, least, anchor ? this.#where.get(anchor) : undefined));
  }

  /** Moves so that a box is seen, beside the panel if that is open. */
  reveal(id: string, covered = 0): void {
    const rect = this.#where.get(id);
    if (rect) {
      const { width, height } = this.#size;
      const next = reveal(this.#view, rect, { width: width - covered, height });
      if (next.x !== this.#view.x || next.y !== this.#view.y) {
        this.#moved = true;
        this.#look(next);
      }
    }
  }

  pan(x: number, y: number): void {
    this.#moved = true;
    this.#look(pan(this.#view, x, y));
  }

  /** Zooms around a point of the stage, or its middle. */
  zoom(factor: number, at?: Point): void {
    this.#moved = true;
    const { width, height } = this.#size;
    this.#look(zoom(this.#view, factor, at ?? { x: width / 2, y: height / 2 }));
  }

  /** The line near a point of the stage. */
  lineAt(at: Point): Line | undefined {
    const point = unproject(this.#view, at);
    const near = (this.#scene?.lines ?? []).map((line) => {
      const path = this.#paths.get(line.key);
      return { line, distance: path ? distance(path, point) : Number.POSITIVE_INFINITY };
    });
    const best = near.sort((a, b) => a.distance - b.distance)[0];
    // Points on a path lie a few pixels apart, so that nearness has to allow for half of that.
    return best && best.distance <= NEAR / this.#view.k + BOX.width / 24 ? best.line : undefined;
  }

  /** The stage got another size. */
  resized(): void {
    if (!this.#moved) {
      this.fit();
    }
    this.paint();
  }

  stop(): void {
    window.clearTimeout(this.#sharpen);
    this.dots.stop();
  }

  get #size(): Size {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  /** Looks from somewhere else. The compositor moves what is drawn; it is drawn sharp again once the scale rests. */
  #look(view: View): void {
    const rescaled = view.k !== this.#view.k;
    this.#view = view;
    this.#world.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
    if (rescaled) {
      window.clearTimeout(this.#sharpen);
      this.#sharpen = window.setTimeout(() => this.paint(), 120);
    }
  }
}
