// Small things that the topology asks of a scene or of its page: the list of keys, what a search finds, what is announced.

import { Announcer, type Judged } from "./announce";
import type { Picture } from "./frames";
import type { Picture as Drawing } from "./graph-picture";
import type { Words } from "./graph-words";
import type { Scene } from "./scene";
import { write } from "./texts";

/** Reads out what becomes wrong in the scenes of one view. */
export class Crier {
  readonly #announcer = new Announcer();
  readonly #words: Words;
  readonly #status: Element;

  constructor(words: Words, status: Element) {
    this.#words = words;
    this.#status = status;
  }

  hear(scene: Scene, { fresh }: Picture): void {
    const news = this.#announcer.next(judgedUnits(scene, this.#words), performance.now());
    const [first] = news;
    if (first && fresh) {
      const health = this.#words.say(first.health);
      const values = { name: first.name, health, why: first.why, n: String(news.length) };
      write(this.#status, this.#words.say(news.length > 1 ? "problems" : "problem", values));
    }
  }
}

/** Keeps a picture like the page around it: its size, its colours, whether things may move. */
export function attend(picture: Drawing, signal: AbortSignal): void {
  picture.dots.wanted = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.addEventListener("visibilitychange", () => picture.paint(), { signal });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => picture.recolour(), { signal });
  const size = new ResizeObserver(() => picture.resized());
  size.observe(picture.stage);
  signal.addEventListener("abort", () => size.disconnect());
}

/** The list of keys, which the server drew. */
export class Help {
  readonly #dialog = document.querySelector<HTMLDialogElement>("dialog#keys");

  /** Hide is called with the box that a key was pressed on, or without one with undefined; it says whether it did. */
  constructor(hide: (box: string | undefined) => boolean, signal: AbortSignal) {
    document.addEventListener("keydown", (event) => this.#key(event, hide), { signal });
    const close = (event: MouseEvent): void => {
      const target = event.target instanceof Element ? event.target : null;
      // A click on the dialog itself is one beside its content.
      if (target === this.#dialog || target?.closest("[data-close]")) {
        event.preventDefault();
        this.#dialog?.close();
      }
    };
    this.#dialog?.addEventListener("click", close, { signal });
  }

  #key(event: KeyboardEvent, hide: (box: string | undefined) => boolean): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const busy = target?.matches("input, textarea, select, [contenteditable]");
    if (busy || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) {
      return;
    }
    if (event.key === "?") {
      event.preventDefault();
      this.open();
    } else if (event.key === "h" || event.key === "Delete") {
      if (hide(target?.closest<HTMLElement>("[data-box]")?.dataset.box)) {
        event.preventDefault();
      }
    }
  }

  open(): void {
    if (this.#dialog && !this.#dialog.open) {
      this.#dialog.showModal();
    }
  }
}

/** The units that a search names: all its words are in the name of the unit or of a version. Undefined without a search. */
export function unitsFound(scene: Scene, search: string): ReadonlySet<string> | undefined {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) {
    return undefined;
  }
  const named = (name: string): boolean => words.every((word) => name.toLowerCase().includes(word));
  const units = scene.units.filter((unit) => named(unit.name) || unit.members.some((box) => named(box.name)));
  return new Set(units.map((unit) => unit.id));
}

/** What is judged in a scene, with the first reason of each. */
const judgedUnits = (scene: Scene, words: Words): Judged[] =>
  scene.units
    .filter((unit) => unit.kind !== "more")
    .map((unit) => {
      const worst = unit.members.find((box) => box.row.health === unit.health) ?? unit.members[0];
      const why = worst ? (words.why(worst.row)[0]?.text ?? "") : "";
      return { id: unit.id, name: words.name(unit), health: unit.health, why };
    });
