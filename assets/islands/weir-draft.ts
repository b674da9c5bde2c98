// weir-draft keeps on the server what somebody types into the form inside it, so that a closed tab or a session that ends
// loses nothing. It sends what the form would send; the server says where it belongs and whether another window is at it.

import { text, write } from "./texts";

/** How long after the last key the form is kept, in milliseconds. */
const PAUSE = 900;

class WeirDraft extends HTMLElement {
  #end = new AbortController();
  #timer = 0;
  #sending = false;
  #again = false;
  #first = "";
  #kept = "";
  #stopped = false;

  connectedCallback(): void {
    this.#end = new AbortController();
    const { signal } = this.#end;
    if (!this.getAttribute("src")) {
      return;
    }
    this.#first = this.#kept = this.#fields();
    for (const button of this.querySelectorAll<HTMLElement>("[data-keep]")) {
      button.hidden = true; // it happens by itself
    }
    for (const type of ["input", "change", "click", "weir-edited"]) {
      this.addEventListener(type, () => this.#later(), { signal });
    }
    this.addEventListener("reset", () => setTimeout(() => void this.#reset()), { signal });
    this.addEventListener("submit", () => clearTimeout(this.#timer), { signal });
    // A page that is left in the middle of a word keeps the word.
    window.addEventListener("pagehide", () => this.#leave(), { signal });
  }

  disconnectedCallback(): void {
    clearTimeout(this.#timer);
    this.#end.abort();
  }

  get #form(): HTMLFormElement | null {
    return this.querySelector("form");
  }

  #body(): URLSearchParams {
    const body = new URLSearchParams();
    if (this.#form) {
      for (const [name, value] of new FormData(this.#form)) {
        body.append(name, String(value));
      }
    }
    return body;
  }

  #fields(): string {
    return this.#body().toString();
  }

  #later(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped && this.#fields() !== this.#kept) {
      this.#timer = window.setTimeout(() => void this.#keep(), PAUSE);
    }
  }

  #leave(): void {
    if (!this.#stopped && this.#timer !== 0 && this.#fields() !== this.#kept) {
      navigator.sendBeacon(this.#address(), this.#body());
    }
  }

  #address(): string {
    const url = new URL(this.getAttribute("src") ?? "", location.href);
    url.searchParams.set("fragment", "state");
    return url.href;
  }

  /** Whether the form was filled from an earlier draft. */
  get #began(): boolean {
    return this.querySelector("[data-discard]") !== null;
  }

  /** Cancel drops the draft; a page that was filled from one is drawn anew from what is in force. */
  async #reset(): Promise<void> {
    const began = this.#began;
    if (!began && this.#kept === this.#first) {
      clearTimeout(this.#timer);
      return;
    }
    this.#stopped = false;
    await this.#keep(true);
    if (began) {
      location.reload();
    }
  }

  async #keep(drop = false): Promise<void> {
    if (this.#sending) {
      this.#again = true;
      return;
    }
    this.#sending = true;
    const body = this.#body();
    const fields = body.toString();
    if (drop || (fields === this.#first && !this.#began)) {
      body.set("do", "discard"); // what is in force needs no draft
    }
    this.#say(text(this, "saving"));
    try {
      const answer = await fetch(this.#address(), { method: "POST", body, signal: this.#end.signal });
      const words = (await answer.text()).trim();
      if (answer.ok) {
        this.#kept = fields;
        this.#say(words);
      } else if (answer.status === 409) {
        this.#stopped = true; // the other window's draft stays; this one must be sent or dropped by hand
        this.#say(text(this, "overtaken"), true);
      } else {
        this.#say(text(this, "failed"), true);
      }
    } catch {
      if (!this.#end.signal.aborted) {
        this.#say(text(this, "failed"), true);
      }
    }
    this.#sending = false;
    if (this.#again) {
      this.#again = false;
      this.#later();
    }
  }

  #say(words: string, alarm = false): void {
    const state = this.querySelector("[data-desk-state]");
    if (state) {
      write(state, words);
      state.toggleAttribute("data-alarm", alarm);
    }
  }
}

customElements.define("weir-draft", WeirDraft);
