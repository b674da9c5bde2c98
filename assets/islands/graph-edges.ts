// How edges and their labels are drawn on the canvas.

import { type Path, type Rect, type Ways, widthOf } from "./geometry";
import type { Paper } from "./graph-sheet";
import type { Theme } from "./graph-theme";
import type { Ink } from "./ink";
import { type Label, placeLabels, type Spot } from "./labels";
import type { Point } from "./layout";
import { type Line, severity } from "./scene";
import type { Detail } from "./viewport";

/** What is drawn. */
export type Drawing = {
  /** The lines of the region, the healthy first. */
  readonly lines: readonly Line[];
  readonly ways: Ways;
  /** The largest rate of all lines, also of those that are not drawn. */
  readonly largest: number;
  /** What labels must not cover. */
  readonly obstacles: readonly Rect[];
  readonly label: (line: Line) => string;
  /** Lines that stand back because something else is selected, or because they are far from the focus. */
  readonly dim: (line: Line) => boolean;
  readonly chosen: string | undefined;
  readonly detail: Detail;
  /** Pixels of the page for one of the picture. */
  readonly k: number;
  readonly theme: Theme;
  readonly ink: Ink;
};

/** With more lines than this only what is wrong has labels and arrows: the rest would be noise. */
const MAX_DETAILED = 400;

/** With more lines than this labels keep clear of boxes and of one another only. */
const MAX_CAREFUL = 200;

/** At most this many labels on a crowded picture, and from afar, where names of boxes say what is wrong. */
const MAX_LABELS = { near: 60, middle: 40, far: 12 };

const CHUNK = 120;

/** Whether a line stands for several edges: from A to B and from B to C does not say that anything of A reaches C. */
export const isAggregate = (line: Line & { readonly aggregate?: boolean }): boolean =>
  line.aggregate ?? [line.from, line.to].some((id) => id.startsWith("more/") || id.startsWith("group/"));

/** Draws every line with its arrow; the healthy ones of a crowded picture as a faint weave. */
export function* drawEdges(context: Paper, drawing: Drawing): Generator<void, void> {
  const crowded = drawing.lines.length > MAX_DETAILED;
  const plain = crowded ? drawing.lines.filter((line) => severity(line.row.health) === 0) : [];
  yield* weave(context, plain, drawing);
  const rest = crowded ? drawing.lines.filter((line) => severity(line.row.health) > 0) : drawing.lines;
  for (const [i, line] of rest.entries()) {
    const path = drawing.ways.get(line.key);
    if (path) {
      context.globalAlpha = drawing.dim(line) ? 0.3 : 1;
      stroke(context, line, path, drawing);
    }
    if (i % CHUNK === CHUNK - 1) {
      yield;
    }
  }
  context.globalAlpha = 1;
}

/** Many lines with one stroke for each width, without arrows. */
function* weave(context: Paper, lines: readonly Line[], drawing: Drawing): Generator<void, void> {
  const { ways, largest, theme, k } = drawing;
  const least = 0.7 / k;
  context.strokeStyle = theme.line;
  context.setLineDash([]);
  const groups = new Map<number, Line[]>();
  for (const line of lines) {
    const width = Math.round(Math.max(least, widthOf(line.row.rate, largest)) * 2) / 2;
    const group = groups.get(width) ?? [];
    group.push(line);
    groups.set(width, group);
  }
  for (const [width, group] of groups) {
    for (let i = 0; i < group.length; i += CHUNK) {
      context.globalAlpha = drawing.chosen ? 0.16 : 0.42;
      context.lineWidth = width;
      context.beginPath();
      for (const line of group.slice(i, i + CHUNK)) {
        trail(context, ways.get(line.key)?.curves ?? []);
      }
      context.stroke();
      yield;
    }
  }
  context.globalAlpha = 1;
}

function trail(context: Paper, curves: Path["curves"], tip?: Point): void {
  const [start] = curves[0] ?? [];
  if (start) {
    context.moveTo(start.x, start.y);
  }
  curves.forEach(([, b, c, d], i) => {
    const end = (i === curves.length - 1 ? tip : undefined) ?? d;
    context.bezierCurveTo(b.x, b.y, c.x, c.y, end.x, end.y);
  });
}

function stroke(context: Paper, line: Line, path: Path, drawing: Drawing): void {
  const { theme, largest, k } = drawing;
  const { row } = line;
  const bad = severity(row.health) > 0;
  const least = (bad ? 1.6 : 0.7) / Math.min(1, k);
  const width = Math.max(least, (widthOf(row.rate, largest) + (bad ? 0.75 : 0)) * theme.strength);
  const last = path.curves.at(-1);
  if (!last) {
    return;
  }
  const [, , handle, tip] = last;
  const head = Math.max(5 + width * 0.9, 4 / k);
  const back = retreat(tip, handle, head);
  const pass = (colour: string, wide: number): void => {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    trail(context, path.curves, back);
    context.stroke();
  };
  context.lineCap = "butt";
  context.setLineDash([]);
  const alpha = context.globalAlpha;
  if (line.key === drawing.chosen) {
    context.globalAlpha = alpha * 0.35;
    pass(theme.accent, width + 7);
    context.globalAlpha = alpha;
  } else if (bad) {
    // A rim in the colour of the ground keeps what is wrong apart from what it crosses.
    pass(theme.surface, width + 3);
  }
  context.setLineDash(dashes(line));
  pass(theme.health[row.health], width);
  context.setLineDash([]);
  context.fillStyle = theme.health[row.health];
  arrow(context, tip, back, head);
}

/** Several edges together are dashed, declared but unused ones thinly; used but undeclared ones are dotted. */
function dashes(line: Line): number[] {
  const { row } = line;
  if (isAggregate(line)) {
    return [10, 4];
  }
  if (row.declared === 0 && row.rate > 0) {
    return [2, 4];
  }
  return row.used === 0 && row.rate === 0 ? [5, 6] : [];
}

/** The point before a tip where its arrow begins. */
function retreat(tip: Point, from: Point, by: number): Point {
  const length = Math.hypot(tip.x - from.x, tip.y - from.y) || 1;
  return { x: tip.x - ((tip.x - from.x) / length) * by, y: tip.y - ((tip.y - from.y) / length) * by };
}

function arrow(context: Paper, tip: Point, back: Point, size: number): void {
  const [dx, dy] = [(tip.x - back.x) / size, (tip.y - back.y) / size];
  const half = size * 0.52;
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  context.lineTo(back.x - dy * half, back.y + dx * half);
  context.lineTo(back.x + dy * half, back.y - dx * half);
  context.closePath();
  context.fill();
}

/** A label and its words. */
export type Placed = { readonly line: Line; readonly spot: Spot; readonly text: string };

const sizeAt = (k: number): number => Math.max(11, 9.5 / k);

const fontOf = (line: Line, { theme, k }: Drawing): string =>
  `${severity(line.row.health) > 0 ? 600 : 400} ${sizeAt(k)}px ${theme.font}`;

/** Finds room for the labels; before is where they stood. */
export function arrange(drawing: Drawing, before: ReadonlyMap<string, Spot>): Map<string, Placed> {
  const { lines, ways, obstacles, k, ink } = drawing;
  const crowded = drawing.detail !== "near" || lines.length > MAX_DETAILED;
  const must = (line: Line): boolean => line.row.health === "unhealthy" || line.key === drawing.chosen;
  const wanted = lines.filter(
    (line) => must(line) || !(crowded || (drawing.dim(line) && severity(line.row.health) === 0)),
  );
  const rank = (line: Line): number => severity(line.row.health) * 1e9 + line.row.rate;
  const chosen = crowded ? wanted.sort((a, b) => rank(b) - rank(a)).slice(0, MAX_LABELS[drawing.detail]) : wanted;
  const found = new Map<string, { line: Line; text: string }>();
  const labels = chosen.flatMap((line): Label[] => {
    const text = drawing.label(line);
    if (text === "") {
      return [];
    }
    found.set(line.key, { line, text });
    // Widths go in steps, so that labels do not look for other places with every digit.
    const width = Math.ceil((ink.width(fontOf(line, drawing), text) + sizeAt(k)) / 6) * 6;
    return [{ key: line.key, width, height: sizeAt(k) * 1.45, must: must(line), rank: rank(line) }];
  });
  const careful = lines.length <= MAX_CAREFUL ? lines.map((line) => line.key) : [];
  const spots = placeLabels(labels, { ways, obstacles, lines: careful, before });
  return new Map(
    [...spots].flatMap(([key, spot]) => {
      const of = found.get(key);
      return of ? [[key, { ...of, spot }] as const] : [];
    }),
  );
}

/** Draws the labels, what is wrong last and with a rim. */
export function drawLabels(context: Paper, placed: Iterable<Placed>, drawing: Drawing): void {
  const { theme, k } = drawing;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.setLineDash([]);
  for (const { line, spot, text } of [...placed].sort(
    (a, b) => severity(a.line.row.health) - severity(b.line.row.health),
  )) {
    const bad = severity(line.row.health) > 0;
    const colour = bad ? theme.health[line.row.health] : theme.quiet;
    context.globalAlpha = drawing.dim(line) ? 0.45 : 1;
    if (spot.leader) {
      lead(context, spot, spot.leader, colour, k);
    }
    context.beginPath();
    context.roundRect(spot.x, spot.y, spot.width, spot.height, spot.height * 0.32);
    context.fillStyle = theme.surface;
    context.fill();
    if (bad) {
      context.strokeStyle = colour;
      context.lineWidth = 1 / Math.min(1, k);
      context.stroke();
    }
    context.font = fontOf(line, drawing);
    context.fillStyle = colour;
    context.fillText(text, spot.x + spot.width / 2, spot.y + spot.height / 2 + sizeAt(k) * 0.05);
  }
  context.globalAlpha = 1;
}

/** A thin line from a label to the point of its edge. */
function lead(context: Paper, spot: Rect, to: Point, colour: string, k: number): void {
  const y = to.y > spot.y ? spot.y + spot.height : spot.y;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 1 / Math.min(1, k);
  context.beginPath();
  context.moveTo(to.x, y);
  context.lineTo(to.x, to.y);
  context.stroke();
  context.beginPath();
  context.arc(to.x, to.y, 2.2 / Math.min(1, k), 0, Math.PI * 2);
  context.fill();
}
