// The keyboard in the table of calls: it is one stop for Tab, the arrow keys lead from row to row, and a row is selected
// and looked around like a box of the picture.

import { make, set } from "./dom";
import { write } from "./texts";

/** What a row leads to: its call is selected, and a box is looked around. */
export type RowActions = {
  readonly select: (key: string) => void;
  readonly focus: (id: string) => void;
};

/** How many rows the page keys pass over. */
const PAGE = 10;

/** The row that a key leads to from a row, of so many; undefined where the key leads nowhere. */
export function rowAfter(key: string, at: number, rows: number): number | undefined {
  const to: Readonly<Record<string, number>> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + PAGE,
    PageUp: at - PAGE,
    Home: 0,
    End: rows - 1,
  };
  const wanted = to[key];
  return wanted === undefined || rows === 0 ? undefined : Math.max(0, Math.min(rows - 1, wanted));
}

/** Makes the rows of a table walkable. */
export class RowWalk {
  readonly #table: HTMLTableElement;
  readonly #actions: RowActions;
  #current = "";

  /** About says in words which keys there are, for those who hear the table. */
  constructor(table: HTMLTableElement, about: string, actions: RowActions, signal: AbortSignal) {
    this.#table = table;
    this.#actions = actions;
    // Screen readers hand the arrow keys to a grid, and read a table with them.
    set(table, "role", "grid");
    if (about !== "") {
      const keys = make("p", { class: "wg-unseen", id: "wg-row-keys" });
      write(keys, about);
      table.after(keys);
      set(table, "aria-describedby", keys.id);
    }
    table.addEventListener("keydown", (event) => this.#key(event), { signal });
    table.addEventListener("focusin", (event) => this.#arrive(event), { signal });
  }

  /** The row that Tab leads to. */
  get row(): HTMLTableRowElement | undefined {
    return this.#rows().find((row) => row.dataset.edge === this.#current);
  }

  /**
   * Changes the rows while the focus stays where it is: on its row when that only moves, on the one in its place when it
   * goes. Selected is the key of the call that is, from which the walk begins.
   */
  keep(selected: string | undefined, change: () => void): void {
    const active = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    const held = this.#rows().findIndex((row) => row.contains(active));
    change();
    const rows = this.#rows();
    const has = (key: string | undefined): boolean => rows.some((row) => row.dataset.edge === key);
    if (!has(this.#current)) {
      const place = rows[Math.max(0, Math.min(held, rows.length - 1))];
      this.#current = (held < 0 && has(selected) ? selected : place?.dataset.edge) ?? "";
    }
    for (const row of rows) {
      set(row, "aria-selected", String(row.dataset.edge === selected));
      set(row, "tabindex", row.dataset.edge === this.#current ? "0" : "-1");
    }
    if (held >= 0 && document.activeElement !== active) {
      (active?.isConnected ? active : this.row)?.focus({ preventScroll: true });
    }
  }

  readonly #rows = (): HTMLTableRowElement[] =>
    [...(this.#table.tBodies[0]?.rows ?? [])].filter((row) => row.dataset.edge !== undefined);

  #arrive({ target }: FocusEvent): void {
    const row = target instanceof Element ? target.closest<HTMLTableRowElement>("tbody tr[data-edge]") : null;
    const before = this.row;
    if (row && row !== before) {
      this.#current = row.dataset.edge ?? "";
      set(row, "tabindex", "0");
      if (before) {
        set(before, "tabindex", "-1");
      }
    }
  }

  /** Keys on a row itself; what is in it has its own. */
  #key(event: KeyboardEvent): void {
    const row = event.target;
    const key = row instanceof HTMLTableRowElement ? row.dataset.edge : undefined;
    if (key === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const rows = this.#rows();
    const to = rowAfter(event.key, rows.indexOf(row as HTMLTableRowElement), rows.length);
    if (to !== undefined) {
      event.preventDefault();
      rows[to]?.focus();
      if (event.key === "Home" || event.key === "End") {
        // Of a long table the last rows come once the room for them is seen.
        this.#table.scrollIntoView({ block: event.key === "Home" ? "start" : "end" });
      }
    } else if (event.key === " ") {
      event.preventDefault();
      this.#actions.select(key);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#actions.focus(key.slice(key.indexOf(" ") + 1));
    }
  }
}
