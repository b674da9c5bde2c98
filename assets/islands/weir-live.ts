// weir-live owns the page's one socket, shows how old the data is, and says so when it is too old to be called live.

import { type Frame, Gap, type Picture } from "./frames";
import { freshness, type Newest, oldest, wakefulClock } from "./freshness";
import { LiveClient, Refused, type Socket } from "./live-client";
import type { Moment } from "./moment";
import { text, write } from "./texts";
import type { Watch } from "./watch";

/** How often the age is shown, in milliseconds. */
const BEAT = 500;

/** How long an answer to a poll may take, in milliseconds; the server waits for 25 s itself. */
const POLL_WITHIN = 40_000;

/** How often the banner's words may change while it stands, in milliseconds: screen readers read every change. */
const BANNER_BEAT = 10_000;

class WeirLive extends HTMLElement {
  readonly #watches = new Set<Watch>();
  #client: LiveClient | undefined;
  /** Of every view that somebody looks at: its newest, or since when it is waited for. */
  readonly #views = new Map<string, Newest>();
  #banner = Number.NEGATIVE_INFINITY;
  #beat = 0;
  #pulse: Watch | undefined;
  #past = false;
  #end = new AbortController();
  readonly #now = wakefulClock(
    () => performance.now(),
    () => Date.now(),
  );

  connectedCallback(): void {
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
    this.#beat = window.setInterval(() => this.#show(), BEAT);
    if (this.#past) {
      return; // no socket before somebody wants the present
    }
    this.#rest();
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
    for (const view of this.#views.keys()) {
      this.#views.set(view, awaited(this.#now()));
    }
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
      refused: (view, message) => this.#refuse(view, message),
    });
  }

  /** Where nobody asks for numbers, how fresh they are is still worth a look. */
  #rest(): void {
    const mesh = this.getAttribute("mesh");
    if (this.#watches.size === 0 && mesh && !this.#past) {
      this.#pulse = { view: this.getAttribute("view") ?? `pulse:${mesh}`, take: () => {} };
      this.#watch(this.#pulse);
    }
  }

  #watch(watch: Watch): void {
    if (this.#pulse && this.#pulse !== watch) {
      const pulse = this.#pulse;
      this.#pulse = undefined;
      this.#forget(pulse);
    }
    this.#watches.add(watch);
    if (!this.#views.has(watch.view)) {
      this.#views.set(watch.view, awaited(this.#now()));
    }
    this.#client?.add(watch.view);
  }

  #unwatch(watch: Watch): void {
    this.#forget(watch);
    queueMicrotask(() => this.isConnected && this.#rest()); // unless another view is asked for at once
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch);
    if (![...this.#watches].some((other) => other.view === watch.view)) {
      this.#views.delete(watch.view);
      this.#client?.remove(watch.view);
    }
  }

  /** The server does not have the view, or no room for it: whoever asked is told, and may ask for another. */
  #refuse(view: string, message: string): void {
    this.#views.delete(view);
    this.#client?.remove(view);
    for (const watch of [...this.#watches]) {
      if (watch.view === view) {
        this.#watches.delete(watch);
        watch.refused?.(message);
      }
    }
  }

  #take(picture: Picture): void {
    this.#views.set(picture.view, { received: this.#now(), age: picture.age, fresh: picture.fresh });
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
    const now = this.#now();
    const newest = oldest([...this.#views.values()]);
    const none = { age: 0, stale: false, silent: false, lost: false };
    const { age, stale, silent, lost } = newest ? freshness(newest, now) : none;
    const seconds = age < 10 ? age.toFixed(1) : String(Math.round(age));
    const known = newest !== undefined && !newest.awaited;
    for (const element of document.querySelectorAll("[data-live-age]")) {
      if (known || stale) {
        write(element, text(this, silent ? "none" : stale ? "stale-age" : "age", { age: seconds }));
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
        write(
          element,
          text(this, silent && !lost ? "silent" : known && !silent ? "stale" : "offline", { age: seconds }),
        );
      }
    }
  }
}

/** A view of which nothing has come yet. */
const awaited = (since: number): Newest => ({ received: since, age: 0, fresh: true, awaited: true });

/** Asks for a full frame where sockets are blocked. */
async function poll(src: string, view: string, seq: number | undefined, signal: AbortSignal) {
  const url = new URL(`${src}/poll`, document.baseURI);
  url.searchParams.set("view", view);
  if (seq !== undefined) {
    url.searchParams.set("seq", String(seq));
  }
  const within = AbortSignal.any([signal, AbortSignal.timeout(POLL_WITHIN)]);
  const answer = await fetch(url, { signal: within, headers: { Accept: "application/json" } });
  if (answer.status === 204) {
    return undefined;
  }
  if (answer.status === 404 || answer.status === 422) {
    const { detail } = (await answer.json()) as { readonly detail?: string };
    throw new Refused(detail ?? "");
  }
  if (!answer.ok) {
    throw new Gap(`polling ${view}: status ${answer.status}`);
  }
  return (await answer.json()) as Frame;
}

customElements.define("weir-live", WeirLive);
