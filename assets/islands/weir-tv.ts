// weir-tv is the wall display: it keeps the screen awake and the words like the server's, moves on to the next mesh, and
// comes back by itself after the server was away.

import { fetchDocument, morphChildren } from "./fragment";

/** How often the words are fetched, in milliseconds; the picture beside them follows the socket. */
const PACE = 2000;

class WeirTV extends HTMLElement {
  #end = new AbortController();

  connectedCallback(): void {
    this.#end = new AbortController();
    const { signal } = this.#end;
    const every = (milliseconds: number, act: () => void): void => {
      const timer = window.setInterval(act, milliseconds);
      signal.addEventListener("abort", () => window.clearInterval(timer));
    };
    every(PACE, () => void this.#renew(signal));
    const rotate = Number(this.getAttribute("rotate"));
    if (rotate > 0) {
      every(rotate * 1000, () => void this.#next(signal));
    }
    document.addEventListener("visibilitychange", () => void this.#stayAwake(), { signal });
    void this.#stayAwake();
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  async #renew(signal: AbortSignal): Promise<void> {
    try {
      const page = await fetchDocument(this.getAttribute("src") ?? location.href, signal);
      const [into, from] = [this.querySelector("[data-wall]"), page.querySelector("[data-wall]")];
      if (into && from) {
        // The age of the numbers is the socket's to say.
        from.querySelector("[data-live-age]")?.replaceWith(document.importNode(this.#age(into), true));
        morphChildren(into, from);
      }
    } catch {
      // The banner says that the numbers are not live; the next time may do better.
    }
  }

  readonly #age = (into: Element): Node => into.querySelector("[data-live-age]") ?? document.createTextNode("");

  /** The next mesh, once the server answers for it: a wall must not be left with an error of the browser's. */
  async #next(signal: AbortSignal): Promise<void> {
    const next = this.getAttribute("next");
    if (next) {
      try {
        await fetchDocument(next, signal);
        location.replace(next);
      } catch {
        // It stays with this one.
      }
    }
  }

  async #stayAwake(): Promise<void> {
    if (document.hidden || !("wakeLock" in navigator)) {
      return;
    }
    try {
      await navigator.wakeLock.request("screen");
    } catch {
      // The screen may sleep where its owner decided so.
    }
  }
}

customElements.define("weir-tv", WeirTV);
