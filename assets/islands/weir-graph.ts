// weir-graph is the topology: the picture around a focus or of the whole mesh, over the table that the server drew, both
// live. What is shown stands in the address.

import { Announcer } from "./announce";
import { make } from "./dom";
import { fetchDocument, morphChildren } from "./fragment";
import type { Picture as Data } from "./frames";
import { type Address, write as address, read } from "./graph-address";
import { listen } from "./graph-input";
import { Panel } from "./graph-panel";
import { Picture } from "./graph-picture";
import { Source } from "./graph-source";
import { adoptStyle } from "./graph-style";
import { EdgeTable } from "./graph-table";
import { tools } from "./graph-tools";
import { Words } from "./graph-words";
import type { Moment, Shown } from "./moment";
import { type Scene, scene } from "./scene";
import { text, write } from "./texts";

class WeirGraph extends HTMLElement {
  #words = new Words(this);
  #picture = new Picture(this.#words);
  #panel = this.#makePanel();
  #announcer = new Announcer();
  readonly #root = make("div", { class: "wg", hidden: true });
  readonly #caption = make("p", { class: "wg-caption", "data-testid": "caption" });
  readonly #choose = make("p", { class: "wg-choose", hidden: true });
  readonly #status = make("p", { class: "wg-unseen", role: "status" });
  #search: HTMLInputElement | undefined;
  #table: EdgeTable | undefined;
  readonly #source = new Source((data) => this.#take(data));
  #state: Address = { focus: "", hops: 1, table: false, selected: undefined, at: undefined };
  #window = "30s";
  #data: Data | undefined;
  #fresh = true;
  #end = new AbortController();
  #heading: AbortController | undefined;

  connectedCallback(): void {
    adoptStyle();
    this.#end = new AbortController();
    this.#state = read(location.search, this.#serverState());
    if (this.#root.childElementCount === 0) {
      this.#assemble();
    }
    const { signal } = this.#end;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.#picture.dots.wanted = !still.matches;
    listen(this, this.#picture, this.#actions(), signal);
    window.addEventListener("popstate", () => this.#arrive(), { signal });
    document.addEventListener("weir-moment", (event) => this.#goBack(event.detail), { signal });
    document.addEventListener("click", (event) => this.#follow(event), { signal });
    const shown = ({ detail }: CustomEvent<Shown>): void => this.setAttribute("data-moment-state", detail.state);
    document.addEventListener("weir-moment-shown", shown, { signal });
    document.addEventListener("visibilitychange", () => this.#picture.paint(), { signal });
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#picture.recolour(), { signal });
    const size = new ResizeObserver(() => this.#picture.resized());
    size.observe(this.#picture.stage);
    signal.addEventListener("abort", () => size.disconnect());
    this.#subscribe();
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#source.close();
    this.#picture.stop();
  }

  #serverState(): Address {
    const hops = Number(this.getAttribute("hops") ?? 1);
    return {
      focus: this.getAttribute("focus") ?? "",
      hops,
      table: this.getAttribute("view") === "table",
      selected: undefined,
      at: this.getAttribute("at") || undefined,
    };
  }

  #makePanel(): Panel {
    return new Panel(this.#words, {
      close: () => this.#select(undefined),
      select: (id) => this.#select(id),
      focusHref: (id) => this.#focusHref(id),
    });
  }

  #assemble(): void {
    const keys = make("p", { class: "wg-unseen", id: "wg-keys" });
    write(keys, this.#words.say("keys"));
    this.#picture.stage.setAttribute("aria-describedby", keys.id);
    const filter = this.querySelector<HTMLInputElement>("[data-filter]");
    const { buttons, search } = tools(this.#words, this.#picture, filter?.placeholder ?? "", {
      tidy: () => this.#draw(true),
      search: () => this.#draw(),
    });
    this.#search = search;
    const bar = make("div", { class: "wg-bar" }, this.#caption, search, buttons);
    const frame = make("div", { class: "wg-frame" }, bar, this.#picture.stage, this.#panel.element);
    this.#root.append(keys, frame, this.#choose, this.#status);
    this.prepend(this.#root);
    const table = this.querySelector<HTMLTableElement>("table[data-edges]");
    if (table) {
      this.#table = new EdgeTable(this, table, this.#words, (id) => this.#focusHref(id));
    }
  }

  #actions() {
    return {
      select: (id: string | undefined) => this.#select(id),
      focus: (id: string) => this.#focus(id),
      table: () => this.#go({ ...this.#state, table: !this.#state.table }, "push"),
      search: () => this.#find(),
      back: () => this.#back(),
    };
  }

  #subscribe(fresh = true): void {
    const { focus, hops, at } = this.#state;
    this.#fresh ||= fresh;
    this.#announcer = new Announcer();
    this.toggleAttribute("data-past", at !== undefined);
    this.#picture.dots.held = at !== undefined;
    if (at === undefined) {
      this.removeAttribute("data-moment-state");
    }
    this.#source.open({ mesh: this.getAttribute("mesh") ?? "", focus, hops, at, window: this.#window });
  }

  #take(data: Data): void {
    this.#data = data;
    this.#draw();
  }

  /** Shows another moment. Boxes stay where they are, so that one sees what changes. */
  #goBack({ at, window }: Moment): void {
    if (at !== this.#state.at || window !== this.#window) {
      this.#state = { ...this.#state, at };
      this.#window = window;
      this.#subscribe(false);
    }
  }

  /** Draws the newest data. */
  #draw(fresh = this.#fresh): void {
    const data = this.#data;
    if (!data) {
      return;
    }
    const drawn = scene(data, this.#state);
    const table = this.#state.table || drawn.tooLarge;
    this.#root.hidden = table && !drawn.tooLarge;
    this.#picture.stage.parentElement?.toggleAttribute("hidden", drawn.tooLarge);
    for (const fallback of this.querySelectorAll<HTMLElement>("[data-fallback]")) {
      fallback.hidden = true;
    }
    for (const view of this.querySelectorAll<HTMLElement>("[data-table-view]")) {
      view.hidden = !table;
    }
    this.#table?.update(data);
    this.#choose.hidden = !drawn.tooLarge;
    write(this.#choose, drawn.tooLarge ? this.#words.say("choose", { n: String(data.nodeTotal) }) : "");
    write(this.#caption, this.#words.caption(drawn));
    if (!table) {
      this.#fresh = false;
      this.#picture.show(drawn, { selected: this.#state.selected, found: this.#found(drawn) }, fresh);
      const opened = this.#panel.element.hidden;
      this.#panel.show(this.#state.selected, data, drawn);
      if (opened && !this.#panel.element.hidden) {
        this.#picture.reveal(this.#state.selected ?? "", this.#panel.covers);
      }
    }
    this.#announce(data, drawn);
  }

  /** The units that the search names; undefined without a search. */
  #found(drawn: Scene): ReadonlySet<string> | undefined {
    const query = this.#search?.value.trim().toLowerCase() ?? "";
    if (query === "") {
      return undefined;
    }
    const named = (name: string): boolean => name.toLowerCase().includes(query);
    const units = drawn.units.filter((unit) => named(unit.name) || unit.members.some((box) => named(box.name)));
    return new Set(units.map((unit) => unit.id));
  }

  #announce(data: Data, drawn: Scene): void {
    const judged = drawn.units
      .filter((unit) => unit.kind !== "more")
      .map((unit) => {
        const worst = unit.members.find((box) => box.row.health === unit.health) ?? unit.members[0];
        const why = worst ? (this.#words.why(worst.row)[0]?.text ?? "") : "";
        return { id: unit.id, name: this.#words.name(unit), health: unit.health, why };
      });
    const news = this.#announcer.next(judged, performance.now());
    const [first] = news;
    if (first && data.fresh) {
      const values = {
        name: first.name,
        health: this.#words.say(first.health),
        why: first.why,
        n: String(news.length),
      };
      write(this.#status, text(this, news.length > 1 ? "problems" : "problem", values));
    }
  }

  #focusHref(id: string): string {
    const page = new URL(this.getAttribute("page") ?? location.pathname, location.href);
    return address(page.href, { ...this.#state, focus: id, table: false, selected: undefined });
  }

  #select(id: string | undefined): void {
    const next = id === this.#state.selected ? undefined : id;
    this.#go({ ...this.#state, selected: next }, "replace");
    if (next === undefined) {
      this.#picture.boxes.button(this.#picture.boxes.current ?? "")?.focus();
    }
  }

  #focus(id: string): void {
    if (id.startsWith("more/")) {
      this.#go({ ...this.#state, table: true }, "push");
    } else {
      this.#go({ ...this.#state, focus: id, selected: undefined, table: false }, "push");
    }
  }

  /** One step back: the selection, the search, the focus. */
  #back(): void {
    if (this.#state.selected !== undefined) {
      this.#select(undefined);
    } else if (this.#search?.value) {
      this.#search.value = "";
      this.#draw();
    } else if (history.state === "weir-graph") {
      history.back();
    } else if (this.#state.focus !== "") {
      this.#go({ ...this.#state, focus: "" }, "push");
    }
  }

  /** The search of what is shown: of the picture, or of the table. */
  #find(): void {
    const field = this.#state.table ? this.querySelector<HTMLInputElement>("[data-filter]") : this.#search;
    field?.focus();
    field?.select();
  }

  #go(next: Address, how: "push" | "replace"): void {
    const url = address(location.href, next);
    if (how === "push") {
      history.pushState("weir-graph", "", url);
    } else {
      history.replaceState(history.state, "", url);
    }
    this.#arrive();
  }

  /** Links to other views of this page change the view; only what the page cannot know yet is loaded. */
  #follow(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const within = link && (this.contains(link) || link.closest(".page-head"));
    if (!within || !plain || event.defaultPrevented) {
      return;
    }
    const [here, there] = [new URL(location.href), new URL(link.href)];
    const same = (url: URL): string => [url.origin, url.pathname, url.searchParams.get("mesh")].join(" ");
    if (
      same(here) === same(there) &&
      there.hash === "" &&
      !there.searchParams.has("lang") &&
      !there.searchParams.has("theme")
    ) {
      event.preventDefault();
      // The server drew the link for the moment that it knew.
      const { at } = this.#state;
      history.pushState("weir-graph", "", address(there.href, { ...read(there.search, this.#state), at }));
      this.#arrive();
    }
  }

  /** Shows what the address says. */
  #arrive(): void {
    const before = this.#state;
    const bare = { focus: "", table: false, selected: undefined, at: undefined };
    this.#state = read(location.search, { ...bare, hops: before.hops });
    const { focus, hops, table, at } = this.#state;
    if (focus !== before.focus || hops !== before.hops) {
      this.#subscribe();
    } else if (at !== before.at) {
      this.#subscribe(false);
    }
    if (focus !== before.focus || hops !== before.hops || table !== before.table) {
      void this.#renewHead();
    }
    this.#draw();
    if (table && !before.table) {
      this.querySelector<HTMLElement>("[data-filter]")?.focus({ preventScroll: true });
    }
  }

  /** The title, the heading and the toolbar are the server's; they follow the address. */
  async #renewHead(): Promise<void> {
    this.#heading?.abort();
    this.#heading = new AbortController();
    try {
      const head = new URL(location.href);
      head.searchParams.set("fragment", "head");
      const page = await fetchDocument(head.href, this.#heading.signal);
      const [here, there] = [document.querySelector(".page-head"), page.querySelector<HTMLElement>(".page-head")];
      document.title = there?.dataset.title ?? document.title;
      if (here && there) {
        morphChildren(here, there);
      }
    } catch {
      // The heading is a comfort; without the server the banner says so.
    }
  }
}

customElements.define("weir-graph", WeirGraph);
