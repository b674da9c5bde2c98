// weir-copy copies a command or a definition that stands on the page.

import { write } from "./texts";

/** How long the button says that it has copied, in milliseconds. */
const SAID = 2000;

class WeirCopy extends HTMLElement {
  #button: HTMLButtonElement | null = null;
  #timer = 0;
  #label = "";

  connectedCallback(): void {
    this.refreshed();
  }

  disconnectedCallback(): void {
    window.clearTimeout(this.#timer);
  }

  /** Takes the server's markup: shows its button, which does nothing without script. */
  refreshed(): void {
    const button = this.querySelector<HTMLButtonElement>("[data-copy]");
    if (button && button !== this.#button) {
      this.#button = button;
      this.#label = button.textContent ?? "";
      button.setAttribute("aria-live", "polite");
      button.addEventListener("click", () => void this.#copy(button));
    }
    if (button) {
      button.hidden = navigator.clipboard === undefined;
    }
  }

  async #copy(button: HTMLButtonElement): Promise<void> {
    const source = this.querySelector("[data-source]");
    try {
      await navigator.clipboard.writeText(source?.textContent ?? "");
    } catch {
      // Without the permission to copy, marking the text is the next best thing.
      if (source) {
        document.getSelection()?.selectAllChildren(source);
      }
      return;
    }
    write(button, this.dataset.textCopied ?? this.#label);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => write(button, this.#label), SAID);
  }
}

customElements.define("weir-copy", WeirCopy);
