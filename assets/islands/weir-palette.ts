// weir-palette opens the palette over the page: what is typed is matched by the server, arrows choose, Enter goes there.

import { fetchDocument } from "./fragment";
import { step } from "./palette-walk";
import { text, write } from "./texts";

/** How long nothing is typed before the server is asked, in milliseconds. */
const PAUSE = 70;

/** After how long a search says that it goes on, in milliseconds. */
const SLOW = 250;

class WeirPalette extends HTMLElement {
  #end = new AbortController();
  #search: AbortController | undefined;
  #timer = 0;
  #chosen = -1;
  #shown: string | undefined; // the query whose results are shown
  #entered = false; // Enter was pressed before the results came

  connectedCallback(): void {
    const { dialog, input } = this.#parts();
    if (!dialog || !input || typeof dialog.showModal !== "function") {
      return;
    }
    this.#end = new AbortController();
    const { signal } = this.#end;
    document.addEventListener("keydown", (event) => this.#shortcut(event), { signal });
    document.addEventListener("click", (event) => this.#click(event), { signal });
    input.addEventListener("input", () => this.#later(), { signal });
    dialog.addEventListener("keydown", (event) => this.#key(event), { signal });
    dialog.addEventListener("close", () => this.#search?.abort(), { signal });
    this.#name();
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#search?.abort();
    window.clearTimeout(this.#timer);
  }

  #parts() {
    return {
      dialog: this.querySelector("dialog"),
      input: this.querySelector("input"),
      list: this.querySelector<HTMLElement>("[role=listbox]"),
      status: this.querySelector<HTMLElement>("[data-palette-status]"),
    };
  }

  /** Buttons name the keys of the machine. */
  #name(): void {
    const apple = /mac|iphone|ipad/i.test(navigator.platform);
    for (const key of document.querySelectorAll<HTMLElement>("[data-palette-key]")) {
      write(key, text(this, "key", { key: apple ? "⌘" : "Ctrl" }));
      key.hidden = false;
    }
  }

  #shortcut(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.#toggle();
    }
  }

  #click(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const { dialog } = this.#parts();
    if (plain && target?.closest("[data-palette-open]")) {
      event.preventDefault();
      this.#toggle();
    } else if (dialog && (target === dialog || target?.closest("[data-palette-close]"))) {
      dialog.close(); // the dialog itself is only hit beside its content
    }
  }

  #toggle(): void {
    const { dialog, input } = this.#parts();
    if (dialog?.open) {
      dialog.close();
    } else if (dialog && input) {
      dialog.showModal();
      input.focus();
      input.select();
      void this.#find();
    }
  }

  #later(): void {
    this.#entered = false;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#find(), PAUSE);
  }

  /** Asks for what fits. What was asked before is not waited for. */
  async #find(): Promise<void> {
    const { input, list, status } = this.#parts();
    if (!input || !list || !status) {
      return;
    }
    window.clearTimeout(this.#timer);
    this.#search?.abort();
    const search = new AbortController();
    this.#search = search;
    const query = input.value.trim();
    const slow = window.setTimeout(() => {
      list.setAttribute("aria-busy", "true");
      this.#say(text(this, "wait"));
    }, SLOW);
    try {
      const answer = await fetchDocument(this.#address(query), search.signal);
      if (!search.signal.aborted) {
        this.#show(answer, query);
      }
    } catch {
      if (!search.signal.aborted) {
        this.#entered = false;
        this.#shown = undefined;
        this.#say(text(this, "failed"), "alarm");
      }
    } finally {
      window.clearTimeout(slow);
      if (this.#search === search) {
        list.removeAttribute("aria-busy");
      }
    }
  }

  #address(query: string): string {
    const url = new URL(this.getAttribute("src") ?? "/go", document.baseURI);
    url.searchParams.set("fragment", "results");
    url.searchParams.set("q", query);
    url.searchParams.set("from", location.pathname + location.search);
    return url.href;
  }

  #show(answer: Document, query: string): void {
    const { input, list } = this.#parts();
    const results = answer.querySelector(".go-results");
    if (!input || !list || !results) {
      return;
    }
    const fresh = document.importNode(results, true);
    fresh.setAttribute("role", "presentation");
    for (const item of fresh.querySelectorAll("li, form")) {
      item.setAttribute("role", "presentation");
    }
    const options = [...fresh.querySelectorAll<HTMLElement>("[data-result]")];
    for (const [i, option] of options.entries()) {
      option.id = `palette-${i}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.tabIndex = -1;
    }
    list.replaceChildren(...(options.length > 0 ? [fresh] : []));
    list.scrollTop = 0;
    input.setAttribute("aria-expanded", String(options.length > 0));
    this.#shown = query;
    this.#choose(options.length > 0 ? 0 : -1);
    const none = query === "" ? "" : text(this, "none", { query });
    this.#say(
      options.length > 0 ? text(this, "found", { n: String(options.length) }) : none,
      options.length > 0 ? "count" : "none",
    );
    if (this.#entered) {
      this.#entered = false;
      this.#go();
    }
  }

  #say(words: string, level = ""): void {
    const { status } = this.#parts();
    if (status) {
      status.dataset.level = level;
      write(status, words);
    }
  }

  #options(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>("[data-result]")];
  }

  #choose(at: number): void {
    const options = this.#options();
    options[this.#chosen]?.setAttribute("aria-selected", "false");
    this.#chosen = at;
    const option = options[at];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    const { input } = this.#parts();
    if (option) {
      input?.setAttribute("aria-activedescendant", option.id);
    } else {
      input?.removeAttribute("aria-activedescendant");
    }
  }

  #key(event: KeyboardEvent): void {
    const { input } = this.#parts();
    if (event.isComposing || event.target !== input) {
      return; // Enter ends a syllable, or presses a button
    }
    if (event.key === "Enter") {
      event.preventDefault();
      this.#enter();
      return;
    }
    const at = step(event.key, this.#chosen, this.#options().length);
    if (at !== undefined) {
      event.preventDefault();
      this.#choose(at);
    }
  }

  /** Goes to what is chosen, or as soon as it is known: whoever types fast does not land at what fitted half a word. */
  #enter(): void {
    const { input } = this.#parts();
    if (this.#shown === input?.value.trim()) {
      this.#go();
    } else {
      this.#entered = true;
      void this.#find();
    }
  }

  #go(): void {
    this.#options()[this.#chosen]?.click();
  }
}

customElements.define("weir-palette", WeirPalette);
