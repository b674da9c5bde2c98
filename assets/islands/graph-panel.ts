// The side panel of the topology: the numbers of what is selected, why it has its verdict, and where to change it.

import { healthMark, make } from "./dom";
import type { Box, Cause, Picture, Row } from "./frames";
import type { Words } from "./graph-words";
import { knobs } from "./knobs";
import { edgeKey, type Line, type Scene, sum, worst } from "./scene";
import { write } from "./texts";

/** What the panel asks for. */
export type PanelActions = {
  readonly close: () => void;
  readonly select: (id: string) => void;
  /** The address of the topology around a box. */
  readonly focusHref: (id: string) => string;
};

type Subject = {
  readonly title: string;
  readonly row: Row;
  /** A virtual service and a virtual node that pages are about. */
  readonly service: string | undefined;
  readonly node: string | undefined;
  readonly focus: string | undefined;
  readonly edge: boolean;
  readonly lines: { readonly in: readonly Line[]; readonly out: readonly Line[] };
};

/** Shows one selection at a time. */
export class Panel {
  readonly element: HTMLElement;
  readonly #words: Words;
  readonly #actions: PanelActions;
  #shown = "";

  constructor(words: Words, actions: PanelActions) {
    this.#words = words;
    this.#actions = actions;
    this.element = make("aside", { class: "wg-panel", hidden: true, "data-testid": "panel" });
  }

  /** How much of the picture's right side the panel covers, in pixels; on narrow screens it stands below. */
  get covers(): number {
    return getComputedStyle(this.element).position === "absolute" ? this.element.offsetWidth : 0;
  }

  /** Shows a box, a service or an edge by its id or key; hides when there is no such thing. */
  show(selected: string | undefined, picture: Picture, scene: Scene): void {
    const subject = selected === undefined ? undefined : this.#subject(selected, picture, scene);
    this.element.hidden = subject === undefined;
    if (!subject) {
      this.#shown = "";
      return;
    }
    const content = this.#content(subject, scene);
    const key = content.map((node) => node.textContent).join("\n");
    if (key === this.#shown) {
      return;
    }
    // Buttons are made anew with the numbers, so the focus moves to the one in the same place.
    const focusable = (): HTMLElement[] => [...this.element.querySelectorAll<HTMLElement>("button, a")];
    const at = focusable().indexOf(document.activeElement as HTMLElement);
    this.#shown = key;
    this.element.replaceChildren(...content);
    this.element.setAttribute("aria-label", subject.title);
    if (at >= 0) {
      focusable()[at]?.focus();
    }
  }

  #subject(selected: string, picture: Picture, scene: Scene): Subject | undefined {
    const line = scene.lines.find((l) => l.key === selected);
    if (line) {
      return this.#edgeSubject(line, picture, scene);
    }
    const unit = scene.units.find((u) => u.id === selected);
    const box = [...picture.boxes.values()].find((b) => b.id === selected);
    const members = unit?.members.map((b) => b.id) ?? [selected];
    const lines = {
      in: scene.lines.filter((l) => members.includes(l.to) && !members.includes(l.from)),
      out: scene.lines.filter((l) => members.includes(l.from) && !members.includes(l.to)),
    };
    const common = { edge: false, lines, focus: selected };
    if (unit && unit.members.length !== 1) {
      const row = box?.row ?? unit.members[0]?.row;
      return (
        row && {
          ...common,
          title: this.#words.name(unit),
          row: { ...row, ...unit.traffic },
          service: unit.name,
          node: undefined,
        }
      );
    }
    const only = box?.kind === "service" ? unit?.members[0] : (box ?? unit?.members[0]);
    return (
      only && {
        ...common,
        title: unit ? this.#words.name(unit) : only.name,
        row: only.row,
        service: only.service ?? (only.kind === "service" ? only.name : undefined),
        node: only.kind === "node" ? only.name : undefined,
      }
    );
  }

  #edgeSubject(line: Line, picture: Picture, scene: Scene): Subject {
    const boxes = [...picture.boxes.values()];
    const named = (id: string): Box | undefined => boxes.find((box) => box.id === id);
    const [from, to] = [named(line.from), named(line.to)];
    const title = (id: string, box: Box | undefined): string => {
      const unit = scene.units.find((u) => u.id === id);
      return unit ? this.#words.name(unit) : (box?.name ?? id);
    };
    const edge = [...picture.edges.values()].find((e) => edgeKey(e) === line.key);
    return {
      title: `${title(line.from, from)} → ${title(line.to, to)}`,
      row: line.row,
      service: to?.service ?? edge?.services[0],
      node: to?.kind === "node" ? to.name : undefined,
      focus: undefined,
      edge: true,
      lines: { in: [], out: [] },
    };
  }

  #content(subject: Subject, scene: Scene): HTMLElement[] {
    const words = this.#words;
    const close = make("button", { type: "button", class: "wg-close", "aria-label": words.say("close") }, "×");
    close.addEventListener("click", () => this.#actions.close());
    const health = make(
      "p",
      { class: "health", "data-health": subject.row.health },
      healthMark(subject.row.health),
      make("span"),
    );
    write(health.lastElementChild as Element, words.say(subject.row.health));
    const parts = [close, make("h2", { dir: "auto" }, subject.title), health, this.#numbers(subject)];
    const marks = [
      subject.edge && subject.row.declared === 0 ? words.say("undeclared") : "",
      subject.edge && subject.row.used === 0 ? words.say("unused") : "",
    ].filter((mark) => mark !== "");
    parts.push(...marks.map((mark) => make("p", { class: "tag" }, mark)));
    const why = words.why(subject.row);
    if (why.length > 0) {
      const items = why.map(({ text, cause }) => make("li", { dir: "auto" }, text, ...this.#knob(cause, subject)));
      parts.push(make("h3", {}, words.say("why")), make("ul", { class: "causes" }, ...items));
    }
    parts.push(
      ...this.#neighbours("callers", subject.lines.in, scene),
      ...this.#neighbours("callees", subject.lines.out, scene),
    );
    parts.push(this.#links(subject));
    return parts;
  }

  #numbers({ row, edge }: Subject): HTMLElement {
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
    if (!edge && row.proxies > 0) {
      numbers.push(["proxies", String(row.proxies)]);
    }
    const items = numbers.flatMap(([name, value]) => [make("dt", {}, words.say(name)), make("dd", {}, value)]);
    return make("dl", {}, ...items);
  }

  /** The links to what governs a cause and to the limit that it is beyond, where pages are about them. */
  #knob(cause: Cause | undefined, subject: Subject): Node[] {
    return knobs(cause, subject).flatMap(({ name, values }) => {
      const href = this.#words.href(`knob-${name}`, values);
      const label = this.#words.say(`knob-${name}`) || this.#words.say("knob-limits");
      return href && label ? [document.createTextNode(" "), make("a", { class: "knob", href }, label)] : [];
    });
  }

  /** The units on one side, the busiest first, as steps to them. */
  #neighbours(side: "callers" | "callees", lines: readonly Line[], scene: Scene): HTMLElement[] {
    const rows = new Map<string, Row[]>();
    for (const line of lines) {
      const id = side === "callers" ? line.from : line.to;
      const unit = scene.unitOf.get(id) ?? id;
      rows.set(unit, [...(rows.get(unit) ?? []), line.row]);
    }
    const items = [...rows]
      .map(([id, of]) => ({ id, traffic: sum(of), health: worst(of.map((row) => row.health)) }))
      .sort((a, b) => b.traffic.rate - a.traffic.rate || (a.id < b.id ? -1 : 1))
      .map(({ id, traffic, health }) => {
        const unit = scene.units.find((u) => u.id === id);
        const name = unit ? this.#words.name(unit, side) : id;
        const numbers = this.#words.label({ ...traffic, health }) || this.#words.say(health);
        const step = make(
          "button",
          { type: "button", class: "wg-row" },
          make("span", { dir: "auto" }, name),
          make("span", {}, numbers),
        );
        step.addEventListener("click", () => this.#actions.select(id));
        return make("li", {}, step);
      });
    return items.length > 0 ? [make("h3", {}, this.#words.say(side)), make("ul", {}, ...items)] : [];
  }

  #links({ service, focus, title }: Subject): HTMLElement {
    const links: HTMLElement[] = [];
    const open = service && this.#words.href("service", { service });
    if (open) {
      links.push(make("a", { href: open }, this.#words.say("open", { name: service ?? "" })));
    }
    if (focus) {
      links.push(make("a", { href: this.#actions.focusHref(focus) }, this.#words.say("focus", { name: title })));
    }
    return make("p", { class: "wg-links" }, ...links);
  }
}
