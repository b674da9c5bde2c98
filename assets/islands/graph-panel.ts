// The side panel of the topology: the numbers of what is selected, why it has its verdict, and where to change it.

import { healthMark, make } from "./dom";
import type { Cause, Picture } from "./frames";
import type { Words } from "./graph-words";
import { knobs } from "./knobs";
import { Extra } from "./panel-extra";
import { neighbours, type Subject, subjectOf } from "./panel-subject";
import type { Scene, Side } from "./scene";

/** What the panel asks for. */
export type PanelActions = {
  readonly close: () => void;
  readonly select: (id: string) => void;
  readonly hide: (id: string) => void;
  /** The address of the topology around a box. */
  readonly focusHref: (id: string) => string;
};

/** Shows one selection at a time. */
export class Panel {
  readonly element: HTMLElement;
  readonly #words: Words;
  readonly #actions: PanelActions;
  readonly #live = make("div", { class: "wg-live" });
  readonly #rest = make("div", { class: "wg-rest" });
  readonly #extra: Extra;
  #shown = "";
  #subject = "";

  constructor(root: Element, words: Words, actions: PanelActions) {
    this.#words = words;
    this.#actions = actions;
    this.#extra = new Extra(root, words);
    const attributes = { class: "wg-panel", hidden: true, tabindex: "-1", "data-testid": "panel" };
    this.element = make("aside", attributes, this.#live, this.#extra.controls, this.#rest, this.#extra.element);
  }

  /** How much of the picture's right side the panel covers, in pixels; on narrow screens it stands below. */
  covers(stage: Element): number {
    const [panel, picture] = [this.element.getBoundingClientRect(), stage.getBoundingClientRect()];
    const over = getComputedStyle(this.element).position === "absolute" && panel.width > 0;
    return over ? Math.max(0, picture.right - panel.left) : 0;
  }

  /** Whether it lies over the page as a sheet. */
  get isSheet(): boolean {
    return getComputedStyle(this.element).position === "fixed";
  }

  /** Shows a box, a service or an edge by its id or key; hides when there is no such thing. */
  show(selected: string | undefined, picture: Picture, scene: Scene, past: boolean): void {
    const subject = selected === undefined ? undefined : subjectOf(selected, picture, scene);
    this.element.hidden = subject === undefined;
    const about = `${subject?.id ?? ""}\n${past}`;
    const fresh = about !== this.#subject;
    if (fresh) {
      this.#subject = about;
      this.#extra.show(subject, past);
      this.element.scrollTop = 0;
    }
    if (!subject) {
      this.#shown = "";
      return;
    }
    const title = subject.ends.map((id) => this.#name(id, scene)).join(" → ");
    const content = [this.#content(subject, title, scene), this.#around(subject, title, scene)];
    const key = content
      .flat()
      .map((node) => node.textContent)
      .join("\n");
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    this.element.setAttribute("aria-label", title);
    for (const [i, into] of [this.#live, this.#rest].entries()) {
      // Buttons are made anew with the numbers, so the focus moves to the one in the same place.
      const focusable = (): HTMLElement[] => [...into.querySelectorAll<HTMLElement>("button, a")];
      const at = focusable().indexOf(document.activeElement as HTMLElement);
      renew(into, content[i] ?? [], fresh);
      if (at >= 0) {
        focusable()[at]?.focus({ preventScroll: true });
      }
    }
  }

  #name(id: string, scene: Scene): string {
    const unit = scene.units.find((each) => each.id === id);
    if (unit) {
      return this.#words.name(unit, id === "more/callers" ? "callers" : "callees");
    }
    const members = scene.units.flatMap((each) => each.members);
    return members.find((box) => box.id === id)?.name ?? id;
  }

  #content(subject: Subject, title: string, scene: Scene): HTMLElement[] {
    const words = this.#words;
    const close = make("button", { type: "button", class: "wg-close", "aria-label": words.say("close") }, "×");
    close.addEventListener("click", () => this.#actions.close());
    const { health } = subject.row;
    const mark = make("span", { class: "health", "data-health": health }, healthMark(health), words.say(health));
    const kind = make("span", { class: "wg-kind" }, this.#kind(subject, scene));
    const parts = [
      close,
      make("h2", { dir: "auto" }, title),
      make("p", { class: "wg-verdict" }, mark, kind),
      ...this.#why(subject),
      this.#numbers(subject),
      ...this.#marks(subject).map((tag) => make("p", { class: "tag" }, tag)),
    ];
    if (subject.kind !== "box") {
      parts.push(...(subject.kind === "more" ? [make("p", { class: "quiet" }, words.say("aggregate"))] : []));
    }
    return parts;
  }

  /** What is beside the subject, and where one goes on. */
  #around(subject: Subject, title: string, scene: Scene): HTMLElement[] {
    return [
      ...(subject.kind === "box" ? [] : [this.#ends(subject, scene)]),
      ...this.#neighbours("callers", subject, scene),
      ...this.#neighbours("callees", subject, scene),
      this.#links(subject, title, scene),
    ];
  }

  #kind(subject: Subject, scene: Scene): string {
    if (subject.kind !== "box") {
      return this.#words.say("call");
    }
    const unit = scene.units.find((each) => each.id === subject.id);
    return this.#words.say(unit ? (unit.kind === "unknown" ? "external" : unit.kind) : "node");
  }

  #marks({ kind, row }: Subject): string[] {
    const tags = [row.declared === 0 ? "undeclared" : "", row.used === 0 ? "unused" : ""];
    return kind === "edge" ? tags.filter((tag) => tag !== "").map((tag) => this.#words.say(tag)) : [];
  }

  #why(subject: Subject): HTMLElement[] {
    const why = this.#words.why(subject.row);
    const items = why.map(({ text, cause }) =>
      make("li", {}, make("span", { dir: "auto" }, text), ...this.#knob(cause, subject)),
    );
    return items.length > 0 ? [make("ul", { class: "causes", "aria-label": this.#words.say("why") }, ...items)] : [];
  }

  #numbers({ row, kind }: Subject): HTMLElement {
    const words = this.#words;
    const numbers: [string, string][] = [
      ["rate", words.rate(row.rate)],
      ["errors", words.ratio(row.errors)],
      ["p50", words.latency(row.p50)],
      ["p95", words.latency(row.p95)],
      ["p99", words.latency(row.p99)],
    ];
    if (row.share !== null) {
      numbers.push(["share", words.ratio(row.share)]);
    }
    if (row.weight !== null) {
      numbers.push(["weight", words.share(row.weight)]);
    }
    if (row.maxConnections > 0 || row.connections > 0) {
      numbers.push(["pool", words.use(row.connections, row.maxConnections)]);
    }
    if (kind === "box" && row.proxies > 0) {
      numbers.push(["proxies", String(row.proxies)]);
    }
    const shown = kind === "more" ? numbers.filter(([name]) => ["rate", "errors", "p95"].includes(name)) : numbers;
    const items = shown.map(([name, value]) => make("div", {}, make("dt", {}, words.say(name)), make("dd", {}, value)));
    return make("dl", { class: "wg-numbers" }, ...items);
  }

  /** The links to what governs a cause and to the limit that it is beyond, where pages are about them. */
  #knob(cause: Cause | undefined, subject: Subject): Node[] {
    return knobs(cause, subject).flatMap(({ name, values }) => {
      const href = this.#words.href(`knob-${name}`, values);
      const label = this.#words.say(`knob-${name}`) || this.#words.say("knob-limits");
      return href && label ? [document.createTextNode(" "), make("a", { class: "knob", href }, label)] : [];
    });
  }

  /** The boxes at a call's ends, as steps to them. */
  #ends({ ends }: Subject, scene: Scene): HTMLElement {
    const steps = ends.map((id, i) => {
      const unit = scene.unitOf.get(id) ?? id;
      const step = make(
        "button",
        { type: "button", class: "wg-row" },
        make("span", { dir: "auto" }, this.#name(id, scene)),
      );
      step.prepend(make("span", { class: "quiet" }, this.#words.say(i === 0 ? "caller" : "callee")));
      step.addEventListener("click", () => this.#actions.select(unit));
      step.disabled = unit.startsWith("more/");
      return make("li", {}, step);
    });
    return make("ul", { class: "wg-ends" }, ...steps);
  }

  /** The units on one side as steps to the call between, or where there are several to the unit. */
  #neighbours(side: Side, subject: Subject, scene: Scene): HTMLElement[] {
    const items = neighbours(side, subject, scene).map(({ id, traffic, health, edge }) => {
      const unit = scene.units.find((each) => each.id === id);
      const name = make("span", { dir: "auto" }, unit ? this.#words.name(unit, side) : id);
      const numbers = make("span", {}, this.#words.label({ ...traffic, health }) || this.#words.say(health));
      const step = make("button", { type: "button", class: "wg-row", "data-health": health }, name, numbers);
      step.addEventListener("click", () => this.#actions.select(edge ?? id));
      return make("li", {}, step);
    });
    return items.length > 0 ? [make("h3", {}, this.#words.say(side)), make("ul", {}, ...items)] : [];
  }

  #links({ kind, service, id }: Subject, title: string, scene: Scene): HTMLElement {
    const links: HTMLElement[] = [];
    const open = service && this.#words.href("service", { service });
    if (open) {
      links.push(make("a", { href: open }, this.#words.say("open", { name: service ?? "" })));
    }
    if (kind === "box") {
      links.push(make("a", { href: this.#actions.focusHref(id) }, this.#words.say("focus", { name: title })));
      const hide = make("button", { type: "button", class: "wg-link" }, this.#words.say("hide", { name: title }));
      hide.addEventListener("click", () => this.#actions.hide(scene.unitOf.get(id) ?? id));
      links.push(hide);
    }
    return make("p", { class: "wg-links" }, ...links);
  }
}

/** Puts blocks in place of others; of the same subject those that say the same stay, so that no click on them is lost. */
function renew(into: HTMLElement, blocks: readonly HTMLElement[], fresh: boolean): void {
  const there = [...into.children];
  const same = (a: Element | undefined, b: Element): boolean =>
    !fresh &&
    a !== undefined &&
    a.textContent === b.textContent &&
    a.className === b.className &&
    a.localName === b.localName;
  blocks.forEach((block, i) => {
    if (!same(there[i], block)) {
      there[i]?.replaceWith(block);
      if (!there[i]) {
        into.append(block);
      }
    }
  });
  for (const old of there.slice(blocks.length)) {
    old.remove();
  }
}
