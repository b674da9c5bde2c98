// weir-live owns the page's one socket, shows how old the data is, and says so when it is too old to be called live.

import { type Frame, Gap, type Picture } from "./frames";
import { freshness, type Newest } from "./freshness";
import { LiveClient, type Socket } from "./live-client";
import type { Moment } from "./moment";
import { text, write } from "./texts";
import type { Watch } from "./watch";

/** How often the age is shown, in milliseconds. */
const BEAT = 500;

/** How often the banner's words may change while it stands, in milliseconds: screen readers read every change. */
const BANNER_BEAT = 10_000;

class WeirLive extends HTMLElement {
  readonly #watches = new Set<Watch>();
  #client: LiveClient | undefined;
  #newest: Newest | undefined;
  #started = 0;
  #banner = Number.NEGATIVE_INFINITY;
  #beat = 0;
  #past = false;
  #end = new AbortController();

  connectedCallback(): void {
    this.#started = performance.now();
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#client = this.#makeClient();
    this.#past = this.hasAttribute("past");
    this.#client.pause(document.hidden || this.#past);
    document.addEventListener("weir-watch", (event) => this.#watch(event.detail), { signal });
    document.addEventListener("weir-unwatch", (event) => this.#unwatch(event.detail), { signal });
    const rest = (): void => this.#client?.pause(document.hidden || this.#past);
    document.addEventListener("visibilitychange", rest, { signal });
    document.addEventListener("weir-moment", (event) => this.#turn(event.detail), { signal });
    window.addEventListener("online", () => this.#client?.retry(), { signal });
    // A page that comes back from the history cache has a dead socket.
    window.addEventListener("pageshow", (event) => event.persisted && this.#client?.retry(), { signal });
    document.dispatchEvent(new Event("weir-live"));
    const mesh = this.getAttribute("mesh");
    this.#beat = window.setInterval(() => this.#show(), BEAT);
    if (this.#past) {
      return; // no socket before somebody wants the present
    }
    if (this.#watches.size === 0 && mesh) {
      // Nobody asks for numbers on this page, but how fresh they are is still worth a look.
      this.#watch({ view: this.getAttribute("view") ?? `table:${mesh}`, take: () => {} });
    }
    this.#client.start();
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#client?.stop();
    window.clearInterval(this.#beat);
  }

  /** The page turns to another moment: nothing is live in the past, and the present begins anew. */
  #turn({ at }: Moment): void {
    const past = at !== undefined;
    if (past === this.#past) {
      return;
    }
    this.#past = past;
    document.documentElement.toggleAttribute("data-stale", false);
    for (const element of document.querySelectorAll("[data-live-age]")) {
      element.parentElement?.setAttribute("data-level", past ? "past" : "fresh");
      write(element, text(this, "past"));
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-live-banner]")) {
      element.hidden = true;
    }
    this.#banner = Number.NEGATIVE_INFINITY;
    this.#newest = undefined;
    this.#started = performance.now();
    this.#client?.pause(document.hidden || past);
    this.#client?.start();
  }

  #makeClient(): LiveClient {
    const src = this.getAttribute("src") ?? "/api/v1/live";
    return new LiveClient({
      open: () => new WebSocket(new URL(src, document.baseURI).href.replace(/^http/, "ws")) as Socket,
      poll: (view, seq, signal) => poll(src, view, seq, signal),
      later: (run, milliseconds) => {
        const timer = window.setTimeout(run, milliseconds);
        return () => window.clearTimeout(timer);
      },
      drawn: (run) => requestAnimationFrame(run),
      random: () => Math.random(),
      show: (picture) => this.#take(picture),
      refused: (view) => this.#client?.remove(view),
    });
  }

  #watch(watch: Watch): void {
    this.#watches.add(watch);
    this.#client?.add(watch.view);
  }

  #unwatch(watch: Watch): void {
    this.#watches.delete(watch);
    if (![...this.#watches].some((other) => other.view === watch.view)) {
      this.#client?.remove(watch.view);
    }
  }

  #take(picture: Picture): void {
    if (picture.ticks) {
      this.#newest = { received: performance.now(), age: picture.age, fresh: picture.fresh };
    }
    for (const watch of this.#watches) {
      if (watch.view === picture.view) {
        watch.take(picture);
      }
    }
    this.#show();
  }

  #show(): void {
    if (this.#past) {
      return;
    }
    const now = performance.now();
    const { age, stale } = freshness(this.#newest, this.#started, now);
    const seconds = age < 10 ? age.toFixed(1) : String(Math.round(age));
    const known = this.#newest !== undefined;
    for (const element of document.querySelectorAll("[data-live-age]")) {
      if (known || stale) {
        write(element, text(this, stale ? "stale-age" : "age", { age: seconds }));
      }
    }
    document.documentElement.toggleAttribute("data-stale", stale);
    if (stale && now - this.#banner < BANNER_BEAT) {
      return;
    }
    this.#banner = stale ? now : Number.NEGATIVE_INFINITY;
    for (const element of document.querySelectorAll<HTMLElement>("[data-live-banner]")) {
      element.hidden = !stale;
      if (stale) {
        write(element, text(this, known ? "stale" : "offline", { age: seconds }));
      }
    }
  }
}

/** Asks for a full frame where sockets are blocked. */
async function poll(src: string, view: string, seq: number | undefined, signal: AbortSignal) {
  const url = new URL(`${src}/poll`, document.baseURI);
  url.searchParams.set("view", view);
  if (seq !== undefined) {
    url.searchParams.set("seq", String(seq));
  }
  const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
  if (answer.status === 204) {
    return undefined;
  }
  if (!answer.ok) {
    throw new Gap(`polling ${view}: status ${answer.status}`);
  }
  return (await answer.json()) as Frame;
}

customElements.define("weir-live", WeirLive);
