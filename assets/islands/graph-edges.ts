// The canvas of edges: drawn anew with every tick of data and never while panning, when the compositor moves it.

import { bounds, type Label, type Path, placeLabels, type Rect, widthOf } from "./geometry";
import type { Theme } from "./graph-theme";
import type { Point } from "./layout";
import { type Line, severity } from "./scene";

/** What is drawn. */
export type Drawing = {
  readonly lines: readonly Line[];
  readonly paths: ReadonlyMap<string, Path>;
  /** What labels must not cover. */
  readonly obstacles: readonly Rect[];
  readonly area: Rect;
  readonly label: (line: Line) => string;
  /** Lines that stand back because something else is selected, or because they are far from the focus. */
  readonly dim: (line: Line) => boolean;
  readonly chosen: string | undefined;
};

/** Canvases beyond this many pixels a side are drawn coarser. */
const MAX_PIXELS = 8192;

/** The room around the boxes for curves and labels that reach out. */
const MARGIN = 60;

/** The area that the canvases of a scene cover. */
export function areaOf(all: Iterable<Rect>): Rect {
  const { x, y, width, height } = bounds(all);
  return { x: x - MARGIN, y: y - MARGIN, width: width + 2 * MARGIN, height: height + 2 * MARGIN };
}

/** Sizes a canvas for an area at a scale, and gives its context in the picture's coordinates, empty. */
export function prepare(canvas: HTMLCanvasElement, area: Rect, scale: number): CanvasRenderingContext2D | undefined {
  const fit = Math.min(scale, MAX_PIXELS / Math.max(area.width, area.height, 1));
  const [width, height] = [Math.max(1, Math.round(area.width * fit)), Math.max(1, Math.round(area.height * fit))];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.style.width = `${area.width}px`;
  canvas.style.height = `${area.height}px`;
  canvas.style.transform = `translate(${area.x}px, ${area.y}px)`;
  const context = canvas.getContext("2d") ?? undefined;
  context?.setTransform(1, 0, 0, 1, 0, 0);
  context?.clearRect(0, 0, width, height);
  context?.setTransform(fit, 0, 0, fit, -area.x * fit, -area.y * fit);
  return context;
}

const FONT_SIZE = 11;

/** Draws every line with its arrow, and the labels that find room; says where these stand. */
export function drawEdges(canvas: HTMLCanvasElement, drawing: Drawing, theme: Theme, scale: number): Rect[] {
  const context = prepare(canvas, drawing.area, scale);
  if (!context) {
    return [];
  }
  const largest = Math.max(0, ...drawing.lines.map((line) => line.row.rate));
  const ordered = [...drawing.lines].sort((a, b) => severity(a.row.health) - severity(b.row.health));
  for (const line of ordered) {
    const path = drawing.paths.get(line.key);
    if (path) {
      context.globalAlpha = drawing.dim(line) ? 0.3 : 1;
      stroke(context, line, path, { theme, largest, chosen: line.key === drawing.chosen });
    }
  }
  context.globalAlpha = 1;
  return drawLabels(context, drawing, theme);
}

type Look = { readonly theme: Theme; readonly largest: number; readonly chosen: boolean };

function stroke(context: CanvasRenderingContext2D, line: Line, path: Path, { theme, largest, chosen }: Look): void {
  const { row } = line;
  const width = widthOf(row.rate, largest) + (severity(row.health) > 0 ? 0.75 : 0);
  const first = path.curves[0]?.[0];
  const last = path.curves.at(-1);
  if (!first || !last) {
    return;
  }
  const [, , handle, tip] = last;
  const head = 5 + width * 0.9;
  const back = retreat(tip, handle, head);
  const trail = (): void => {
    context.beginPath();
    context.moveTo(first.x, first.y);
    path.curves.forEach(([, b, c, d], i) => {
      const end = i === path.curves.length - 1 ? back : d;
      context.bezierCurveTo(b.x, b.y, c.x, c.y, end.x, end.y);
    });
  };
  if (chosen) {
    context.strokeStyle = theme.accent;
    context.lineWidth = width + 6;
    context.setLineDash([]);
    trail();
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * 0.35;
    context.stroke();
    context.globalAlpha = alpha;
  }
  context.strokeStyle = theme.health[row.health];
  context.fillStyle = theme.health[row.health];
  context.lineWidth = width;
  context.lineCap = "butt";
  context.setLineDash(dashes(line));
  trail();
  context.stroke();
  context.setLineDash([]);
  arrow(context, tip, back, head);
}

/** Declared but unused is dashed; used but undeclared is dotted. */
function dashes({ row }: Line): number[] {
  if (row.declared === 0 && row.rate > 0) {
    return [2, 4];
  }
  return row.used === 0 && row.rate === 0 ? [7, 6] : [];
}

/** The point before a tip where its arrow begins. */
function retreat(tip: Point, from: Point, by: number): Point {
  const length = Math.hypot(tip.x - from.x, tip.y - from.y) || 1;
  return { x: tip.x - ((tip.x - from.x) / length) * by, y: tip.y - ((tip.y - from.y) / length) * by };
}

function arrow(context: CanvasRenderingContext2D, tip: Point, back: Point, size: number): void {
  const [dx, dy] = [(tip.x - back.x) / size, (tip.y - back.y) / size];
  const half = size * 0.55;
  context.beginPath();
  context.moveTo(tip.x, tip.y);
  context.lineTo(back.x - dy * half, back.y + dx * half);
  context.lineTo(back.x + dy * half, back.y - dx * half);
  context.closePath();
  context.fill();
}

function drawLabels(context: CanvasRenderingContext2D, drawing: Drawing, theme: Theme): Rect[] {
  const fontOf = (line: Line): string => `${severity(line.row.health) > 0 ? 600 : 400} ${FONT_SIZE}px ${theme.font}`;
  const words = new Map<string, string>();
  const labels = drawing.lines.flatMap((line): Label[] => {
    const text = drawing.label(line);
    if (text === "" || (drawing.dim(line) && severity(line.row.health) === 0)) {
      return [];
    }
    words.set(line.key, text);
    context.font = fontOf(line);
    const width = context.measureText(text).width + 10;
    const must = line.row.health === "unhealthy" || line.key === drawing.chosen;
    return [
      { key: line.key, width, height: FONT_SIZE + 6, must, rank: severity(line.row.health) * 1e9 + line.row.rate },
    ];
  });
  const placed = placeLabels(labels, drawing.paths, drawing.obstacles);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const line of drawing.lines) {
    const spot = placed.get(line.key);
    if (!spot) {
      continue;
    }
    context.globalAlpha = drawing.dim(line) ? 0.45 : 1;
    context.fillStyle = theme.surface;
    context.beginPath();
    context.roundRect(spot.x, spot.y, spot.width, spot.height, 5);
    context.fill();
    context.font = fontOf(line);
    context.fillStyle = severity(line.row.health) > 0 ? theme.health[line.row.health] : theme.quiet;
    context.fillText(words.get(line.key) ?? "", spot.x + spot.width / 2, spot.y + spot.height / 2 + 0.5);
  }
  context.globalAlpha = 1;
  return [...placed.values()];
}
