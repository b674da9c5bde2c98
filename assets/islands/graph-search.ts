// The search of the topology: what does not match stands back, the table shows only what matches, and Enter looks around the
// first match. The field is the server's, and is drawn anew with its toolbar.

/** What a search asks for. */
export type SearchActions = {
  /** Whether the server filters, which waits until typing rests. */
  readonly waits: () => boolean;
  readonly filter: (text: string) => void;
  /** Says whether it found something; else the form is sent. */
  readonly enter: (text: string) => boolean;
};

/** How long typing has to rest before the server filters, in milliseconds. */
const TYPING = 200;

/** Listens to the search field of the page. */
export class Search {
  readonly #actions: SearchActions;
  #timer = 0;

  constructor(actions: SearchActions) {
    this.#actions = actions;
  }

  listen(signal: AbortSignal): void {
    document.addEventListener("input", (event) => this.#type(event.target), { signal });
    document.addEventListener("submit", (event) => this.#submit(event), { signal });
  }

  /** Somebody stands in the field. */
  get busy(): boolean {
    return document.activeElement === this.#field;
  }

  show(text: string): void {
    if (this.#field) {
      this.#field.value = text;
    }
  }

  focus(): void {
    this.#field?.focus({ preventScroll: true });
  }

  find(): void {
    this.#field?.focus();
    this.#field?.select();
  }

  get #field(): HTMLInputElement | null {
    return document.querySelector<HTMLInputElement>("[data-filter]");
  }

  #type(target: EventTarget | null): void {
    if (target instanceof HTMLInputElement && target === this.#field) {
      window.clearTimeout(this.#timer);
      const wait = this.#actions.waits() ? TYPING : 0;
      this.#timer = window.setTimeout(() => this.#actions.filter(target.value.trim()), wait);
    }
  }

  #submit(event: SubmitEvent): void {
    const field = this.#field;
    if (!field || event.target !== field.form) {
      return;
    }
    window.clearTimeout(this.#timer);
    const text = field.value.trim();
    if (this.#actions.waits() || text === "") {
      event.preventDefault();
      this.#actions.filter(text);
    } else if (this.#actions.enter(text)) {
      event.preventDefault();
    }
  }
}
