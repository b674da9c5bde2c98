// The table of edges: drawn by the server, kept live here, sorted and filtered without asking it. It is the same data as
// the picture, for those who read rather than look.

import { healthMark, set } from "./dom";
import { type Picture, type Row, verdicts } from "./frames";
import type { Words } from "./graph-words";
import { edgeKey, severity } from "./scene";
import { write } from "./texts";

/** Keeps one table like a picture. */
export class EdgeTable {
  readonly #table: HTMLTableElement;
  readonly #words: Words;
  readonly #template: HTMLTemplateElement | null;
  readonly #filter: HTMLInputElement | null;
  readonly #focusHref: (id: string) => string;

  constructor(root: Element, table: HTMLTableElement, words: Words, focusHref: (id: string) => string) {
    this.#table = table;
    this.#words = words;
    this.#focusHref = focusHref;
    this.#template = root.querySelector("template[data-row]");
    this.#filter = root.querySelector("[data-filter]");
    for (const head of table.querySelectorAll("th[data-sort]")) {
      head.addEventListener("click", (event) => this.#sortBy(head, event));
    }
    this.#filter?.addEventListener("input", () => this.#arrange());
    // The filter works as one types; sending it would only load the page again.
    this.#filter?.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#arrange();
    });
  }

  /** What is searched for. */
  get query(): string {
    return this.#filter?.value.trim().toLowerCase() ?? "";
  }

  update(picture: Picture): void {
    const body = this.#table.tBodies[0];
    if (!body) {
      return;
    }
    const rows = new Map([...body.rows].map((row) => [row.dataset.edge ?? "", row]));
    const names = new Map(
      [...picture.boxes.values()].map((box) => [
        box.id,
        box.kind === "unknown" ? this.#words.say("outside") || box.name : box.name,
      ]),
    );
    for (const edge of picture.edges.values()) {
      const key = edgeKey(edge);
      const row = rows.get(key) ?? this.#newRow(body, key);
      rows.delete(key);
      if (row) {
        this.#name(row, "from", edge.from, names.get(edge.from) ?? edge.from);
        this.#name(row, "to", edge.to, names.get(edge.to) ?? edge.to);
        this.#fill(row, edge.row);
      }
    }
    for (const row of rows.values()) {
      row.remove();
    }
    this.#arrange();
  }

  #newRow(body: HTMLTableSectionElement, key: string): HTMLTableRowElement | undefined {
    const fresh = this.#template?.content.querySelector("tr");
    if (!fresh) {
      return undefined;
    }
    const row = document.importNode(fresh, true);
    row.dataset.edge = key;
    body.append(row);
    return row;
  }

  #name(row: HTMLTableRowElement, cell: string, id: string, name: string): void {
    const at = row.querySelector<HTMLElement>(`[data-cell=${cell}]`);
    if (!at || at.dataset.value === name) {
      return;
    }
    at.dataset.value = name;
    const link = at.querySelector("a");
    write(link ?? at, name);
    if (link) {
      set(link, "href", this.#focusHref(id));
    }
  }

  #fill(tr: HTMLTableRowElement, row: Row): void {
    const words = this.#words;
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

  /** Marks of undeclared and unused edges and the reason for the verdict, beside the callee's name. */
  #explain(tr: HTMLTableRowElement, row: Row): void {
    const cell = tr.querySelector("[data-cell=to]");
    if (!cell) {
      return;
    }
    const tags = [row.declared === 0 ? "undeclared" : "", row.used === 0 ? "unused" : ""].filter((tag) => tag !== "");
    const wanted: [string, string][] = [
      ...tags.map((tag): [string, string] => ["tag", this.#words.say(tag)]),
      ...(severity(row.health) > 0 ? this.#words.why(row).slice(0, 1) : []).map((w): [string, string] => [
        "why",
        w.text,
      ]),
    ];
    const there = [...cell.querySelectorAll<HTMLElement>(".tag, .why")];
    wanted.forEach(([name, words], i) => {
      const span = there[i] ?? cell.appendChild(document.createElement("span"));
      span.className = name;
      write(span, words);
    });
    for (const span of there.slice(wanted.length)) {
      span.remove();
    }
  }

  /** Sorts by a column: numbers from the largest, words from A, and the other way when it is sorted so already. */
  #sortBy(head: Element, event: Event): void {
    event.preventDefault();
    const key = head.getAttribute("data-sort") ?? "";
    const words = key === "from" || key === "to";
    const [usual, other] = words ? ["ascending", "descending"] : ["descending", "ascending"];
    const next = head.getAttribute("aria-sort") === usual ? other : usual;
    for (const each of this.#table.querySelectorAll("th[data-sort]")) {
      each.setAttribute("aria-sort", each === head ? next : "none");
    }
    this.#arrange();
  }

  /** Puts rows into their order, moving only those that are out of it, and hides those that the filter does not name. */
  #arrange(): void {
    const body = this.#table.tBodies[0];
    const head = this.#table.querySelector("th[data-sort]:is([aria-sort=ascending], [aria-sort=descending])");
    if (!body) {
      return;
    }
    const rows = [...body.rows];
    const query = this.query;
    for (const row of rows) {
      row.hidden =
        query !== "" && !["from", "to", "health"].some((cell) => datum(row, cell).toLowerCase().includes(query));
    }
    if (!head) {
      return;
    }
    const order = compareBy(head.getAttribute("data-sort") ?? "");
    const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
    rows.sort(
      (a, b) => sign * order(a, b) || (datum(a, "from") + datum(a, "to") < datum(b, "from") + datum(b, "to") ? -1 : 1),
    );
    rows.forEach((row, i) => {
      if (body.rows[i] !== row) {
        body.insertBefore(row, body.rows[i] ?? null);
      }
    });
  }
}

const datum = (row: HTMLTableRowElement, cell: string): string =>
  row.querySelector<HTMLElement>(`[data-cell=${cell}]`)?.dataset.value ?? "";

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

function compareBy(key: string): (a: HTMLTableRowElement, b: HTMLTableRowElement) => number {
  if (key === "from" || key === "to") {
    return (a, b) => (datum(a, key) < datum(b, key) ? -1 : datum(a, key) > datum(b, key) ? 1 : 0);
  }
  const rank = (row: HTMLTableRowElement): number =>
    key === "health" ? (verdicts as readonly string[]).indexOf(datum(row, key)) : Number(datum(row, key) || -1);
  return (a, b) => rank(a) - rank(b);
}

/** How bad an error ratio is for the style sheets, as the server's pages grade it. */
const errorLevel = (errors: number): string => (errors >= 0.05 ? "high" : errors >= 0.01 ? "raised" : "calm");
