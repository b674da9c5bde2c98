// The boxes of the topology that are near enough to read: real buttons in the document, one tab stop among them, kept
// from tick to tick so that focus, hover and screen readers stay where they are.

import { make, set } from "./dom";
import type { Box } from "./frames";
import type { Rect } from "./geometry";
import type { SceneIndex } from "./graph-index";
import type { Words } from "./graph-words";
import type { Ink } from "./ink";
import type { Line, Scene, Unit } from "./scene";
import { write } from "./texts";

/** How the boxes stand at the moment. */
export type Standing = {
  readonly scene: Scene;
  readonly index: SceneIndex;
  readonly where: ReadonlyMap<string, Rect>;
  readonly selected: string | undefined;
  readonly font: string;
  readonly ink: Ink;
};

type Parts = {
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly detail: HTMLElement;
};

/** At most so many buttons are made in one frame. */
const BATCH = 48;

/** The pixels beside a box's name: its mark and the padding. */
const BESIDE_NAME = 46;

/** Keeps the buttons of a layer like the scene. */
export class Boxes {
  readonly #layer: HTMLElement;
  readonly #words: Words;
  readonly #ground = make("div", { class: "wg-ground", "aria-hidden": "true" });
  readonly #frames = new Map<string, HTMLElement>();
  readonly #parts = new Map<string, Parts>();
  #drawn: Standing | undefined;
  #fresh = new Set<string>();
  #current: string | undefined;

  constructor(layer: HTMLElement, words: Words) {
    this.#layer = layer;
    this.#words = words;
    this.#layer.append(this.#ground);
  }

  /**
   * Lays a ground under all boxes. It shows nothing: Chromium gives boxes that lie far apart a layer each, and goes
   * through a hundred of them in every frame of a pan, unless something that reaches over all is in the same layer. Words
   * on an opaque box keep a layer of their own too, which is why boxes are not quite opaque while they move.
   */
  cover(area: Rect): void {
    lay(this.#ground, area);
  }

  /** The button of a box, if it is near enough to have one; a service's own button carries its unit's id. */
  button(id: string): HTMLButtonElement | undefined {
    return this.#parts.get(id)?.button;
  }

  /** The element around a unit, if it has one. */
  frame(unit: string): HTMLElement | undefined {
    return this.#frames.get(unit);
  }

  /** The box whose button has the focus, or had it last. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Makes a box the one that Tab leads to. */
  set current(id: string | undefined) {
    const before = this.button(this.#current ?? "");
    if (before) {
      before.tabIndex = -1;
    }
    this.#current = id;
    const button = this.button(id ?? "");
    if (button) {
      button.tabIndex = 0;
    }
  }

  /** Shows these units of a scene, and no others; false when not all of them are there yet, to be called again. */
  update(standing: Standing, units: readonly Unit[]): boolean {
    if (standing.scene !== this.#drawn?.scene || standing.selected !== this.#drawn.selected) {
      this.#fresh.clear();
    }
    this.#drawn = standing;
    const keep = new Set<string>();
    let made = 0;
    for (const unit of units) {
      const rect = standing.where.get(unit.id);
      if (!rect || (made >= BATCH && !this.#frames.has(unit.id) && units.length > BATCH)) {
        continue;
      }
      made += this.#frames.has(unit.id) ? 0 : 1;
      keep.add(unit.id);
      const several = unit.members.length > 1;
      for (const box of several ? unit.members : []) {
        keep.add(box.id);
      }
      if (!this.#fresh.has(unit.id)) {
        this.#fresh.add(unit.id);
        this.#frame(unit, rect, standing);
        for (const box of several ? unit.members : []) {
          this.#version(box, unit, standing);
        }
      }
    }
    this.#forget(keep);
    const { scene } = standing;
    const gone = this.#current === undefined || !standing.where.has(this.#current);
    this.current = gone ? (scene.focus ?? first(standing)) : this.#current;
    return made < BATCH || units.length <= BATCH;
  }

  #forget(keep: ReadonlySet<string>): void {
    for (const [id, { button }] of this.#parts) {
      if (!keep.has(id)) {
        button.remove();
        this.#parts.delete(id);
      }
    }
    for (const [id, frame] of this.#frames) {
      if (!keep.has(id)) {
        frame.remove();
        this.#frames.delete(id);
        this.#fresh.delete(id);
      }
    }
  }

  /** The frame of a unit with its own button. */
  #frame(unit: Unit, rect: Rect, standing: Standing): void {
    const frame = this.#frames.get(unit.id) ?? make("div", { class: "wg-unit" });
    if (!this.#frames.has(unit.id)) {
      this.#frames.set(unit.id, frame);
      this.#layer.append(frame);
    }
    const several = unit.members.length > 1;
    lay(frame, rect);
    set(frame, "data-health", unit.health);
    set(frame, "data-kind", unit.kind);
    frame.toggleAttribute("data-focus", unit.id === standing.scene.focus);
    frame.toggleAttribute("data-far", unit.hops > 1);
    frame.toggleAttribute("data-versions", several);
    const parts = this.#part(unit.id, frame);
    const side = unit.kind === "more" ? (unit.id === "more/callers" ? "callers" : "callees") : undefined;
    const name = this.#words.name(unit, side);
    const ids = new Set([unit.id, ...unit.members.map((box) => box.id)]);
    const lines = standing.index.touching(unit.id);
    const sent = lines.filter((line) => ids.has(line.from)).reduce((all, line) => all + line.row.rate, 0);
    const { ink, font } = standing;
    const room = rect.width - BESIDE_NAME - (unit.kind === "gateway" ? 12 : 0);
    const detail = fitting(this.#words.detail(unit, sent), several ? room * 0.45 : room, standing);
    const aside = several ? ink.width(`400 11px ${font}`, detail) + 9 : 0;
    const short = ink.shorten(`600 13px ${font}`, name, room - aside);
    show(parts, unit.health, { name, short, detail, health: this.#words.say(unit.health) });
    const scene = { ...standing.scene, lines };
    mark(
      parts.button,
      unit.kind === "more" ? "" : this.#words.sentence(unit, scene, name),
      isSelected(standing, unit.id),
    );
  }

  /** The button of one version inside its service. */
  #version(box: Box, unit: Unit, { index, where, selected, ink, font }: Standing): void {
    const frame = this.#frames.get(unit.id);
    const [rect, outer] = [where.get(box.id), where.get(unit.id)];
    if (!frame || !rect || !outer) {
      return;
    }
    const parts = this.#part(box.id, frame);
    parts.button.classList.add("wg-version");
    lay(parts.button, { ...rect, x: rect.x - outer.x - 1, y: rect.y - outer.y - 1 });
    const portion = unit.traffic.rate > 0 ? box.row.rate / unit.traffic.rate : 0;
    const share = this.#words.share(Math.round(portion * 1000) / 1000);
    const lines = index.touching(unit.id);
    const name = box.version || box.name;
    const room = rect.width - 50 - ink.width(`400 12px ${font}`, share);
    const short = ink.shorten(`500 13px ${font}`, name, room);
    show(parts, box.row.health, { name, short, detail: share, health: this.#words.say(box.row.health) });
    bar(parts.button, portion, wantedShare(lines, box.id));
    const count = (end: "from" | "to"): string => String(lines.filter((line) => line[end] === box.id).length);
    const values = { name: box.name, service: unit.name, share, callers: count("to"), callees: count("from") };
    mark(parts.button, this.#words.version(box.row, values), selected === box.id);
  }

  #part(id: string, frame: HTMLElement): Parts {
    const known = this.#parts.get(id);
    if (known) {
      if (known.button.parentElement !== frame) {
        frame.append(known.button);
      }
      return known;
    }
    const name = make("span", { class: "wg-name", dir: "auto" });
    const detail = make("span", { class: "wg-detail" });
    const mark = make("span", { class: "wg-mark", "aria-hidden": "true" });
    const attributes = { type: "button", class: "wg-box", "data-box": id, tabindex: "-1" };
    // The space keeps what is seen and what is said the same words.
    const button = make("button", attributes, mark, name, " ", detail);
    const parts = { button, name, detail };
    this.#parts.set(id, parts);
    frame.append(button);
    return parts;
  }
}

/** As many of the details as there is room for; the first is the one that matters. */
function fitting(detail: string, room: number, { ink, font }: Standing): string {
  const parts = detail.split(" · ");
  const small = `400 11px ${font}`;
  while (parts.length > 1 && ink.width(small, parts.join(" · ")) > room) {
    parts.pop();
  }
  return ink.shorten(small, parts.join(" · "), room);
}

/** A box with one member is selected by either of its ids. */
const isSelected = ({ scene, index, selected }: Standing, unit: string): boolean =>
  selected !== undefined &&
  (selected === unit || (scene.unitOf.get(selected) === unit && (index.units.get(unit)?.members.length ?? 0) < 2));

/** Where Tab first leads: the leftmost, uppermost box. */
function first({ scene, where }: Standing): string | undefined {
  const corner = (unit: Unit): number => (where.get(unit.id)?.x ?? 0) * 1e5 + (where.get(unit.id)?.y ?? 0);
  let [best, least]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const unit of scene.units) {
    if (where.has(unit.id) && corner(unit) < least) {
      [best, least] = [unit.id, corner(unit)];
    }
  }
  return best;
}

/** The share that a version should have by the weights of its callers, each as heavy as its traffic; none without any. */
export function wantedShare(lines: readonly Line[], version: string): number | undefined {
  const weighed = lines.filter((line) => line.to === version && line.row.weight !== null);
  const total = weighed.reduce((all, line) => all + (line.row.rate || 1e-6), 0);
  const wanted = weighed.reduce((all, line) => all + (line.row.weight ?? 0) * (line.row.rate || 1e-6), 0);
  return weighed.length > 0 ? wanted / total : undefined;
}

function lay(element: HTMLElement, { x, y, width, height }: Rect): void {
  element.style.left = `${x}px`;
  element.style.top = `${y}px`;
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
}

/** Shape and colour tell the verdict to those who see it, the label in a word to those who do not. */
function show({ button, name, detail }: Parts, health: string, words: Shown): void {
  set(button, "data-health", health);
  write(name, words.short);
  write(detail, words.detail);
  // Whoever speaks to the page says what they see, so that comes first; a name that was cut follows as a whole.
  const whole = words.short === words.name ? "" : words.name;
  set(button, "title", whole || undefined);
  set(button, "aria-label", [words.short, words.detail, whole, words.health].filter((word) => word !== "").join(" "));
}

type Shown = { readonly name: string; readonly short: string; readonly detail: string; readonly health: string };

/** What is heard after the name, and whether the box is selected. */
function mark(button: HTMLButtonElement, sentence: string, selected: boolean): void {
  set(button, "aria-description", sentence);
  set(button, "aria-pressed", String(selected));
}

/** The share of a version as a bar at the bottom of its button, with a mark at the share that it should have. */
function bar(button: HTMLButtonElement, portion: number, wanted: number | undefined): void {
  let track = button.querySelector<HTMLElement>(".wg-share");
  if (!track) {
    track = make("span", { class: "wg-share", "aria-hidden": "true" }, make("span"), make("span"));
    button.append(track);
  }
  const [filled, mark] = track.children as unknown as [HTMLElement, HTMLElement];
  filled.style.width = `${(portion * 100).toFixed(1)}%`;
  mark.style.left = `${Math.min(98.8, (wanted ?? 0) * 100).toFixed(1)}%`;
  mark.hidden = wanted === undefined;
}
