// One figure, drawn by uPlot in the place of the server's drawing: the same axes, colours, dashes and signs.

import uPlot from "uplot";
import { make, set } from "./dom";
import { latency, number, rate, ratio, type Units } from "./format";
import { clock, extent, label, levels, nearest, type Range, ticks, type Unit } from "./plot-data";
import type { Mark } from "./plot-feed";
import { step } from "./plot-keys";
import { tableRows } from "./plot-table";
import { text, write } from "./texts";

/** What a figure shows. */
export type Shown = {
  readonly at: readonly number[];
  readonly lines: readonly (readonly (number | null)[])[];
  readonly range: Range;
  readonly marks: readonly (Mark & { readonly href: string })[];
};

/** What a figure tells the plots around it. */
export type Said = {
  /** The moment that the crosshair is at; undefined when it is at none. */
  readonly cross: (at: number | undefined) => void;
  /** Somebody dragged over a stretch of time. */
  readonly zoom: (from: number, to: number) => void;
  /** Somebody wants to see everything again. */
  readonly reset: () => void;
  /** Somebody wants to see nearer, or wider, around a moment. */
  readonly scale: (factor: number, around: number | undefined) => void;
};

const HEIGHT = 154;
const AXIS = 52;
const TIME = 22;

/** A figure that goes on. */
export class Figure {
  readonly #root: HTMLElement;
  readonly #owner: Element;
  readonly #said: Said;
  readonly #body: HTMLElement;
  readonly #legend: readonly HTMLElement[];
  readonly #unit: Unit;
  readonly #units: Units;
  readonly #resized: ResizeObserver;
  #plot: uPlot | undefined;
  #heads = make("div", { class: "plot-heads" });
  #shown: Shown = { at: [], lines: [], range: { from: 0, to: 1 }, marks: [] };
  #levels: readonly number[] = [0, 1];
  #cross: number | undefined;

  constructor(root: HTMLElement, owner: Element, said: Said) {
    this.#root = root;
    this.#owner = owner;
    this.#said = said;
    this.#body = root.querySelector<HTMLElement>("[data-plot-body]") ?? root;
    this.#legend = [...root.querySelectorAll<HTMLElement>("[data-line]")];
    this.#unit = (root.dataset.unit ?? "count") as Unit;
    const unit = (name: string): string => text(owner, name);
    this.#units = { perSecond: unit("rate"), percent: unit("percent"), ms: unit("ms"), s: unit("s") };
    this.#resized = new ResizeObserver(() => this.#fit());
    this.#resized.observe(this.#body);
    root.querySelector("[data-plot-table]")?.addEventListener("toggle", () => this.#rows());
    this.#body.addEventListener("keydown", (event) => this.#key(event));
    this.#body.addEventListener("blur", () => this.#said.cross(undefined));
  }

  /** The lines' elements, which say what each is about. */
  get legend(): readonly HTMLElement[] {
    return this.#legend;
  }

  stop(): void {
    this.#resized.disconnect();
    this.#plot?.destroy();
    this.#heads.remove();
    this.#body.removeAttribute("data-drawn");
  }

  /** Draws. */
  show(shown: Shown): void {
    this.#shown = shown;
    const goals = this.#legend.map((line) => Number(line.dataset.goal ?? 0));
    const most = Math.max(0, ...goals, ...shown.lines.map((line) => extent(line).high ?? 0));
    this.#levels = levels(most, this.#unit);
    const data = [shown.at.map((at) => at / 1000), ...shown.lines.map((line) => [...line])] as uPlot.AlignedData;
    if (this.#plot) {
      this.#plot.setData(data, true);
    } else {
      this.#plot = new uPlot(this.#options(), data, this.#body);
      this.#body.after(this.#heads); // what is a slider holds no links
      this.#begin();
    }
    this.#placeHeads();
    this.cross(this.#cross);
    this.#rows();
  }

  /** Draws again with the colours of now. */
  recolour(): void {
    this.#plot?.redraw(false);
  }

  /** Moves the crosshair to a moment, and says what was then. */
  cross(at: number | undefined): void {
    this.#cross = at;
    const index = at === undefined ? undefined : nearest(this.#shown.at, at);
    const moment = index === undefined ? undefined : this.#shown.at[index];
    const plot = this.#plot;
    if (plot) {
      const left = moment === undefined ? -10 : plot.valToPos(moment / 1000, "x");
      plot.setCursor({ left, top: moment === undefined ? -10 : 20 }, false);
    }
    const when =
      moment === undefined ? "" : text(this.#owner, "clock", { clock: new Date(moment).toISOString().slice(11, 19) });
    const values = this.#legend.map((line, i) => this.#read(line, i, index));
    const head = this.#root.querySelector("[data-plot-moment]");
    if (head) {
      write(head, when);
    }
    if (this.#body.hasAttribute("data-drawn")) {
      const last = this.#shown.at.length - 1;
      set(this.#body, "aria-valuenow", String(index ?? last));
      set(this.#body, "aria-valuemax", String(Math.max(last, 0)));
      const now = this.#shown.at[last];
      const said = when || (now === undefined ? "" : new Date(now).toISOString().slice(11, 19));
      set(this.#body, "aria-valuetext", text(this.#owner, "reading", { moment: said, values: values.join(", ") }));
    }
  }

  /** Writes a line's number of a moment, or its newest and its ends. */
  #read(line: HTMLElement, i: number, index: number | undefined): string {
    const values = this.#shown.lines[i] ?? [];
    const { now, low, high } = extent(values);
    const value = index === undefined ? now : (values[index] ?? undefined);
    const words = this.#value(value);
    const [cell, range] = [line.querySelector("[data-plot-now]"), line.querySelector("[data-plot-range]")];
    if (cell) {
      write(cell, words);
    }
    if (range) {
      const ends = { low: this.#value(low), high: this.#value(high) };
      write(range, low === undefined ? "" : text(this.#owner, "range", ends));
    }
    return `${line.dataset.name ?? ""} ${words}`.trim();
  }

  #value(value: number | undefined): string {
    if (value === undefined) {
      return "–";
    }
    switch (this.#unit) {
      case "rate":
        return rate(value, this.#units);
      case "ratio":
        return ratio(value, this.#units);
      case "time":
        return latency(value, this.#units);
      case "count":
        return number(value);
    }
  }

  /** Makes the drawing something that the keyboard moves in. */
  #begin(): void {
    const body = this.#body;
    body.setAttribute("data-drawn", "");
    body.tabIndex = 0;
    body.setAttribute("role", "slider");
    body.setAttribute("aria-valuemin", "0");
    body.setAttribute("aria-label", text(this.#owner, "crosshair", { title: this.#root.dataset.title ?? "" }));
  }

  #colour(selector: string, name: "stroke" | "color", otherwise = "gray"): string {
    const probe = this.#root.querySelector(selector);
    const colour = probe ? getComputedStyle(probe)[name] : "";
    return colour && colour !== "none" ? colour : otherwise;
  }

  #options(): uPlot.Options {
    const quiet = (): string => this.#colour(".plot-moment", "color");
    const grid = (): string => this.#colour(".plot-ruler", "color", quiet());
    const font = `11px ${getComputedStyle(this.#root).fontFamily}`;
    return {
      width: Math.max(this.#body.clientWidth, 120),
      height: HEIGHT,
      padding: [14, 6, 0, 0],
      legend: { show: false },
      ms: 1e-3,
      focus: { alpha: 0.35 },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 5 },
        points: { size: 7, width: 2 },
      },
      scales: {
        x: { time: true, range: () => [this.#shown.range.from / 1000, this.#shown.range.to / 1000] },
        y: { range: () => [0, this.#levels.at(-1) ?? 1] },
      },
      axes: [
        {
          size: TIME,
          gap: 6,
          font,
          stroke: quiet,
          grid: { show: false },
          ticks: { show: false },
          splits: () => ticks(this.#shown.range).map((at) => at / 1000),
          values: (_, splits) => splits.map((at) => clock(at * 1000, this.#shown.range)),
        },
        {
          size: AXIS,
          gap: 7,
          font,
          stroke: quiet,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          splits: () => [...this.#levels],
          values: (_, splits) => splits.map((value) => label(value, this.#unit, this.#units, number)),
        },
      ],
      series: [{}, ...this.#legend.map((line, i) => this.#series(line, i))],
      hooks: {
        drawClear: [(plot) => this.#under(plot)],
        draw: [(plot) => this.#ends(plot)],
        setSelect: [(plot) => this.#dragged(plot)],
        setSize: [() => this.#placeHeads()],
        ready: [(plot) => this.#listen(plot)],
      },
    };
  }

  #series(line: HTMLElement, i: number): uPlot.Series {
    const dash = (line.dataset.dash ?? "").split(" ").filter(Boolean).map(Number);
    return {
      label: line.dataset.name ?? "",
      stroke: () => this.#lineColour(i),
      width: line.hasAttribute("data-quiet") ? 1.1 : 1.75,
      alpha: line.hasAttribute("data-quiet") ? 0.6 : 1,
      spanGaps: false,
      ...(dash.length > 0 ? { dash } : {}),
    };
  }

  #lineColour(i: number): string {
    const path = this.#legend[i]?.querySelector(".plot-line");
    return path ? getComputedStyle(path).stroke : "gray";
  }

  /** What lies under the lines: changes, and what is configured. */
  #under(plot: uPlot): void {
    const { ctx } = plot;
    const { top, height, left, width } = plot.bbox;
    const px = devicePixelRatio || 1;
    ctx.save();
    ctx.lineWidth = px;
    ctx.setLineDash([3 * px, 3 * px]);
    ctx.strokeStyle = this.#colour(".plot-mark-line", "stroke", this.#colour(".plot-moment", "color"));
    for (const { at } of this.#marks()) {
      const x = Math.round(plot.valToPos(at / 1000, "x", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, top - 4 * px);
      ctx.lineTo(x, top + height);
      ctx.stroke();
    }
    ctx.lineWidth = 1.5 * px;
    ctx.setLineDash([2 * px, 4 * px]);
    this.#legend.forEach((line, i) => {
      const goal = Number(line.dataset.goal ?? 0);
      if (goal > 0) {
        const y = plot.valToPos(goal, "y", true);
        ctx.strokeStyle = this.#lineColour(i);
        ctx.beginPath();
        ctx.moveTo(left, y);
        ctx.lineTo(left + width, y);
        ctx.stroke();
      }
    });
    ctx.restore();
  }

  /** The signs at the lines' ends, by which they differ without colours. */
  #ends(plot: uPlot): void {
    const { ctx } = plot;
    const px = devicePixelRatio || 1;
    this.#legend.forEach((line, i) => {
      const values = this.#shown.lines[i] ?? [];
      const last = values.reduce<number>((found, value, k) => (value === null ? found : k), -1);
      const [value, at] = [values[last], this.#shown.at[last]];
      const shape = line.querySelector(".plot-end")?.getAttribute("d");
      if (shape && value !== null && value !== undefined && at !== undefined) {
        ctx.save();
        ctx.translate(plot.valToPos(at / 1000, "x", true), plot.valToPos(value, "y", true));
        ctx.scale(px, px);
        ctx.fillStyle = this.#lineColour(i);
        ctx.fill(new Path2D(shape));
        ctx.restore();
      }
    });
  }

  #marks(): Shown["marks"] {
    const { from, to } = this.#shown.range;
    return this.#shown.marks.filter(({ at }) => at >= from && at <= to);
  }

  /** The marks' heads are links to the ledger. */
  #placeHeads(): void {
    const plot = this.#plot;
    if (!plot) {
      return;
    }
    const marks = this.#marks();
    const px = devicePixelRatio || 1;
    this.#heads.style.left = `${plot.bbox.left / px}px`;
    this.#heads.style.top = `${plot.bbox.top / px}px`;
    const kept = new Map([...this.#heads.querySelectorAll("a")].map((head) => [head.dataset.mark ?? "", head]));
    for (const mark of marks) {
      const at = new Date(mark.at).toISOString().slice(11, 19);
      const head =
        kept.get(mark.id) ?? this.#heads.appendChild(make("a", { "data-mark": mark.id, "data-kind": mark.kind }));
      kept.delete(mark.id);
      set(head, "href", mark.href);
      set(head, "title", `${at} ${mark.text}`);
      set(head, "aria-label", `${at} ${mark.text}`);
      head.style.left = `${plot.valToPos(mark.at / 1000, "x")}px`;
    }
    for (const gone of kept.values()) {
      gone.remove();
    }
  }

  #listen(plot: uPlot): void {
    const { over } = plot;
    over.addEventListener("pointermove", (event) => {
      const left = event.clientX - over.getBoundingClientRect().left;
      const index = nearest(this.#shown.at, plot.posToVal(left, "x") * 1000);
      this.#said.cross(index === undefined ? undefined : this.#shown.at[index]);
    });
    over.addEventListener("pointerleave", () => this.#said.cross(undefined));
    over.addEventListener("dblclick", () => this.#said.reset());
  }

  #dragged(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width > 0) {
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.#said.zoom(plot.posToVal(left, "x") * 1000, plot.posToVal(left + width, "x") * 1000);
    }
  }

  #fit(): void {
    const width = this.#body.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT });
    }
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.#body) {
      return;
    }
    const { at } = this.#shown;
    const to = step(event, at, this.#cross);
    if (to !== undefined) {
      this.#said.cross(at[to]);
    } else if (event.key === "+" || event.key === "-") {
      this.#said.scale(event.key === "+" ? 0.5 : 2, this.#cross);
    } else if (event.key === "Escape" && this.#cross !== undefined) {
      this.#said.cross(undefined);
    } else if (event.key === "Escape") {
      this.#said.reset();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** The table, while somebody reads it. */
  #rows(): void {
    const table = this.#root.querySelector<HTMLDetailsElement>("[data-plot-table]");
    const rows = table?.querySelector("[data-plot-rows]");
    if (!table?.open || !rows) {
      return;
    }
    rows.replaceChildren(...tableRows(this.#shown.at, this.#shown.lines, (value) => this.#value(value)));
  }
}
