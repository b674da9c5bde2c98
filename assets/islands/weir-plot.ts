// weir-plot goes on with figures that the server drew. What draws them is a chunk of its own, fetched when one comes into
// view, so that pages are there before it is.

/** What the chunk gives: goes on with an element until the function it answers with is called. */
export type Chunk = { readonly start: (element: HTMLElement) => () => void };

class WeirPlot extends HTMLElement {
  #seen: IntersectionObserver | undefined;
  #stop: (() => void) | undefined;

  connectedCallback(): void {
    if (!this.getAttribute("module")) {
      return;
    }
    this.#seen = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) {
          this.#seen?.disconnect();
          // After the page was painted: what the server drew is there to be read meanwhile.
          requestAnimationFrame(() => window.setTimeout(() => void this.#go(), 0));
        }
      },
      { rootMargin: "200px" },
    );
    this.#seen.observe(this);
  }

  disconnectedCallback(): void {
    this.#seen?.disconnect();
    this.#stop?.();
    this.#stop = undefined;
  }

  async #go(): Promise<void> {
    try {
      const chunk: Chunk = await import(this.getAttribute("module") ?? "");
      if (this.isConnected && !this.#stop) {
        this.#stop = chunk.start(this);
      }
    } catch {
      this.toggleAttribute("data-stale", true); // the server's drawing stays
    }
  }
}

customElements.define("weir-plot", WeirPlot);
