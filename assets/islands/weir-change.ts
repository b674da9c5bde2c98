// weir-change follows the three truths of a change: it fetches the card again, quickly until all has been said and
// slowly after that, and reads out each truth as it comes true or fails.

import { make } from "./dom";
import { follow } from "./follow";
import { morphChildren } from "./fragment";
import { write } from "./texts";

const QUICK = 400;
const SLOW = 4000;

class WeirChange extends HTMLElement {
  #end = new AbortController();
  readonly #status = make("p", { class: "unseen", role: "status", "data-testid": "truths-status" });

  connectedCallback(): void {
    this.#end = new AbortController();
    this.after(this.#status);
    void follow(this, this.getAttribute("src") ?? location.href, (body) => this.#take(body), this.#end.signal);
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#status.remove();
  }

  #take(body: Element): number {
    if (body !== this) {
      const before = stages(this);
      morphChildren(this, body);
      const news = [...stages(this)]
        .filter(([key, stage]) => stage !== before.get(key) && stage !== "wait")
        .map(([key]) => key);
      const said = news.map((key) => this.#sentence(key)).filter((sentence) => sentence !== "");
      if (said.length > 0) {
        write(this.#status, said.join(". "));
      }
    }
    return this.querySelector("[data-done]") ? SLOW : QUICK;
  }

  /** A truth as it is written on the card. */
  #sentence(key: string): string {
    const truth = this.querySelector(`[data-truth="${CSS.escape(key)}"]`);
    const name = truth?.querySelector(".truth-name")?.textContent?.trim() ?? "";
    const words = truth?.querySelector(".truth-body > span")?.textContent?.trim() ?? "";
    return name && words ? `${name}: ${words}` : "";
  }
}

/** How far each truth is, by its key. */
const stages = (root: Element): Map<string, string> =>
  new Map(
    [...root.querySelectorAll<HTMLElement>("[data-truth]")].map((truth) => [
      truth.dataset.truth ?? "",
      truth.dataset.stage ?? "",
    ]),
  );

customElements.define("weir-change", WeirChange);
