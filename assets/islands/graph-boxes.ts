// The boxes of the topology: real buttons in the document, one tab stop among them, kept from tick to tick so that
// focus, hover and screen readers stay where they are.

import { draw, healthMark, make, set } from "./dom";
import type { Box } from "./frames";
import type { Rect } from "./geometry";
import type { Words } from "./graph-words";
import type { Scene, Unit } from "./scene";
import { write } from "./texts";

/** How the boxes stand at the moment. */
export type Standing = {
  readonly scene: Scene;
  readonly where: ReadonlyMap<string, Rect>;
  readonly selected: string | undefined;
};

type Parts = {
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly detail: HTMLElement;
  /** The verdict in a word, which sighted people get by shape and colour. */
  readonly health: HTMLElement;
};

/** Keeps the buttons of a layer like the scene. */
export class Boxes {
  readonly #layer: HTMLElement;
  readonly #words: Words;
  readonly #frames = new Map<string, HTMLElement>();
  readonly #parts = new Map<string, Parts>();
  #current: string | undefined;

  constructor(layer: HTMLElement, words: Words) {
    this.#layer = layer;
    this.#words = words;
  }

  /** The button of a box; a service's own button carries its unit's id. */
  button(id: string): HTMLButtonElement | undefined {
    return this.#parts.get(id)?.button;
  }

  /** The box whose button has the focus, or had it last. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Makes a box the one that Tab leads to. */
  set current(id: string | undefined) {
    this.#current = id;
    for (const [key, { button }] of this.#parts) {
      button.tabIndex = key === id ? 0 : -1;
    }
  }

  update(standing: Standing): void {
    const keep = new Set<string>();
    for (const unit of standing.scene.units) {
      const rect = standing.where.get(unit.id);
      if (!rect) {
        continue;
      }
      keep.add(unit.id);
      this.#frame(unit, rect, standing);
      if (unit.members.length > 1) {
        for (const box of unit.members) {
          keep.add(box.id);
          this.#version(box, unit, standing);
        }
      }
    }
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
      }
    }
    if (this.#current === undefined || !keep.has(this.#current)) {
      this.current = standing.scene.focus ?? first(standing);
    } else {
      this.current = this.#current;
    }
  }

  /** The frame of a unit with its own button. */
  #frame(unit: Unit, rect: Rect, standing: Standing): void {
    const frame = this.#frames.get(unit.id) ?? make("div", { class: "wg-unit" });
    if (!this.#frames.has(unit.id)) {
      this.#frames.set(unit.id, frame);
      this.#layer.append(frame);
    }
    lay(frame, rect);
    set(frame, "data-health", unit.health);
    set(frame, "data-kind", unit.kind);
    frame.toggleAttribute("data-focus", unit.id === standing.scene.focus);
    frame.toggleAttribute("data-far", unit.hops > 1);
    frame.toggleAttribute("data-versions", unit.members.length > 1);
    const parts = this.#part(unit.id, frame);
    const side = unit.kind === "more" ? (unit.id === "more/callers" ? "callers" : "callees") : undefined;
    const name = this.#words.name(unit, side);
    const ids = new Set([unit.id, ...unit.members.map((box) => box.id)]);
    const sent = standing.scene.lines
      .filter((line) => ids.has(line.from))
      .reduce((all, line) => all + line.row.rate, 0);
    show(parts, unit.health, { name, detail: this.#words.detail(unit, sent), health: this.#words.say(unit.health) });
    const sentence = unit.kind === "more" ? "" : this.#words.sentence(unit, standing.scene, name);
    mark(parts.button, sentence, isSelected(standing, unit.id));
  }

  /** The button of one version inside its service. */
  #version(box: Box, unit: Unit, { scene, where, selected }: Standing): void {
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
    show(parts, box.row.health, {
      name: box.version || box.name,
      detail: share,
      health: this.#words.say(box.row.health),
    });
    bar(parts.button, portion);
    const count = (end: "from" | "to"): string => String(scene.lines.filter((line) => line[end] === box.id).length);
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
    const health = make("span", { class: "wg-unseen" });
    const attributes = { type: "button", class: "wg-box", "data-box": id, tabindex: "-1" };
    const button = make("button", attributes, name, detail, health);
    const parts = { button, name, detail, health };
    this.#parts.set(id, parts);
    frame.append(button);
    return parts;
  }
}

/** A box with one member is selected by either of its ids. */
const isSelected = ({ scene, selected }: Standing, unit: string): boolean =>
  selected !== undefined &&
  (selected === unit ||
    (scene.unitOf.get(selected) === unit && scene.units.some((u) => u.id === unit && u.members.length < 2)));

/** Where Tab first leads: the leftmost, uppermost box. */
function first({ scene, where }: Standing): string | undefined {
  const corner = (unit: Unit): number => (where.get(unit.id)?.x ?? 0) * 1e4 + (where.get(unit.id)?.y ?? 0);
  return [...scene.units].sort((a, b) => corner(a) - corner(b))[0]?.id;
}

function lay(element: HTMLElement, { x, y, width, height }: Rect): void {
  element.style.transform = `translate(${x}px, ${y}px)`;
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
}

function show({ button, name, detail, health: unseen }: Parts, health: string, words: Shown): void {
  if (button.dataset.health !== health) {
    button.dataset.health = health;
    button.querySelector(".health-mark")?.remove();
    button.prepend(healthMark(health));
  }
  write(unseen, words.health);
  write(name, words.name);
  write(detail, words.detail);
}

type Shown = { readonly name: string; readonly detail: string; readonly health: string };

/** What is heard after the name, and whether the box is selected. */
function mark(button: HTMLButtonElement, sentence: string, selected: boolean): void {
  set(button, "aria-description", sentence);
  set(button, "aria-pressed", String(selected));
}

/** The share of a version as a bar at the bottom of its button. */
function bar(button: HTMLButtonElement, portion: number): void {
  let track = button.querySelector<SVGSVGElement>(".wg-share");
  if (!track) {
    const attributes = { class: "wg-share", "aria-hidden": "true", width: "100%", height: "3" };
    track = draw(
      "svg",
      attributes,
      draw("rect", { class: "wg-share-track", width: "100%", height: "3" }),
      draw("rect", { height: "3" }),
    );
    button.append(track);
  }
  const filled = track.lastElementChild;
  if (filled) {
    set(filled, "width", `${(portion * 100).toFixed(1)}%`);
  }
}
