// The table of calls: drawn by the server, kept live here. Of a long one only the rows that are seen are in the document;
// the server sorts and filters. It is the same data as the picture, for those who read rather than look.

import { healthMark, make, set } from "./dom";
import type { Edge, Picture, Row } from "./frames";
import { type RowActions, RowWalk } from "./graph-grid";
import { MOST, type Stretch, stretch } from "./graph-rows";
import type { Words } from "./graph-words";
import { edgeKey, severity } from "./scene";
import { write } from "./texts";

/** What the table asks for. */
export type TableActions = RowActions & {
  readonly focusHref: (id: string) => string;
  readonly sort: (key: string) => void;
  readonly rows: (wanted: Stretch) => void;
};

/** The height of a row of a long table, in pixels; graph-sheet's styles say the same. */
const HEIGHT = 40;

/** How long scrolling has to rest before other rows are asked for, in milliseconds. */
const REST = 90;

/** Keeps one table like a picture. */
export class EdgeTable {
  readonly #table: HTMLTableElement;
  readonly #words: Words;
  readonly #actions: TableActions;
  readonly #template: HTMLTemplateElement | null;
  readonly #walk: RowWalk;
  readonly #above = spacer();
  readonly #below = spacer();
  #stretch: Stretch = { from: 0, rows: MOST };
  #total = 0;
  #timer = 0;

  constructor(table: HTMLTableElement, words: Words, actions: TableActions, signal: AbortSignal) {
    this.#table = table;
    this.#words = words;
    this.#actions = actions;
    this.#template = table.parentElement?.querySelector("template[data-row]") ?? null;
    this.#walk = new RowWalk(table, words.say("row-keys"), actions, signal);
    table.tHead?.addEventListener("click", (event) => this.#sort(event), { signal });
    table.addEventListener("click", (event) => this.#select(event), { signal });
    window.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
  }

  get table(): HTMLTableElement {
    return this.#table;
  }

  /** The row that has the focus, or had it last. */
  get row(): HTMLTableRowElement | undefined {
    return this.#walk.row;
  }

  /** From the first row again, because the rows are others. */
  rewind(): void {
    this.#stretch = { from: 0, rows: MOST };
  }

  update(picture: Picture, sorted: string, selected: string | undefined): void {
    const body = this.#table.tBodies[0];
    if (!body) {
      return;
    }
    this.#heads(sorted);
    const edges = (picture.order ?? [...picture.edges.keys()]).flatMap((id) => picture.edges.get(id) ?? []);
    this.#total = Math.max(picture.total, edges.length);
    this.#title(picture);
    const names = new Map(
      [...picture.boxes.values()].map((box) => [
        box.id,
        box.kind === "unknown" ? this.#words.say("outside") || box.name : box.name,
      ]),
    );
    const there = new Map([...body.rows].map((row) => [row.dataset.edge ?? "", row]));
    const rows = edges.flatMap((edge) => {
      const row = there.get(edgeKey(edge)) ?? this.#newRow(edge);
      this.#fill(row, edge, names);
      row?.toggleAttribute("data-selected", edgeKey(edge) === selected);
      return row ?? [];
    });
    this.#walk.keep(selected, () => this.#lay(body, rows));
  }

  /** Puts rows into their order between the room for those that are elsewhere, moving only what is out of place. */
  #lay(body: HTMLTableSectionElement, rows: readonly HTMLTableRowElement[]): void {
    const { from } = this.#stretch;
    const long = this.#total > MOST;
    this.#table.toggleAttribute("data-long", long);
    const wanted = long ? [this.#above, ...rows, this.#below] : [...rows];
    wanted.forEach((row, i) => {
      if (body.rows[i] !== row) {
        body.insertBefore(row, body.rows[i] ?? null);
      }
    });
    for (const row of [...body.rows].slice(wanted.length)) {
      row.remove();
    }
    tall(this.#above, long ? from * HEIGHT : 0);
    tall(this.#below, long ? Math.max(0, this.#total - from - rows.length) * HEIGHT : 0);
    set(this.#table, "aria-rowcount", long ? String(this.#total + 1) : undefined);
    rows.forEach((row, i) => {
      set(row, "aria-rowindex", long ? String(from + i + 2) : undefined);
    });
  }

  #title({ scene }: Picture): void {
    const title = this.#table.parentElement?.querySelector("[data-edges-count]");
    const all = scene?.edgeTotal ?? this.#total;
    if (title) {
      const some = this.#words.say("rows-some", { n: String(this.#total), total: String(all) });
      write(title, this.#total < all ? some : this.#words.count("rows", this.#total));
    }
  }

  #heads(sorted: string): void {
    const by = sorted.replace(/^-/, "");
    for (const head of this.#table.querySelectorAll("th[data-sort]")) {
      const key = head.getAttribute("data-sort") ?? "";
      const usual = key === "from" || key === "to" ? "ascending" : "descending";
      const other = usual === "ascending" ? "descending" : "ascending";
      set(head, "aria-sort", key !== by ? "none" : sorted === by ? usual : other);
    }
  }

  /** Sorts by a column: numbers from the largest, words from A, and the other way when it is sorted so already. */
  #sort(event: Event): void {
    const head = event.target instanceof Element ? event.target.closest("th[data-sort]") : null;
    if (head) {
      event.preventDefault();
      const key = head.getAttribute("data-sort") ?? "";
      const usual = key === "from" || key === "to" ? "ascending" : "descending";
      this.#actions.sort(head.getAttribute("aria-sort") === usual ? `-${key}` : key);
    }
  }

  /** A row selects its call, except where it leads elsewhere. */
  #select(event: Event): void {
    const target = event.target instanceof Element ? event.target : null;
    const key = target?.closest<HTMLElement>("tbody tr[data-edge]")?.dataset.edge;
    if (key && !target?.closest("a, button") && document.getSelection()?.isCollapsed !== false) {
      this.#actions.select(key);
    }
  }

  #scrolled(): void {
    window.clearTimeout(this.#timer);
    if (this.#total > MOST && this.#table.isConnected && this.#table.offsetParent !== null) {
      this.#timer = window.setTimeout(() => this.#ask(), REST);
    }
  }

  /** Asks for the rows that are seen. */
  #ask(): void {
    const top = this.#table.tBodies[0]?.getBoundingClientRect().top ?? 0;
    const first = Math.max(0, Math.floor(-top / HEIGHT));
    const last = Math.max(first, Math.ceil((window.innerHeight - top) / HEIGHT));
    const next = stretch(this.#stretch, Math.min(first, this.#total - 1), Math.min(last, this.#total - 1), this.#total);
    if (next !== this.#stretch) {
      this.#stretch = next;
      this.#actions.rows(next);
    }
  }

  #newRow(edge: Edge): HTMLTableRowElement | undefined {
    const fresh = this.#template?.content.querySelector("tr");
    const row = fresh ? document.importNode(fresh, true) : undefined;
    if (row) {
      row.dataset.edge = edgeKey(edge);
    }
    return row;
  }

  #fill(tr: HTMLTableRowElement | undefined, edge: Edge, names: ReadonlyMap<string, string>): void {
    if (!tr) {
      return;
    }
    const { row } = edge;
    const words = this.#words;
    this.#name(tr, "from", edge.from, names.get(edge.from) ?? edge.from);
    this.#name(tr, "to", edge.to, names.get(edge.to) ?? edge.to);
    if (tr.dataset.health !== row.health) {
      tr.dataset.health = row.health;
      const cell = tr.querySelector<HTMLElement>("[data-cell=health]");
      const health = cell?.querySelector<HTMLElement>("[data-health]");
      if (cell && health) {
        cell.dataset.value = row.health;
        health.dataset.health = row.health;
        health.querySelector(".health-mark")?.replaceWith(healthMark(row.health));
        write(health.querySelector("span") ?? health, words.say(row.health));
      }
    }
    this.#explain(tr, row);
    cellOf(tr, "rate", row.rate, words.rate(row.rate));
    cellOf(tr, "errors", row.errors, words.ratio(row.errors), errorLevel(row.errors));
    cellOf(tr, "p50", row.p50, words.latency(row.p50));
    cellOf(tr, "p95", row.p95, words.latency(row.p95));
    cellOf(tr, "p99", row.p99, words.latency(row.p99));
    if (row.share !== null) {
      const both = words.say("got-of", { got: words.ratio(row.share), want: words.share(row.weight ?? 0) });
      cellOf(tr, "share", row.share, (row.weight === null ? "" : both) || words.ratio(row.share));
    }
  }

  #name(row: HTMLTableRowElement, cell: string, id: string, name: string): void {
    const at = row.querySelector<HTMLElement>(`[data-cell=${cell}]`);
    if (!at) {
      return;
    }
    const link = at.querySelector("a");
    if (at.dataset.value !== name) {
      at.dataset.value = name;
      write(link ?? at, name);
    }
    if (link) {
      set(link, "href", this.#actions.focusHref(id));
    }
  }

  /** Marks of undeclared and unused calls and the reason for the verdict, beside the callee's name. */
  #explain(tr: HTMLTableRowElement, row: Row): void {
    const cell = tr.querySelector("[data-cell=to]");
    if (!cell) {
      return;
    }
    const tags = [row.declared === 0 ? "undeclared" : "", row.used === 0 ? "unused" : ""].filter((tag) => tag !== "");
    const why = severity(row.health) > 0 ? this.#words.why(row).slice(0, 1) : [];
    const wanted: [string, string][] = [
      ...tags.map((tag): [string, string] => ["tag", this.#words.say(tag)]),
      ...why.map((reason): [string, string] => ["why", reason.text]),
    ];
    const there = [...cell.querySelectorAll<HTMLElement>(".tag, .why")];
    wanted.forEach(([name, words], i) => {
      const span = there[i] ?? cell.appendChild(document.createElement("span"));
      span.className = name;
      write(span, words);
      set(span, "title", name === "why" ? words : undefined);
    });
    for (const span of there.slice(wanted.length)) {
      span.remove();
    }
  }
}

/** A row that stands for many. */
const spacer = (): HTMLTableRowElement =>
  make("tr", { class: "wg-spacer", "aria-hidden": "true" }, make("td", { colspan: "9" }));

function tall(row: HTMLTableRowElement, height: number): void {
  row.style.height = `${height}px`;
}

function cellOf(row: HTMLTableRowElement, name: string, value: number, words: string, level?: string): void {
  const cell = row.querySelector<HTMLElement>(`[data-cell=${name}]`);
  if (cell) {
    cell.dataset.value = String(value);
    write(cell, words);
    if (name === "errors") {
      set(cell, "data-level", level);
    }
  }
}

/** How bad an error ratio is for the style sheets, as the server's pages grade it. */
const errorLevel = (errors: number): string => (errors >= 0.05 ? "high" : errors >= 0.01 ? "raised" : "calm");
