// What plots are drawn with: a chunk of its own, which weir-plot fetches when one is seen.

import { make } from "./dom";
import { type Column, merge, type Numbers, nothingSeen, type Range, table } from "./plot-data";
import { ask, keyOf, type Mark, now, Refusal, type Subject } from "./plot-feed";
import { Figure } from "./plot-figure";
import { address, chosenIn, drag, resolve, type Time } from "./plot-range";
import { text, write } from "./texts";

declare global {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of the browser.
  interface DocumentEventMap {
    "weir-crosshair": CustomEvent<number | null>; // a detail that is not given is null
    "weir-range": CustomEvent<Range | null>;
  }
}

/** Goes on with the figures of an element until the answer is called. */
export function start(element: HTMLElement): () => void {
  const plots = new Plots(element);
  return () => plots.stop();
}

/** The figures of one element: one time, one or several subjects. */
class Plots {
  readonly #element: HTMLElement;
  readonly #figures: readonly Figure[];
  readonly #end = new AbortController();
  readonly #reset = make("button", { type: "button", class: "small plot-reset", hidden: true });
  readonly #subjects = new Map<string, Subject>();
  #numbers = new Map<string, Numbers>();
  #marks = new Map<string, Mark & { href: string }>();
  #time: Time;
  #turn = 0;
  #timer = 0;
  #newest = 0;

  constructor(element: HTMLElement) {
    this.#element = element;
    const moment = (name: string): number => Date.parse(element.getAttribute(name) ?? "") || 0;
    this.#time = {
      span: element.getAttribute("span") ?? "",
      at: moment("at") || undefined,
      live: element.hasAttribute("live"),
      drawn: { from: moment("start"), to: moment("end") },
      chosen: chosenIn(location.href),
    };
    const said = {
      cross: (at: number | undefined) => document.dispatchEvent(new CustomEvent("weir-crosshair", { detail: at })),
      zoom: (from: number, to: number) => this.#zoom(drag(from, to)),
      reset: () => this.#zoom(undefined),
      scale: (factor: number, around: number | undefined) => this.#scale(factor, around),
    };
    this.#figures = [...element.querySelectorAll<HTMLElement>("[data-figure]")].map(
      (f) => new Figure(f, element, said),
    );
    for (const line of this.#figures.flatMap(({ legend }) => legend)) {
      const subject = this.#subjectOf(line);
      this.#subjects.set(keyOf(subject), subject);
    }
    this.#listen();
    this.#readMarks();
    void this.#load();
  }

  stop(): void {
    this.#end.abort();
    window.clearTimeout(this.#timer);
    this.#reset.remove();
    for (const figure of this.#figures) {
      figure.stop();
    }
  }

  #listen(): void {
    const { signal } = this.#end;
    document.addEventListener("weir-crosshair", ({ detail }) => this.#cross(detail ?? undefined), { signal });
    document.addEventListener("weir-range", ({ detail }) => this.#choose(detail ?? undefined), { signal });
    document.addEventListener(
      "weir-moment",
      ({ detail }) => {
        const at = detail.at === undefined ? undefined : Date.parse(detail.at);
        this.#go({ ...this.#time, at, span: new URL(location.href).searchParams.get("span") ?? this.#time.span });
      },
      { signal },
    );
    const recolour = (): void => {
      for (const figure of this.#figures) {
        figure.recolour();
      }
    };
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", recolour, { signal });
    }
    document.addEventListener("visibilitychange", () => document.hidden || void this.#load(), { signal });
    this.#reset.addEventListener("click", () => this.#zoom(undefined), { signal });
    write(this.#reset, text(this.#element, "reset"));
    this.#element.prepend(this.#reset);
    this.#reset.hidden = this.#time.chosen === undefined;
  }

  /** What a line is about: what it says itself, or else what the element says. */
  #subjectOf(line: HTMLElement): Subject {
    const own = line.dataset.node || line.dataset.destination;
    const say = (name: "source" | "destination" | "node"): string =>
      (own ? line.dataset[name] : this.#element.getAttribute(name)) ?? "";
    const mesh = this.#element.getAttribute("mesh") ?? "";
    return { mesh, source: say("source"), destination: say("destination"), node: say("node") };
  }

  /** The marks that the server named, in the page's language. */
  #readMarks(): void {
    for (const item of this.#element.querySelectorAll<HTMLElement>("[data-mark]")) {
      const link = item.querySelector("a");
      const at = Date.parse(item.dataset.mark ?? "");
      if (link && !Number.isNaN(at)) {
        const id = decodeURIComponent(link.pathname.split("/").at(-1) ?? "");
        const words = link.querySelector(".clip")?.textContent ?? "";
        this.#marks.set(id, {
          id,
          at,
          text: words,
          kind: item.dataset.kind ?? "",
          href: link.getAttribute("href") ?? "",
        });
      }
    }
  }

  #cross(at: number | undefined): void {
    for (const figure of this.#figures) {
      figure.cross(at);
    }
  }

  /** Shows a stretch of time on every plot of the page, and says so in the address. */
  #zoom(chosen: Range | undefined): void {
    history.replaceState(history.state, "", address(location.href, chosen));
    document.dispatchEvent(new CustomEvent("weir-range", { detail: chosen }));
  }

  #scale(factor: number, around: number | undefined): void {
    const { range } = resolve(this.#time, now());
    const middle = around ?? (range.from + range.to) / 2;
    const half = ((range.to - range.from) * factor) / 2;
    this.#zoom(drag(middle - half, Math.min(middle + half, now())));
  }

  #choose(chosen: Range | undefined): void {
    this.#reset.hidden = chosen === undefined;
    this.#go({ ...this.#time, chosen });
  }

  #go(time: Time): void {
    this.#time = time;
    this.#numbers = new Map();
    void this.#load();
  }

  /** Asks for what is not known yet of the range to show, draws, and comes back when there is more. */
  async #load(): Promise<void> {
    const turn = ++this.#turn;
    window.clearTimeout(this.#timer);
    if (this.#end.signal.aborted || document.hidden || this.#subjects.size === 0) {
      return; // what has no line to draw goes on saying why
    }
    const { range, step, moves } = resolve(this.#time, now());
    try {
      const pieces = await Promise.all(
        [...this.#subjects].map(async ([key, subject]) => {
          const known = this.#numbers.get(key) ?? nothingSeen;
          // The newest moments are asked for again: what they tell is not all there at once.
          const from = Math.max(range.from, (known.at.at(-1) ?? 0) - 2 * step);
          const start = (known.at[0] ?? Number.POSITIVE_INFINITY) > range.from + step ? range.from : from;
          const piece = await ask(subject, { from: Math.min(start, range.to - step), to: range.to }, step);
          return { key, numbers: merge(known, piece.numbers, range), marks: piece.marks };
        }),
      );
      if (turn === this.#turn && !this.#end.signal.aborted) {
        for (const { key, numbers, marks } of pieces) {
          this.#numbers.set(key, numbers);
          this.#note(marks);
        }
        this.#newest = now();
        this.#draw(range, step);
        this.#say("");
        this.#element.toggleAttribute("data-stale", false);
      }
    } catch (error) {
      if (turn === this.#turn) {
        const reason = error instanceof Refusal ? error.message : text(this.#element, "no-answer");
        this.#say(text(this.#element, "failed", { reason }));
        this.#element.toggleAttribute("data-stale", now() - this.#newest > 3 * step);
      }
    }
    if (turn === this.#turn && moves && !this.#end.signal.aborted) {
      const due = step - (now() % step) + 400;
      this.#timer = window.setTimeout(() => void this.#load(), Math.max(due, 500));
    }
  }

  /** Marks that are new; those that the server named keep its words. */
  #note(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (!this.#marks.has(mark.id)) {
        const mesh = this.#element.getAttribute("mesh") ?? "";
        const query = document.querySelector("[data-testid=mesh-picker] a") ? `?mesh=${encodeURIComponent(mesh)}` : "";
        this.#marks.set(mark.id, { ...mark, href: `/history/${encodeURIComponent(mark.id)}${query}` });
      }
    }
  }

  #draw(range: Range, step: number): void {
    const marks = [...this.#marks.values()];
    for (const figure of this.#figures) {
      const wanted = figure.legend.map((line) => ({
        subject: keyOf(this.#subjectOf(line)),
        column: (line.dataset.column ?? "requestRate") as Column | "share",
      }));
      figure.show({ ...table(this.#numbers, wanted, step), range, marks });
    }
    this.#element.querySelector("[data-plot-waiting]")?.remove();
    const empty = [...this.#numbers.values()].every(({ at }) => at.length === 0);
    this.#element.toggleAttribute("data-empty", empty);
  }

  #say(words: string): void {
    const problem = this.#element.querySelector<HTMLElement>("[data-plot-problem]");
    if (problem) {
      write(problem, words);
      problem.hidden = words === "";
    }
  }
}
