// weir-graph is the topology: the picture of what the server chose of a mesh, and the page's lists and tables beside it,
// all live. What is shown stands in the address.

import { make, set } from "./dom";
import type { Picture as Data } from "./frames";
import { type Address, write as address, bare, read, sameData, samePage } from "./graph-address";
import { attend, Crier, Help, unitsFound } from "./graph-help";
import { listen } from "./graph-input";
import { leads } from "./graph-links";
import { Parts } from "./graph-page";
import { Panel } from "./graph-panel";
import { Picture } from "./graph-picture";
import { MOST, type Stretch } from "./graph-rows";
import { Search } from "./graph-search";
import { Source } from "./graph-source";
import { adoptStyle } from "./graph-style";
import { EdgeTable } from "./graph-table";
import { tools } from "./graph-tools";
import { Words } from "./graph-words";
import { type Moment, report, type Shown } from "./moment";
import { type Scene, scene } from "./scene";
import { write } from "./texts";

const START: Stretch = { from: 0, rows: MOST };

class WeirGraph extends HTMLElement {
  #words = new Words(this);
  #picture = new Picture(this.#words);
  #panel = this.#makePanel();
  #parts = new Parts(this, this.#words);
  readonly #search = new Search({
    waits: () => this.#state.view === "table",
    filter: (filter) => this.#go({ ...this.#state, filter }, "replace"),
    enter: (filter) => this.#lookAround(filter),
  });
  readonly #root = make("div", { class: "wg", hidden: true });
  readonly #note = make("p", { class: "wg-note notice", hidden: true });
  readonly #status = make("p", { class: "wg-unseen", role: "status" });
  #crier = new Crier(this.#words, this.#status);
  #table: EdgeTable | undefined;
  readonly #source = new Source((data) => this.#take(data));
  #state: Address = bare;
  #before: Address | undefined; // the table: what "t" leads back to
  #rows = START;
  #window = "30s";
  #data: Data | undefined;
  #drawn: Scene | undefined;
  #fresh = true;
  #end = new AbortController();

  connectedCallback(): void {
    adoptStyle();
    this.#end = new AbortController();
    this.#state = this.#read();
    if (this.#root.childElementCount === 0) {
      this.#assemble();
    }
    const { signal } = this.#end;
    if (!this.hasAttribute("wall")) {
      listen(this, this.#picture, this.#actions(), signal);
      this.#follow(signal);
    }
    const shown = ({ detail }: CustomEvent<Shown>): void => this.setAttribute("data-moment-state", detail.state);
    document.addEventListener("weir-moment-shown", shown, { signal });
    attend(this.#picture, signal);
    this.#subscribe();
  }

  disconnectedCallback(): void {
    this.#end.abort();
    this.#source.close();
    this.#parts.stop();
    this.#picture.stop();
  }

  /** The islands' and the people's wishes that reach the whole page. */
  #follow(signal: AbortSignal): void {
    const help = new Help((box) => this.#hideBox(box), signal);
    window.addEventListener("popstate", () => this.#arrive(), { signal });
    document.addEventListener("weir-moment", (event) => this.#goBack(event.detail), { signal });
    document.addEventListener("click", (event) => this.#click(event, help), { signal });
    this.#search.listen(signal);
  }

  /** What the address says; where it names nothing to look around, the server chose. */
  #read(): Address {
    const state = read(this.hasAttribute("wall") ? "" : location.search);
    const chosen = this.getAttribute("focus") ?? "";
    const named = state.view === "focus" && state.focus === "" ? { ...state, focus: chosen } : state;
    return named.view === "focus" && named.focus === "" ? { ...named, view: "problems" } : named;
  }

  #makePanel(): Panel {
    return new Panel(this, this.#words, {
      close: () => this.#select(undefined),
      select: (id) => this.#select(id),
      hide: (id) => this.#hide(id),
      focusHref: (id) => this.#focusHref(id),
    });
  }

  #assemble(): void {
    const keys = make("p", { class: "wg-unseen", id: "wg-keys" });
    write(keys, this.#words.say("keys"));
    this.#picture.stage.setAttribute("aria-describedby", keys.id);
    const { stage } = this.#picture;
    this.#root.append(keys, stage, this.#note, this.#status);
    this.querySelector("[data-picture]")?.append(this.#root);
    if (!this.hasAttribute("wall")) {
      this.#root.append(tools(this.#words, this.#picture, () => this.#draw(true), this));
      this.querySelector(".topo-split")?.append(this.#panel.element);
    }
  }

  #actions() {
    return {
      select: (id: string | undefined) => this.#select(id),
      focus: (id: string) => this.#focus(id),
      table: () => this.#toggleTable(),
      search: () => this.#search.find(),
      back: () => this.#back(),
    };
  }

  #subscribe(fresh = true): void {
    const { at, view } = this.#state;
    this.#fresh ||= fresh;
    this.#crier = new Crier(this.#words, this.#status);
    if (fresh) {
      this.#parts.forget();
    }
    this.toggleAttribute("data-past", at !== undefined);
    this.setAttribute("data-view", view);
    this.#picture.dots.held = at !== undefined;
    if (at === undefined) {
      this.removeAttribute("data-moment-state");
    }
    if (at !== undefined && view === "table") {
      void this.#pastTable();
      return;
    }
    this.#source.open({
      mesh: this.getAttribute("mesh") ?? "",
      state: this.#state,
      rows: this.#rows,
      window: this.#window,
    });
  }

  /** The table of a moment that has passed does not move: the server's pages of it serve. */
  async #pastTable(): Promise<void> {
    this.#source.close();
    this.#data = undefined;
    report({ state: "loading" });
    this.#show("table");
    report((await this.#parts.renew()) ? { state: "shown" } : { state: "failed", reason: "" });
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
      if (this.#state.view !== "table") {
        void this.#parts.renew();
      }
    }
  }

  /** Which of the page's parts belong to the view. */
  #show(view: Address["view"]): void {
    const drawn = view !== "table" && view !== "groups";
    this.#root.hidden = !drawn;
    this.toggleAttribute("data-drawn", drawn);
    this.setAttribute("data-view", view);
    this.querySelector("[data-pager]")?.toggleAttribute("hidden", this.#state.at === undefined);
  }

  /** Draws the newest data. */
  #draw(fresh = this.#fresh): void {
    const data = this.#data;
    if (!data) {
      return;
    }
    const { view, selected, at } = this.#state;
    this.#words.metric = this.#state.label;
    this.#show(view);
    const drawn = scene(data);
    this.#drawn = drawn;
    if (view === "table") {
      this.#edges(data);
    } else if (view !== "groups") {
      this.#fresh = false;
      this.#picture.show(drawn, { selected, found: unitsFound(drawn, this.#state.filter) }, fresh);
      if (fresh && this.hasAttribute("wall")) {
        this.#picture.fit(true);
      }
      this.#crier.hear(drawn, data);
    }
    this.#say(data, drawn);
    if (!this.hasAttribute("wall")) {
      this.#parts.follow(data);
      this.#open(data, drawn, at !== undefined);
    }
  }

  #open(data: Data, drawn: Scene, past: boolean): void {
    const { selected } = this.#state;
    const closed = this.#panel.element.hidden;
    this.#panel.show(selected, data, drawn, past);
    const open = !this.#panel.element.hidden;
    this.toggleAttribute("data-panel", open);
    if (closed && open) {
      this.#picture.reveal(selected ?? "", this.#panel.covers(this.#picture.stage));
      if (this.#panel.isSheet) {
        this.#panel.element.focus({ preventScroll: true });
      }
    }
  }

  /** The caption, and what else has to be said about the picture. */
  #say(data: Data, drawn: Scene): void {
    const chosen = data.scene;
    const caption = this.querySelector("[data-caption]");
    const { view, focus } = this.#state;
    if (chosen && caption) {
      write(caption, view === "table" || view === "groups" ? "" : this.#words.caption(chosen, data.edges.size));
    }
    const gone = view === "focus" && drawn.focus === undefined && chosen !== undefined;
    const hidden = drawn.units.length === 0 && (chosen?.hid ?? 0) > 0 && view !== "groups";
    const name = focus.slice(focus.indexOf("/") + 1);
    const said = gone ? this.#words.say("gone", { name }) : hidden ? this.#words.say("all-hidden") : "";
    if (this.#note.dataset.said !== said) {
      const href = address(location.href, { ...this.#state, view: "problems", focus: "", hide: [] });
      this.#note.dataset.said = said;
      this.#note.hidden = said === "";
      this.#note.replaceChildren(said, " ", make("a", { href }, this.#words.say("show-problems")));
    }
  }

  #edges(data: Data): void {
    const table = this.querySelector<HTMLTableElement>("table[data-edges]");
    if (!table) {
      return;
    }
    if (this.#table?.table !== table) {
      const actions = {
        ...this.#actions(),
        focusHref: (id: string) => this.#focusHref(id),
        sort: (sort: string) => this.#go({ ...this.#state, sort }, "replace"),
        rows: (wanted: Stretch) => {
          this.#rows = wanted;
          this.#subscribe(false);
        },
      };
      this.#table = new EdgeTable(table, this.#words, actions, this.#end.signal);
    }
    this.#table.update(data, this.#state.sort, this.#state.selected);
  }

  #focusHref(id: string): string {
    const here = this.hasAttribute("wall") ? (this.getAttribute("page") ?? location.href) : location.href;
    const state = { ...this.#state, view: "focus" as const, focus: id, filter: "", selected: undefined };
    return address(new URL(here, document.baseURI).href, state);
  }

  #select(id: string | undefined): void {
    const next = id === this.#state.selected ? undefined : id;
    const inside = this.#panel.element.contains(document.activeElement);
    this.#go({ ...this.#state, selected: next }, "replace");
    if (next === undefined && (inside || document.activeElement === document.body)) {
      const box = this.#picture.boxes.button(this.#picture.boxes.current ?? "");
      (this.#state.view === "table" ? this.#table?.row : box)?.focus();
    }
  }

  #focus(id: string): void {
    if (id.startsWith("more/")) {
      const end = id === "more/callers" ? "to" : "from";
      const name = this.#drawn?.units.find((unit) => unit.id === this.#drawn?.focus)?.name ?? this.#state.focus;
      const filter = `${end}:${/\s/.test(name) ? `"${name}"` : name}`;
      this.#go({ ...this.#state, view: "table", filter, selected: undefined }, "push");
    } else {
      const focus = this.#drawn?.unitOf.get(id) ?? id;
      this.#go({ ...this.#state, view: "focus", focus, filter: "", selected: undefined }, "push");
    }
  }

  /** Looks around the first match of a search that is shown; the server knows about those that are not. */
  #lookAround(filter: string): boolean {
    const found = this.#drawn && unitsFound(this.#drawn, filter);
    const [first] = this.#drawn?.units.filter((unit) => found?.has(unit.id) && unit.kind !== "more") ?? [];
    if (first) {
      this.#focus(first.id);
      this.#picture.stage.querySelector<HTMLElement>("[tabindex='0']")?.focus();
    }
    return first !== undefined;
  }

  #hide(id: string): void {
    const all = new Set([...this.#state.hide, id]);
    this.#go({ ...this.#state, hide: [...all], selected: undefined }, "push");
  }

  /** Hides the box that has the focus, or else what is selected, if it can be. */
  #hideBox(box: string | undefined): boolean {
    const unit = this.#drawn?.unitOf.get(box ?? this.#state.selected ?? "");
    if (unit === undefined || unit.startsWith("more/")) {
      return false;
    }
    this.#hide(unit);
    return true;
  }

  #toggleTable(): void {
    if (this.#state.view === "table") {
      const { view, focus, filter } = this.#before ?? { ...bare, focus: this.#state.focus };
      this.#go({ ...this.#state, view, focus, filter }, "push");
    } else {
      this.#before = this.#state;
      this.#go({ ...this.#state, view: "table" }, "push");
    }
  }

  /** One step back: the selection, the search, the focus. */
  #back(): void {
    if (this.#state.selected !== undefined) {
      this.#select(undefined);
    } else if (this.#state.filter !== "") {
      this.#search.show("");
      this.#go({ ...this.#state, filter: "" }, "replace");
    } else if (history.state === "weir-graph") {
      history.back();
    } else if (this.#state.view !== "problems") {
      this.#go({ ...this.#state, view: "problems", focus: "" }, "push");
    }
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
  #click(event: MouseEvent, help: Help): void {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link?.hasAttribute("data-keys")) {
      event.preventDefault();
      help.open();
    } else if (link?.dataset.select && this.contains(link)) {
      event.preventDefault();
      this.#select(link.dataset.select);
    } else if (link && leads(event, link, this)) {
      event.preventDefault();
      // The server drew the link for the moment that it knew.
      const { at } = this.#state;
      history.pushState("weir-graph", "", address(link.href, { ...read(new URL(link.href).search), at }));
      link.closest("details")?.removeAttribute("open");
      this.#arrive();
    }
  }

  /** Shows what the address says. */
  #arrive(): void {
    const before = this.#state;
    this.#state = this.#read();
    if (!this.#search.busy) {
      this.#search.show(this.#state.filter);
    }
    set(this, "focus", this.#state.focus);
    const page = !samePage(before, this.#state);
    if (!sameData(before, this.#state)) {
      this.#rows = START;
      this.#table?.rewind();
      this.#subscribe(
        before.view !== this.#state.view || before.focus !== this.#state.focus || before.at === this.#state.at,
      );
    }
    if (page) {
      void this.#parts.renew().then(() => this.#draw());
    }
    this.#draw(false);
    if (this.#state.view === "table" && before.view !== "table") {
      this.#search.focus();
    }
  }
}

customElements.define("weir-graph", WeirGraph);
