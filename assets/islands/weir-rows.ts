// weir-rows adds, removes and moves rows of a form at once, where without script the server does it.

import { renumber } from "./rows";

class WeirRows extends HTMLElement {
  #end = new AbortController();

  connectedCallback(): void {
    this.#end = new AbortController();
    this.addEventListener("click", (event) => this.#click(event), { signal: this.#end.signal });
    this.addEventListener("keydown", (event) => this.#key(event), { signal: this.#end.signal });
    this.#ends();
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  get #list(): HTMLElement | null {
    return this.querySelector("[data-rows]");
  }

  get #rows(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>("[data-rows] > [data-row]")];
  }

  #click(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const row = button?.closest<HTMLElement>("[data-row]") ?? null;
    if (!button) {
      return;
    }
    if (button.hasAttribute("data-add")) {
      event.preventDefault();
      this.#add();
    } else if (row && button.hasAttribute("data-remove")) {
      event.preventDefault();
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector<HTMLElement>("input, select") ?? this.querySelector<HTMLElement>("[data-add]"))?.focus();
      this.#count();
    } else if (row && (button.hasAttribute("data-up") || button.hasAttribute("data-down"))) {
      event.preventDefault();
      this.#move(row, button.hasAttribute("data-up") ? -1 : 1);
      if (button instanceof HTMLButtonElement && button.disabled) {
        row.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
      } else {
        button.focus();
      }
    }
  }

  /** Alt and an arrow move the row that one stands in, as in lists elsewhere. */
  #key(event: KeyboardEvent): void {
    const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-row]") : null;
    if (by !== 0 && event.altKey && row?.querySelector("[data-up]")) {
      event.preventDefault();
      const focused = document.activeElement;
      this.#move(row, by);
      if (focused instanceof HTMLElement) {
        focused.focus();
      }
    }
  }

  #add(): void {
    const blank = this.querySelector<HTMLTemplateElement>("template[data-blank]")?.content.firstElementChild;
    if (blank) {
      const row = document.importNode(blank, true);
      this.#list?.append(row);
      this.#count();
      row.querySelector<HTMLElement>("input, select")?.focus();
    }
  }

  #move(row: HTMLElement, by: number): void {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (other) {
      other.insertAdjacentElement(by < 0 ? "beforebegin" : "afterend", row);
      this.#count();
    }
  }

  #count(): void {
    const list = this.dataset.list ?? "";
    this.#rows.forEach((row, i) => {
      for (const element of row.querySelectorAll("[name], [id], [for], [value], [aria-describedby]")) {
        for (const name of ["name", "id", "for", "value", "aria-describedby"]) {
          const value = element.getAttribute(name);
          // Of values only the buttons' name a place; a field's is what somebody typed.
          if (value !== null && (name !== "value" || element.localName === "button")) {
            element.setAttribute(name, renumber(value, list, i));
          }
        }
      }
    });
    const nothing = this.querySelector<HTMLElement>("[data-nothing]");
    if (nothing) {
      nothing.hidden = this.#rows.length > 0;
    }
    this.#ends();
    this.dispatchEvent(new Event("weir-edited", { bubbles: true }));
  }

  /** The first row cannot go up, and the last not down. */
  #ends(): void {
    const rows = this.#rows;
    rows.forEach((row, i) => {
      row.querySelector("[data-up]")?.toggleAttribute("disabled", i === 0);
      row.querySelector("[data-down]")?.toggleAttribute("disabled", i === rows.length - 1);
    });
  }
}

customElements.define("weir-rows", WeirRows);
