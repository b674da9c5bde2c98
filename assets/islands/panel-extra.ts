// What the side panel asks the server for, once for each selection: the last change and who governs the traffic, the plots,
// and the forms that set weights and pools.

import { make, set } from "./dom";
import { fetchDocument } from "./fragment";
import type { Words } from "./graph-words";
import type { Subject } from "./panel-subject";

/** The parts of a panel that do not follow the numbers. */
export class Extra {
  /** The forms, which belong near the top, and the rest. */
  readonly controls = make("div", { class: "wg-controls" });
  readonly element = make("div", { class: "wg-extra" });
  readonly #words: Words;
  readonly #root: Element;
  #end = new AbortController();

  constructor(root: Element, words: Words) {
    this.#root = root;
    this.#words = words;
  }

  /** Begins with another subject; nothing is asked of several boxes together. */
  show(subject: Subject | undefined, past: boolean): void {
    this.#end.abort();
    this.#end = new AbortController();
    this.element.replaceChildren();
    this.controls.replaceChildren();
    if (!subject || subject.kind === "more" || this.#root.hasAttribute("wall")) {
      return;
    }
    const about = make("div", { class: "wg-about" });
    if (!past) {
      this.#plots(subject);
    }
    this.element.append(about);
    void this.#about(subject, about);
  }

  /** Figures of the last minutes, cut from the template; their island fetches what draws them when they are seen. */
  #plots(subject: Subject): void {
    const template = this.#root.querySelector<HTMLTemplateElement>("template[data-plot]");
    const figures = template && document.importNode(template.content, true);
    const plot = figures?.querySelector("weir-plot");
    if (!figures || !plot) {
      return;
    }
    const [from, to] = subject.ends;
    if (subject.kind === "edge") {
      set(plot, "source", from);
      set(plot, "destination", to);
    } else {
      set(plot, "node", from);
    }
    const summary = make("summary", {}, this.#words.say("plots"));
    this.element.append(make("details", { class: "wg-more", open: true }, summary, figures));
  }

  async #about(subject: Subject, into: HTMLElement): Promise<void> {
    const { signal } = this.#end;
    const address = new URL(location.href);
    address.searchParams.set("select", subject.id);
    address.searchParams.set("fragment", "about");
    try {
      const page = await fetchDocument(address.href, signal);
      const more = page.querySelector<HTMLElement>("[data-subject-more]");
      if (!more || signal.aborted) {
        return;
      }
      into.replaceChildren(...[...more.childNodes].map((node) => document.importNode(node, true)));
      // Where the panel leads by itself the server's link says nothing new.
      const panel = [...(this.element.parentElement?.querySelectorAll(".wg-links > *") ?? [])];
      for (const link of into.querySelectorAll(".subject-links a")) {
        link.toggleAttribute(
          "hidden",
          panel.some((each) => each.textContent === link.textContent),
        );
      }
      const { governs } = more.dataset;
      if (governs && more.hasAttribute("data-pools")) {
        if (more.hasAttribute("data-split")) {
          this.#form("traffic", governs, true);
        }
        this.#form("pool", governs, this.#turns(subject, "pool"));
      }
    } catch (error) {
      this.#fail(error, into, signal);
    }
  }

  /** Whether a cause of the subject's verdict is turned there. */
  readonly #turns = (subject: Subject, knob: string): boolean =>
    subject.row.causes.some((cause) => cause.knob === knob || (knob === "pool" && cause.knob === "outliers"));

  /** A form that the service's own page has too; it is fetched when it is opened. */
  #form(page: "traffic" | "pool", service: string, open: boolean): void {
    const href = this.#words.href(page, { service });
    if (!href) {
      return;
    }
    const summary = make("summary", {}, this.#words.say(`controls-${page}`));
    const body = make("div", { class: "wg-form" });
    const details = make("details", { class: "wg-more", "data-testid": `controls-${page}` }, summary, body);
    let asked = false;
    const fetch = (): void => {
      if (details.open && !asked) {
        asked = true;
        void this.#load(href, body).then((loaded) => {
          asked = loaded;
        });
      }
    };
    details.addEventListener("toggle", fetch);
    details.open = open;
    this.controls.append(details);
    fetch();
  }

  async #load(href: string, into: HTMLElement): Promise<boolean> {
    const { signal } = this.#end;
    const address = new URL(href, document.baseURI);
    address.searchParams.set("fragment", "controls");
    into.replaceChildren(make("p", { class: "quiet" }, this.#words.say("loading")));
    try {
      const page = await fetchDocument(address.href, signal);
      if (!signal.aborted) {
        into.replaceChildren(...[...page.body.childNodes].map((node) => document.importNode(node, true)));
      }
      return true;
    } catch (error) {
      this.#fail(error, into, signal, href);
      return false;
    }
  }

  /** Says that something could not be had; the page that has it too is one step away. */
  #fail(error: unknown, into: HTMLElement, signal: AbortSignal, href?: string): void {
    if (signal.aborted) {
      return;
    }
    const reason = error instanceof Error ? error.message.replace(/^\S+: /, "") : "";
    const said = make("p", { class: "wg-failed", role: "alert" }, this.#words.say("failed-part", { reason }));
    if (href) {
      said.append(" ", make("a", { href }, this.#words.say("open-page")));
    }
    into.replaceChildren(said);
  }
}
