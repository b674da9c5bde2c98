// weir-scrubber moves the page through a mesh's past: it says which moment is meant, writes it into the address, and keeps
// the strip, the banner and the steps in line with it. Whoever shows numbers follows (moment.ts).

import { set } from "./dom";
import { fetchDocument, morphChildren } from "./fragment";
import { announce, type Shown } from "./moment";
import { lead } from "./moment-link";
import { bannerWords, momentWords } from "./moment-words";
import { Player } from "./player";
import { address, type Frame, iso, nearest, read, type Step, step } from "./strip";
import { text, write } from "./texts";

/** How long a moment must be meant before it is fetched, in milliseconds: a slider passes over many. */
const MEANT = 120;

/** How long fetching may take before it is said, in milliseconds. */
const PATIENCE = 300;

const STEPS: readonly Step[] = ["earlier", "previous", "next", "later"];

class WeirScrubber extends HTMLElement {
  #frames: readonly Frame[] = [];
  #at: number | undefined;
  #offset = 0;
  #meant = 0;
  #patience = 0;
  #shownAt = 0;
  readonly #player = new Player({
    next: () => this.#play(),
    ready: () => this.#shownAt === this.#at,
    turned: (playing) => this.#label(playing ? "pause" : "play"),
  });
  #tick = 0;
  #due = 0;
  #failed = false;
  #strip: AbortController | undefined;
  #end = new AbortController();

  connectedCallback(): void {
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#offset = Date.parse(this.getAttribute("now") ?? "") - Date.now() || 0;
    this.#at = Date.parse(this.getAttribute("at") ?? "") || undefined;
    this.addEventListener("input", (event) => this.#slide(event), { signal });
    this.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.addEventListener("submit", (event) => this.#submit(event), { signal });
    document.addEventListener("click", (event) => this.#click(event), { signal });
    document.addEventListener("weir-moment-shown", (event) => this.#shown(event.detail), { signal });
    window.addEventListener("popstate", () => this.#arrive(), { signal });
    this.#tick = window.setInterval(() => this.#pass(), 1000);
    this.#take();
    if (this.querySelector("[data-waiting]")) {
      void this.#renew();
    }
    const play = this.querySelector<HTMLElement>("[data-play]");
    if (play) {
      play.hidden = false;
    }
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#strip?.abort();
    this.#player.stop();
    window.clearInterval(this.#tick);
    window.clearTimeout(this.#meant);
    window.clearTimeout(this.#patience);
  }

  get #now(): number {
    return Date.now() + this.#offset;
  }

  get #every(): number {
    return Number(this.getAttribute("step")) || 10_000;
  }

  /** Whether the strip ends at the present, so that the position after its last frame is now. */
  get #endsNow(): boolean {
    const last = this.#frames.at(-1);
    return last !== undefined && this.#now - last.at < 3 * this.#every;
  }

  get #index(): number {
    return nearest(this.#frames, this.#at);
  }

  get #range(): HTMLInputElement | null {
    return this.querySelector("[data-range-moment]");
  }

  /** Takes the strip that the server drew. */
  #take(): void {
    this.#frames = read(this.querySelectorAll("[data-strip] a[data-at]"));
    this.#due = this.#now + this.#every;
    const range = this.#range;
    if (range) {
      range.hidden = false;
      range.max = String(this.#endsNow ? this.#frames.length : this.#frames.length - 1);
    }
    this.#reflect();
  }

  /** Asks the server for the strip, around the moment that is shown. */
  async #renew(): Promise<void> {
    this.#strip?.abort();
    this.#strip = new AbortController();
    const { signal } = this.#strip;
    const url = new URL(location.href);
    url.searchParams.set("span", this.getAttribute("span") ?? "15m");
    url.searchParams.set("fragment", "strip");
    this.#due = this.#now + this.#every;
    try {
      const { body } = await fetchDocument(url.href, signal);
      const [here, there] = [this.querySelector("[data-strip-body]"), body.querySelector("[data-strip-body]")];
      if (here && there && !signal.aborted) {
        here.removeAttribute("data-waiting");
        morphChildren(here, there);
        this.toggleAttribute("data-stale", false);
        this.#take();
      }
    } catch {
      if (!signal.aborted) {
        this.toggleAttribute("data-stale", true);
        if (this.#frames.length === 0) {
          this.#say(text(this, "strip-failed"));
        }
      }
    }
  }

  /** A second has passed: ages grow, and now and then there is a new frame. */
  #pass(): void {
    if (document.hidden) {
      return;
    }
    this.#banner();
    if (this.#now >= this.#due && (this.#endsNow || this.#frames.length === 0)) {
      void this.#renew();
    }
  }

  // A slider passes over more moments than a browser lets a page write addresses: a fleeting one is written once it is meant.
  /** Goes to a moment, or to the present, which every other island hears once it is meant. */
  #go(at: number | undefined, fleeting = false): void {
    this.#at = at;
    if (!fleeting) {
      this.#address();
    }
    this.#reflect();
    window.clearTimeout(this.#meant);
    this.#meant = window.setTimeout(() => {
      this.#address();
      this.#tell();
    }, MEANT);
  }

  /** Writes the moment into the address. */
  #address(): void {
    history.replaceState(history.state, "", address(location.href, this.#at, this.getAttribute("span") ?? "15m"));
  }

  #tell(): void {
    if (!document.querySelector("weir-graph")) {
      location.assign(location.href); // nobody here can show it
      return;
    }
    const at = this.#at === undefined ? undefined : iso(this.#at);
    announce({ at, window: this.getAttribute("window") ?? "30s" });
    if (at === undefined) {
      this.#say("");
    }
  }

  /** What the address says, after going back or on in the browser. */
  #arrive(): void {
    const at = Date.parse(new URL(location.href).searchParams.get("at") ?? "") || undefined;
    if (at !== this.#at) {
      this.#at = at;
      this.#reflect();
      this.#tell();
    }
  }

  /** Brings everything in line with the moment. */
  #reflect(): void {
    const index = this.#index;
    const past = this.#at !== undefined;
    const frame = this.#frames[index];
    const range = this.#range;
    if (range) {
      range.value = String(index);
      range.setAttribute("aria-valuetext", past ? (frame?.label ?? this.#moment()) : text(this, "live"));
    }
    const head = this.querySelector("[data-head]");
    if (head) {
      set(head, "x", String(Math.min(index, this.#frames.length - 1)));
      head.toggleAttribute("data-live", !past);
    }
    for (const name of STEPS) {
      const to = step(this.#frames, index, name, this.#endsNow);
      const link = this.querySelector<HTMLAnchorElement>(`[data-step=${name}]`);
      if (link) {
        lead(link, to === undefined ? undefined : this.#frames[to]?.at, to !== undefined);
      }
    }
    const field = this.querySelector<HTMLInputElement>("[data-moment]");
    if (field && document.activeElement !== field) {
      field.value = new Date(this.#at ?? this.#now).toISOString().slice(0, 19);
      field.max = new Date(this.#now).toISOString().slice(0, 19);
    }
    const compare = this.querySelector<HTMLAnchorElement>("[data-compare]");
    if (compare) {
      compare.hidden = !past;
      const url = new URL(compare.href);
      url.searchParams.set("from", iso(this.#at ?? this.#now));
      url.searchParams.set("to", "now");
      compare.href = url.href;
    }
    document.documentElement.toggleAttribute("data-past", past);
    this.#banner();
  }

  /** The banner that says that this is not the present. */
  #banner(): void {
    const at = this.#at;
    for (const banner of document.querySelectorAll<HTMLElement>("[data-past-banner]")) {
      const words = banner.querySelector("[data-past-text]");
      if (words && at !== undefined) {
        write(words, bannerWords(this, at, this.#now));
      }
      banner.hidden = at === undefined;
    }
  }

  #moment(): string {
    return momentWords(this, this.#at ?? this.#now, this.#now);
  }

  /** Moves to a position of the strip. */
  #move(to: number | undefined): void {
    if (to !== undefined) {
      this.#go(this.#frames[to]?.at, true);
    }
  }

  #slide(event: Event): void {
    if (event.target === this.#range) {
      this.#player.stop();
      this.#move(Number(this.#range?.value));
    }
  }

  #key(event: KeyboardEvent): void {
    const range = this.#range;
    const way = { ArrowLeft: -10, ArrowDown: -10, ArrowRight: 10, ArrowUp: 10 }[event.key];
    if (event.target === range && range && event.shiftKey && way) {
      event.preventDefault();
      this.#player.stop();
      this.#move(Math.max(0, Math.min(Number(range.max), this.#index + way)));
    }
  }

  #submit(event: Event): void {
    const field = this.querySelector<HTMLInputElement>("[data-moment]");
    const at = Date.parse(`${field?.value ?? ""}Z`);
    if (Number.isNaN(at)) {
      return; // the server says what is wrong with it
    }
    event.preventDefault();
    this.#player.stop();
    this.#visit(at);
  }

  /** Goes to a moment that the strip may not reach. */
  #visit(at: number): void {
    this.#go(at);
    const [first, last] = [this.#frames[0], this.#frames.at(-1)];
    if (!first || !last || at < first.at - this.#every || at > last.at + this.#every) {
      void this.#renew();
    }
  }

  #click(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!target || !plain || event.defaultPrevented) {
      return;
    }
    const inside = this.contains(target);
    if (inside && target.closest("[data-play]")) {
      this.#toggle();
      return;
    }
    const link = target.closest("a");
    const known = inside
      ? link?.matches("[data-step], [data-jump], [data-at], [data-span]")
      : link?.matches("[data-live-link]");
    if (!link || !known) {
      return;
    }
    event.preventDefault();
    this.#player.stop();
    this.#follow(link);
  }

  #follow(link: Element): void {
    // Links within the strip's picture are of SVG, so that the address is read as it is written.
    const to = new URL(link.getAttribute("href") ?? "", location.href).searchParams;
    const span = link.getAttribute("data-span");
    if (span) {
      this.#stretch(span);
    } else if (link.getAttribute("aria-disabled") !== "true") {
      const at = Date.parse(to.get("at") ?? "");
      if (Number.isNaN(at)) {
        this.#go(undefined);
      } else {
        this.#visit(at);
      }
    }
  }

  /** Shows another length of time. */
  #stretch(span: string): void {
    this.setAttribute("span", span);
    for (const link of this.querySelectorAll("[data-span]")) {
      const chosen = link.getAttribute("data-span") === span;
      set(link, "aria-current", chosen ? "page" : "false");
      if (chosen) {
        this.setAttribute("step", link.getAttribute("data-milliseconds") ?? "");
      }
    }
    this.#go(this.#at);
    void this.#renew();
  }

  #toggle(): void {
    if (this.#player.playing) {
      this.#player.stop();
      return;
    }
    // From the present, playing begins where there is something to be seen.
    if (this.#at === undefined) {
      const first = this.#frames.findIndex((frame) => frame.seen);
      this.#move(first < 0 ? undefined : first);
    }
    this.#player.start();
  }

  /** The next frame; false at the end, at the present, and when this one could not be shown. */
  #play(): boolean {
    const next = step(this.#frames, this.#index, "next", this.#endsNow);
    if (next === undefined || this.#failed) {
      return false;
    }
    this.#move(next);
    return this.#at !== undefined;
  }

  #label(name: "play" | "pause"): void {
    const button = this.querySelector("[data-play]");
    if (button) {
      write(button, text(this, name));
      set(button, "aria-pressed", String(name === "pause"));
    }
  }

  /** What became of the moment. */
  #shown(detail: Shown): void {
    window.clearTimeout(this.#patience);
    this.#failed = detail.state === "failed";
    for (const note of document.querySelectorAll<HTMLElement>("[data-moment-note]")) {
      note.hidden = true; // what the server said of the moment before
    }
    if (detail.state === "loading") {
      this.#patience = window.setTimeout(() => this.#say(text(this, "loading")), PATIENCE);
      return;
    }
    this.#shownAt = this.#at ?? 0;
    if (detail.state === "failed") {
      this.#say(text(this, "failed", { reason: detail.reason || text(this, "no-answer") }), "alarm");
    } else {
      const notes = detail.notes ?? [];
      this.#say(notes.length > 0 ? text(this, "partial", { notes: notes.join(" ") }) : "", "partial");
    }
  }

  #say(words: string, level = ""): void {
    const status = this.querySelector<HTMLElement>("[data-status]");
    if (status) {
      write(status, words);
      status.hidden = words === "";
      set(status, "data-level", level || undefined);
    }
  }
}

customElements.define("weir-scrubber", WeirScrubber);
