// weir-pool helps with the form of a connection pool: it marks what was changed, says at once when a limit is no number
// or below the use of this moment, and what the button will do. Applying is the server's business.

import { number } from "./format";
import { text, write } from "./texts";

class WeirPool extends HTMLElement {
  #end = new AbortController();
  #apply: HTMLButtonElement | null = null;
  #review = "";

  connectedCallback(): void {
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#apply = this.querySelector("[data-apply]");
    this.#review = this.#apply?.textContent ?? "";
    this.addEventListener("input", () => this.#judge(), { signal });
    this.addEventListener("reset", () => queueMicrotask(() => this.#judge()), { signal });
    this.addEventListener("keydown", (event) => this.#escape(event), { signal });
    this.#judge();
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  get #fields(): HTMLInputElement[] {
    return [...this.querySelectorAll<HTMLInputElement>("[data-limit]")];
  }

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.#fields.some(isDraft)) {
      event.preventDefault();
      this.querySelector("form")?.reset();
    }
  }

  #judge(): void {
    const drafts = this.#fields.filter(isDraft);
    let wrong = false;
    for (const field of this.#fields) {
      const hint = this.#hint(field);
      field.toggleAttribute("data-draft", isDraft(field));
      wrong ||= hint.wrong;
      if (isDraft(field)) {
        // What the server said of the value before is out of date once it is another.
        field.setAttribute("aria-invalid", String(hint.wrong));
      }
      const output = field.parentElement?.querySelector("[data-hint]");
      if (output) {
        write(output, hint.words);
      }
    }
    if (this.#apply) {
      const names = drafts.map(
        (field) => `${field.labels?.[0]?.textContent?.trim() ?? field.name} ${field.value || field.placeholder}`,
      );
      write(this.#apply, drafts.length > 0 && !wrong ? text(this, "apply", { names: names.join(", ") }) : this.#review);
      this.#apply.disabled = drafts.length === 0 || wrong;
    }
  }

  /** What is to be said about a limit: an empty one means no limit. */
  #hint(field: HTMLInputElement): { words: string; wrong: boolean } {
    const value = field.validity.badInput ? "?" : field.value.trim();
    if (value === "") {
      return { words: "", wrong: false };
    }
    const limit = Number(value);
    if (!Number.isInteger(limit) || limit < 1) {
      return { words: text(this, "number", { value }), wrong: true };
    }
    const use = Number(field.dataset.use ?? 0);
    const low = isDraft(field) && limit < use;
    return { words: low ? text(this, "low", { use: number(use), limit: number(limit) }) : "", wrong: false };
  }
}

const isDraft = (field: HTMLInputElement): boolean => field.validity.badInput || field.value !== field.defaultValue;

customElements.define("weir-pool", WeirPool);
