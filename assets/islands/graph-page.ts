// The parts of the topology's page that the server draws: toolbar, list of problems, matrix, columns. They are fetched anew
// when something else is shown or what they list changes; between, their numbers follow the picture.

import { healthMark, set } from "./dom";
import { fetchDocument, morphChildren } from "./fragment";
import type { Cell, Group, Health, Picture, Row } from "./frames";
import type { Words } from "./graph-words";
import { edgeKey } from "./scene";
import { write } from "./texts";

/** Two fetches that nobody asked for are at least so many milliseconds apart: what the picture shows is newer anyway. */
const PACE = 5000;

/** Problems that are not in the picture have numbers only the server knows; they are renewed so often. */
const RENEW = 15_000;

/** Keeps the server's parts of the page like the picture. */
export class Parts {
  readonly #root: Element;
  readonly #words: Words;
  #end: AbortController | undefined;
  #listed: string | undefined;
  #fetched = Number.NEGATIVE_INFINITY;
  #timer = 0;

  constructor(root: Element, words: Words) {
    this.#root = root;
    this.#words = words;
  }

  /** Fetches what the server says about the present address. */
  renew(): Promise<boolean> {
    return this.#fetch("head,parts");
  }

  /** The toolbar only changes with the address, so that what follows the picture leaves it where it is. */
  async #fetch(fragment: string): Promise<boolean> {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    this.#end?.abort();
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#fetched = performance.now();
    const address = new URL(location.href);
    address.searchParams.set("fragment", fragment);
    try {
      const page = await fetchDocument(address.href, signal);
      const head = page.querySelector<HTMLElement>(".page-head");
      document.title = head?.dataset.title ?? document.title;
      for (const [selector, into] of [
        [".page-head", document.querySelector(".page-head")],
        ["[data-parts]", this.#root.querySelector("[data-parts]")],
      ] as const) {
        const from = page.querySelector(selector);
        if (into && from) {
          set(into, "data-view", from.getAttribute("data-view") ?? undefined);
          morphChildren(into, from);
        }
      }
      return true;
    } catch {
      // What is there stays, and the banner says when the server is away.
      return false;
    }
  }

  /** Follows a picture: numbers at once, lists when they changed. */
  follow(picture: Picture): void {
    const { scene } = picture;
    if (!scene) {
      return;
    }
    const listed = lists(picture);
    if (this.#listed === undefined) {
      this.#listed = listed;
    }
    const unseen = scene.paths?.some((path) => !path.shown) || (scene.shifts?.length ?? 0) > 0;
    const since = performance.now() - this.#fetched;
    if (listed !== this.#listed) {
      this.#listed = listed;
      this.#soon(Math.max(0, PACE - since));
    } else if (unseen && since > RENEW) {
      this.#soon(0);
    }
    this.#paths(picture);
    if (scene.groups) {
      this.#matrix(scene.groups.list, scene.groups.cells);
    }
  }

  /** What is shown is another view: its lists are compared with none. */
  forget(): void {
    this.#listed = undefined;
  }

  stop(): void {
    window.clearTimeout(this.#timer);
    this.#end?.abort();
  }

  #soon(wait: number): void {
    if (this.#timer === 0) {
      this.#timer = window.setTimeout(() => {
        this.#timer = 0;
        void this.#fetch("parts");
      }, wait);
    }
  }

  #paths(picture: Picture): void {
    const items = this.#root.querySelectorAll<HTMLElement>("[data-path]");
    if (items.length === 0) {
      return;
    }
    const rows = new Map([...picture.edges.values()].map((edge) => [edgeKey(edge), edge.row]));
    for (const item of items) {
      const row = rows.get(item.dataset.path ?? "");
      if (row) {
        this.#path(item, row);
      }
    }
  }

  #path(item: HTMLElement, row: Row): void {
    set(item, "data-health", row.health);
    judge(item.querySelector(".health"), row.health, this.#words.say(row.health));
    const [rate, errors, p95] = item.querySelectorAll("[data-numbers] > span:not(.dot)");
    const said: [Element | undefined, string][] = [
      [rate, this.#words.rate(row.rate)],
      [errors, this.#words.say("signal-errors", { ratio: this.#words.ratio(row.errors) })],
      [p95, this.#words.say("signal-p95", { time: this.#words.latency(row.p95) })],
      ...this.#words
        .why(row)
        .map((why, i): [Element | undefined, string] => [item.querySelectorAll(".causes li > span")[i], why.text]),
    ];
    for (const [element, words] of said) {
      if (element) {
        write(element, words);
      }
    }
    if (errors) {
      set(errors, "data-level", row.errors >= 0.05 ? "high" : row.errors >= 0.01 ? "raised" : "calm");
    }
  }

  #matrix(list: readonly Group[], cells: readonly Cell[]): void {
    const table = this.#root.querySelector("[data-matrix]");
    if (!table) {
      return;
    }
    const name = (group: Group | undefined): string =>
      group?.kind ? this.#words.say(`group-${group.kind}`) || group.name : (group?.name ?? "");
    const shown = new Map([...table.querySelectorAll<HTMLElement>("[data-cell]")].map((td) => [td.dataset.cell, td]));
    const busiest = Math.max(0, ...cells.map((cell) => cell.requestRate));
    for (const cell of cells) {
      const [from, to] = [name(list[cell.from]), name(list[cell.to])];
      const td = shown.get(`${from}\n${to}`);
      if (td) {
        this.#cell(td, cell, { from, to, busiest });
      }
    }
    for (const group of list) {
      const head = [...table.querySelectorAll<HTMLElement>("[data-group]")].find(
        (each) => each.dataset.group === name(group),
      );
      judge(head?.querySelector(".health"), group.health, this.#words.say(group.health));
    }
  }

  #cell(td: HTMLElement, cell: Cell, around: { from: string; to: string; busiest: number }): void {
    const words = this.#words;
    const [rate, errors] = [words.rate(cell.requestRate), words.ratio(cell.errorRatio)];
    set(td, "data-health", cell.health);
    set(td, "data-shade", String(shade(cell.requestRate, around.busiest)));
    const link = td.querySelector("a");
    const [rateText, errorText] = [td.querySelector(".matrix-rate"), td.querySelector(".matrix-errors")];
    if (rateText) {
      write(rateText, rate);
    }
    if (errorText) {
      write(errorText, errors);
    }
    td.querySelector(".health-mark")?.remove();
    if (cell.problems > 0) {
      link?.prepend(healthMark(cell.health));
    }
    const health = words.say(cell.health);
    const counts = { calls: String(cell.edges), problems: String(cell.problems) };
    const said = words.say("group-cell", { from: around.from, to: around.to, health, rate, errors, ...counts });
    if (link) {
      const inside = link.querySelector(".unseen");
      if (inside) {
        write(inside, said);
      }
      set(link, "title", said);
    }
  }
}

/** What the server's lists are made from: when it is another, they are out of date. */
function lists({ scene }: Picture): string {
  const paths = (scene?.paths ?? []).map(({ from, to, units }) => [from, to, units]);
  const shifts = (scene?.shifts ?? []).map(({ from, to, what }) => [from, to, what]);
  const groups = (scene?.groups?.list ?? []).map(({ name, kind, units }) => [name, kind, units]);
  const cells = (scene?.groups?.cells ?? []).map(({ from, to, problems, errorRatio }) => [
    from,
    to,
    problems > 0,
    errorRatio >= 0.001,
  ]);
  return JSON.stringify([paths, shifts, groups, cells]);
}

/** A step from 0 to 4 by the rate's order of magnitude beneath the busiest, as the server shades. */
export const shade = (rate: number, busiest: number): number =>
  rate <= 0 || busiest <= 0 ? 0 : Math.max(1, 4 - Math.trunc(Math.log10(busiest / rate) * 1.5));

/** Shows a verdict by shape, colour and word. */
export function judge(element: Element | null | undefined, health: Health, word: string): void {
  if (element instanceof HTMLElement && element.dataset.health !== health) {
    element.dataset.health = health;
    element.querySelector(".health-mark")?.replaceWith(healthMark(health));
    write(element.querySelector("span") ?? element, word);
  }
}
