// The picture of a scene: boxes in the document or on a canvas, edges on a canvas, dots above. Panning moves what is drawn.

import { make, set } from "./dom";
import { bounds, contains, heart, type Rect, rects, unitHeight, Ways } from "./geometry";
import { Boxes } from "./graph-boxes";
import { Dots } from "./graph-dots";
import { arrange, drawEdges, drawLabels, type Placed } from "./graph-edges";
import { SceneIndex, same, signature } from "./graph-index";
import { drawNodes } from "./graph-nodes";
import { regionOf, Sheet } from "./graph-sheet";
import { edgesOf, isDim, lineNear, MAX_BUTTONS, nodesOf, type Shown, type Sight, standsBack } from "./graph-sight";
import { readTheme, type Theme } from "./graph-theme";
import type { Words } from "./graph-words";
import { inkOf } from "./ink";
import type { Link } from "./layers";
import { type Box, holds as continues, type Layout, layout, type Point } from "./layout";
import { Planner } from "./planner";
import type { Line, Scene, Unit } from "./scene";
import { Grid } from "./spatial";
import {
  beyond,
  holds as covers,
  detailAt,
  fitted,
  LEGIBLE,
  MIN_SCALE,
  pan,
  reveal,
  type Size,
  seen,
  unproject,
  type View,
  zoom,
} from "./viewport";

/** How near to a line a click must be, in pixels of the screen. */
const NEAR = 9;

/** Up to this many units and lines are drawn within one frame. */
const AT_ONCE = 700;

/** Of more units than this a picture is first seen whole. */
const MAX_AROUND = 300;

/** Milliseconds until the picture rests: after a change of scale, to be drawn sharp soon, and after a pan, which is sharp. */
const REST = { rescaled: 120, panned: 600 };

/** Draws scenes on a stage. */
export class Picture {
  readonly stage: HTMLElement;
  readonly boxes: Boxes;
  readonly dots: Dots;
  readonly #under = make("div", { class: "wg-world" });
  readonly #over = make("div", { class: "wg-world" });
  readonly #sheet = new Sheet();
  readonly #words: Words;
  readonly #ink = inkOf(document.createElement("canvas"));
  readonly #planner: Planner;
  #scene: Scene | undefined;
  #index: SceneIndex | undefined;
  #layout: Layout | undefined;
  #signature: readonly string[] = [];
  #waiting = false;
  #where: ReadonlyMap<string, Rect> = new Map();
  #area: Rect = { x: 0, y: 0, width: 0, height: 0 };
  #grid = new Grid<Unit["id"]>(256);
  #ways: Ways | undefined;
  #labels: ReadonlyMap<string, Placed> = new Map();
  #shown: Shown = { selected: undefined, found: undefined };
  #theme: Theme | undefined;
  #view: View = { x: 0, y: 0, k: 1 };
  #moved = false;
  #rescaled = false;
  #sharpen = 0;
  #frame = 0;
  #populated: Rect | undefined;

  constructor(words: Words) {
    this.#words = words;
    const worker = (): string | undefined => this.stage.closest<HTMLElement>("[data-worker]")?.dataset.worker;
    this.dots = new Dots(worker);
    this.#planner = new Planner(worker);
    this.#under.append(this.#sheet.element);
    this.stage = make("div", { class: "wg-stage", role: "group" }, this.#under, this.dots.element, this.#over);
    this.boxes = new Boxes(this.#over, words);
    // On paper there is other light, and nobody pans.
    window.matchMedia("print").addEventListener("change", () => this.recolour());
    for (const event of ["focusin", "focusout"]) {
      this.stage.addEventListener(event, () => this.#lift());
    }
  }

  /** The rectangles of boxes and units in the picture, by id. */
  get where(): ReadonlyMap<string, Rect> {
    return this.#where;
  }

  get scene(): Scene | undefined {
    return this.#scene;
  }

  /** From where the picture is seen. */
  get view(): View {
    return this.#view;
  }

  /**
   * Shows a scene. Boxes stay where they are, unless fresh asks for a new picture. A large new one is drawn elsewhere
   * and seen when it is ready; until then the stage is busy.
   */
  show(scene: Scene, shown: Shown, fresh = false): void {
    this.#scene = scene;
    this.#shown = shown;
    this.#index = new SceneIndex(scene);
    const counts = { boxes: String(scene.units.length), edges: String(scene.lines.length) };
    set(this.stage, "aria-label", this.#words.say("stage", counts));
    if (fresh) {
      this.#moved = false;
      this.#layout = undefined;
      this.#waiting = false;
    }
    if (!this.#waiting) {
      this.#place(scene);
    }
  }

  /** Finds the place of everything, if anything came or went. */
  #place(scene: Scene): void {
    const next = signature(scene);
    if (this.#layout && same(next, this.#signature)) {
      this.paint();
      return;
    }
    const boxes: Box[] = scene.units.map((unit) => ({ id: unit.id, height: unitHeight(unit) }));
    const links: Link[] = scene.lines.map((line) => ({
      from: scene.unitOf.get(line.from) ?? line.from,
      to: scene.unitOf.get(line.to) ?? line.to,
    }));
    const before = this.#layout;
    if (before && continues(before, boxes)) {
      this.#adopt(layout(boxes, links, before.sizes, before), scene, next);
      return;
    }
    const drawn = this.#planner.draw(boxes, links, this.stage.clientWidth || 1200, (late) => {
      this.#waiting = false;
      this.stage.removeAttribute("aria-busy");
      this.#adopt(late, scene, next);
      if (this.#scene && this.#scene !== scene) {
        this.#place(this.#scene);
      }
    });
    this.#waiting = drawn === undefined;
    set(this.stage, "aria-busy", this.#waiting ? "true" : undefined);
    if (drawn) {
      this.#adopt(drawn, scene, next);
    }
  }

  #adopt(found: Layout, scene: Scene, found_signature: readonly string[]): void {
    this.#layout = found;
    this.#signature = found_signature;
    this.#where = rects(scene.units, found);
    this.#area = bounds(this.#where.values());
    this.boxes.cover(this.#area);
    this.#grid = new Grid(256);
    for (const unit of scene.units) {
      this.#grid.add(this.#where.get(unit.id) as Rect, unit.id);
    }
    this.#ways = new Ways(scene, found, this.#where);
    this.#populated = undefined;
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

  /** Draws the canvases, at the scale they are seen in, and brings the buttons up to date. */
  paint(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const [scene, index, ways, size] = [this.#scene, this.#index, this.#ways, this.#size];
    if (!scene || !index || !ways || size.width === 0) {
      return;
    }
    this.#theme ??= readTheme(this.stage);
    const ratio = window.devicePixelRatio;
    const region = regionOf(this.#area, this.#view, size, ratio);
    const sight = this.#sight(index, ways, this.#theme);
    const edges = edgesOf(sight, region);
    this.#labels = arrange(edges, new Map([...this.#labels].map(([key, { spot }]) => [key, spot])));
    const labels = this.#labels;
    const spots = [...labels.values()].map(({ spot }) => spot);
    const nodes = nodesOf(sight, region, spots);
    this.#sheet.draw(
      { region, scale: ratio * this.#view.k },
      function* (context) {
        yield* drawEdges(context, edges);
        yield* drawNodes(context, nodes);
        drawLabels(context, labels.values(), edges);
      },
      nodes.units.length + edges.lines.length <= AT_ONCE,
    );
    const { detail } = edges;
    const moving = detail === "far" ? [] : index.lines.filter((line) => !isDim(sight, line));
    this.dots.set(moving, ways, { theme: this.#theme, labels: spots });
    set(this.stage, "data-detail", detail);
    this.#populate();
  }

  #sight(index: SceneIndex, ways: Ways, theme: Theme): Sight {
    const { words, where, grid } = { words: this.#words, where: this.#where, grid: this.#grid };
    return { index, ways, theme, words, where, grid, shown: this.#shown, k: this.#view.k, ink: this.#ink };
  }

  /** Gives buttons to the units that are to have one, and takes them from those that are far away. */
  #populate(): void {
    const [scene, index, theme] = [this.#scene, this.#index, this.#theme];
    if (!scene || !index || !theme) {
      return;
    }
    const { selected } = this.#shown;
    const standing = { scene, index, where: this.#where, selected, font: theme.font, ink: this.#ink };
    this.#populated = seen(this.#view, this.#size, 0.3);
    if (!this.boxes.update(standing, this.#readable(scene, index, this.#populated))) {
      this.#populated = undefined;
      this.#later();
    }
    for (const unit of index.units.values()) {
      this.boxes.frame(unit.id)?.toggleAttribute("data-dim", standsBack(this.#shown, unit));
    }
    this.#lift();
  }

  #readable(scene: Scene, index: SceneIndex, window: Rect): readonly Unit[] {
    if (index.units.size <= MAX_BUTTONS) {
      return scene.units;
    }
    const kept = [this.boxes.current, this.#shown.selected, scene.focus].map((id) => index.unitOf(id ?? ""));
    const near = detailAt(this.#view.k) === "near" ? this.#grid.find(window) : [];
    const ids = [...new Set([...kept, ...near])].slice(0, MAX_BUTTONS);
    return ids.flatMap((id) => index.units.get(id) ?? []);
  }

  /** What has the focus or is selected is raised to a size at which it can be read. */
  #lift(): void {
    const active = this.stage.contains(document.activeElement) ? document.activeElement : null;
    const box = active?.closest<HTMLElement>("[data-box]")?.dataset.box;
    const raised = new Set([box, this.#shown.selected].map((id) => this.#scene?.unitOf.get(id ?? "") ?? id));
    const k = detailAt(this.#view.k) === "near" ? 1 : 0.9 / this.#view.k;
    for (const frame of this.#over.children) {
      const id = frame.querySelector<HTMLElement>("[data-box]")?.dataset.box;
      const up = k > 1 && raised.has(id);
      (frame as HTMLElement).style.scale = up ? String(k) : "";
      frame.toggleAttribute("data-raised", up);
    }
  }

  /** Gives a box the focus, wherever it is. */
  focus(id: string): void {
    this.boxes.current = id;
    if (!this.boxes.button(id)) {
      this.#populate();
    }
    this.boxes.button(id)?.focus({ preventScroll: true });
  }

  /**
   * Shows all of it; unless it is asked for whole, only as far as it can be read: around the worst call, so that a narrow
   * screen shows the red edge first.
   */
  fit(whole = false): void {
    this.#moved = whole;
    const scene = this.#scene;
    const anchor = (scene && heart(scene, this.#where)) ?? this.#where.get(this.boxes.current ?? "");
    const least = whole || (scene?.units.length ?? 0) > MAX_AROUND ? MIN_SCALE : LEGIBLE;
    this.#look(fitted(this.#area, this.#size, least, anchor));
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

  /** How far the picture could be panned up or down until its end is seen, in pixels of the screen. */
  slack(): { readonly up: number; readonly down: number } {
    const { y, height } = this.#area;
    const [top, bottom] = [this.#view.y + y * this.#view.k, this.#view.y + (y + height) * this.#view.k];
    return { up: Math.max(0, bottom - this.#size.height + 24), down: Math.max(0, 24 - top) };
  }

  /** The box at a point of the stage that has no button: a unit's id. */
  unitAt(at: Point): string | undefined {
    const { x, y } = unproject(this.#view, at);
    // From afar boxes are smaller than a finger.
    const by = Math.max(0, 6 / this.#view.k - 26);
    const [found] = this.#grid.find({ x: x - by, y: y - by, width: 2 * by + 0.1, height: 2 * by + 0.1 });
    return found;
  }

  /** The line near a point of the stage. */
  lineAt(at: Point): Line | undefined {
    const point = unproject(this.#view, at);
    const label = [...this.#labels.values()].find(({ spot }) => contains(spot, point));
    if (label) {
      return label.line;
    }
    const [index, ways] = [this.#index, this.#ways];
    return index && ways && lineNear(index, ways, point, NEAR / this.#view.k);
  }

  /** The stage got another size. */
  resized(): void {
    this.dots.look(this.#view, this.#size);
    if (!this.#moved) {
      this.fit();
    }
    this.paint();
  }

  stop(): void {
    window.clearTimeout(this.#sharpen);
    cancelAnimationFrame(this.#frame);
    this.#sheet.stop();
    this.#planner.stop();
    this.dots.stop();
  }

  get #size(): Size {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  /** Looks from somewhere else. The compositor moves what is drawn; it is drawn sharp again once the scale rests. */
  #look(next: View): void {
    const rescaled = next.k !== this.#view.k;
    this.#view = next;
    this.dots.look(next, this.#size);
    set(this.stage, "data-more", beyond(this.#area, next, this.#size) || undefined);
    for (const world of [this.#under, this.#over]) {
      world.style.transform = `translate(${next.x}px, ${next.y}px) scale(${next.k})`;
      world.toggleAttribute("data-moving", true);
    }
    window.clearTimeout(this.#sharpen);
    this.#rescaled ||= rescaled;
    this.#sharpen = window.setTimeout(() => this.#rest(), this.#rescaled ? REST.rescaled : REST.panned);
    if (!this.#rescaled) {
      this.#later();
    }
  }

  /** The picture stands still: words are drawn as sharp as they can be. */
  #rest(): void {
    for (const world of [this.#under, this.#over]) {
      world.toggleAttribute("data-moving", false);
    }
    if (this.#rescaled) {
      this.#rescaled = false;
      this.paint();
    }
  }

  /** Looks in the next frame whether what is drawn still covers what is seen. */
  #later(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#sheet.lacks(this.#area, this.#view, this.#size)) {
        this.paint();
      } else if (!this.#populated || !covers(this.#populated, seen(this.#view, this.#size))) {
        this.#populate();
      }
    });
  }
}
