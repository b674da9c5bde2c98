// weir-refresh keeps a part of a page like the server's: it fetches the fragment and changes only what differs.

import { follow } from "./follow";
import { morphChildren } from "./fragment";

class WeirRefresh extends HTMLElement {
  #end = new AbortController();

  connectedCallback(): void {
    this.#end = new AbortController();
    const every = (): number =>
      Math.max(
        250,
        Number(this.querySelector<HTMLElement>("[data-every]")?.dataset.every ?? this.getAttribute("every")) || 1000,
      );
    void follow(
      this,
      this.getAttribute("src") ?? location.href,
      (body) => {
        if (body !== this && !this.#isRead()) {
          morphChildren(this, body);
          this.#scatter();
        }
        return every();
      },
      this.#end.signal,
    );
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  /** What a fragment says of parts that stand among the fields of a form, brought there: no field is touched. */
  #scatter(): void {
    for (const part of this.hasAttribute("scatter") ? this.querySelectorAll("[data-into]") : []) {
      const place = document.getElementById(part.getAttribute("data-into") ?? "");
      if (place && !this.contains(place)) {
        morphChildren(place, part);
      }
    }
  }

  /** Somebody has marked text in here, to copy it or to keep their place. */
  #isRead(): boolean {
    const selection = document.getSelection();
    return (
      !!selection && !selection.isCollapsed && selection.anchorNode !== null && this.contains(selection.anchorNode)
    );
  }
}

customElements.define("weir-refresh", WeirRefresh);
