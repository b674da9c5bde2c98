// Boxes on the canvas, where they are too many or too small for buttons: with their names while these can be read, and
// as marks of their health from afar, of which the failing ones stay in sight and keep their names.

import type { Health } from "./frames";
import type { Rect } from "./geometry";
import type { Paper } from "./graph-sheet";
import type { Theme } from "./graph-theme";
import { type Ink, runsLeft } from "./ink";
import { severity, type Unit } from "./scene";
import { Grid } from "./spatial";
import type { Detail } from "./viewport";

/** What is drawn. */
export type Crowd = {
  readonly units: readonly Unit[];
  readonly where: ReadonlyMap<string, Rect>;
  readonly name: (unit: Unit) => string;
  readonly dim: (unit: Unit) => boolean;
  readonly chosen: string | undefined;
  readonly detail: Detail;
  /** Pixels of the page for one of the picture. */
  readonly k: number;
  readonly theme: Theme;
  readonly ink: Ink;
  /** Where labels stand, which names keep clear of. */
  readonly labels: readonly Rect[];
};

const CHUNK = 150;

/** Names of failing boxes that are written from afar, at most. */
const MAX_NAMED = 40;

/** Draws the boxes, what is wrong last so that nothing covers it. */
export function* drawNodes(context: Paper, crowd: Crowd): Generator<void, void> {
  const sorted = [...crowd.units].sort((a, b) => severity(a.health) - severity(b.health));
  const one = crowd.detail === "far" ? speck : plate;
  for (const [i, unit] of sorted.entries()) {
    const rect = crowd.where.get(unit.id);
    if (rect) {
      context.globalAlpha = crowd.dim(unit) ? 0.35 : 1;
      one(context, unit, rect, crowd);
    }
    if (i % CHUNK === CHUNK - 1) {
      yield;
    }
  }
  context.globalAlpha = 1;
  if (crowd.detail === "far") {
    yield;
    nameTheWorst(context, sorted, crowd);
  }
}

/** A box with its mark and its name. */
function plate(context: Paper, unit: Unit, rect: Rect, crowd: Crowd): void {
  const { theme, k, ink } = crowd;
  const bad = severity(unit.health) > 0;
  const thin = 1 / Math.min(1, k);
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, unit.kind === "gateway" ? rect.height / 2 : 9);
  context.fillStyle = unit.hops > 1 ? theme.sunken : theme.card;
  context.fill();
  context.setLineDash(["more", "unknown", "external"].includes(unit.kind) ? [5, 4] : []);
  context.strokeStyle = unit.id === crowd.chosen ? theme.accent : bad ? theme.mark[unit.health] : theme.border;
  context.lineWidth = unit.id === crowd.chosen ? 3 * thin : unit.health === "unhealthy" ? 2 * thin : thin;
  context.stroke();
  context.setLineDash([]);

  const near = crowd.detail === "near";
  const size = near ? 13 : Math.min(10.5 / k, 25);
  const several = unit.members.length > 1;
  const y = several ? rect.y + 20 : rect.y + rect.height / 2;
  const [side, inset] = [size * 0.8, near ? 12 : 9];
  mark(context, unit.health, { x: rect.x + inset + side / 2, y, side }, theme);
  const font = `600 ${size}px ${theme.font}`;
  const name = crowd.name(unit);
  context.font = font;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.direction = runsLeft(name) ? "rtl" : "ltr";
  context.fillStyle = theme.text;
  const left = rect.x + inset + side + size * 0.4;
  context.fillText(ink.shorten(font, name, rect.x + rect.width - left - 6), left, y + size * 0.05);
  context.direction = "ltr";
  if (several) {
    versions(context, unit, crowd);
  }
}

/** Versions as bars of their share, each with its mark. */
function versions(context: Paper, unit: Unit, { where, theme }: Crowd): void {
  for (const box of unit.members) {
    const rect = where.get(box.id);
    if (!rect) {
      continue;
    }
    context.fillStyle = theme.sunken;
    context.beginPath();
    context.roundRect(rect.x, rect.y, rect.width, rect.height, 6);
    context.fill();
    const share = unit.traffic.rate > 0 ? box.row.rate / unit.traffic.rate : 0;
    context.fillStyle = severity(box.row.health) > 0 ? theme.mark[box.row.health] : theme.bar;
    context.fillRect(rect.x + 30, rect.y + rect.height / 2 - 4, (rect.width - 40) * share, 8);
    mark(context, box.row.health, { x: rect.x + 15, y: rect.y + rect.height / 2, side: 12 }, theme);
  }
}

/** A box from afar: as large as it is and no more than a shade, or the mark of what is wrong, never too small to see. */
function speck(context: Paper, unit: Unit, rect: Rect, crowd: Crowd): void {
  const { theme, k } = crowd;
  const bad = severity(unit.health) > 0;
  const radius = unit.kind === "gateway" ? rect.height / 2 : 9;
  context.fillStyle = bad ? theme.mark[unit.health] : theme.line;
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * (bad ? 0.35 : unit.health === "healthy" ? 0.6 : 0.35);
  context.beginPath();
  context.roundRect(rect.x, rect.y, rect.width, rect.height, radius);
  context.fill();
  context.globalAlpha = alpha;
  if (unit.id === crowd.chosen) {
    context.strokeStyle = theme.accent;
    context.lineWidth = 3 / k;
    context.stroke();
  }
  if (bad) {
    const side = Math.max(rect.height * 0.8, (unit.health === "unhealthy" ? 9 : 8) / k);
    mark(context, unit.health, { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2, side }, theme);
  }
}

type Spot = { readonly x: number; readonly y: number; readonly side: number };

/** The shape of a verdict around a point: a disc, a triangle, a square, a ring. */
export function mark(context: Paper, health: Health, { x, y, side }: Spot, theme: Theme): void {
  const half = side / 2;
  context.fillStyle = theme.mark[health];
  context.beginPath();
  switch (health) {
    case "unhealthy":
      context.roundRect(x - half * 0.88, y - half * 0.88, side * 0.88, side * 0.88, side * 0.1);
      break;
    case "degraded":
      context.moveTo(x, y - half * 0.95);
      context.lineTo(x + half, y + half * 0.8);
      context.lineTo(x - half, y + half * 0.8);
      context.closePath();
      break;
    case "healthy":
      context.arc(x, y, half * 0.72, 0, Math.PI * 2);
      break;
    default:
      context.arc(x, y, half * 0.6, 0, Math.PI * 2);
      context.strokeStyle = theme.mark[health];
      context.lineWidth = side / 8;
      context.stroke();
      return;
  }
  context.fill();
}

/** The names of what fails, the busiest first, each where it covers no other mark or name. */
function nameTheWorst(context: Paper, units: readonly Unit[], crowd: Crowd): void {
  const { where, theme, k, ink } = crowd;
  const worst = units.filter((unit) => unit.health === "unhealthy" || unit.id === crowd.chosen);
  worst.sort((a, b) => severity(b.health) - severity(a.health) || b.traffic.rate - a.traffic.rate);
  const size = 11.5 / k;
  const font = `600 ${size}px ${theme.font}`;
  const taken = new Grid<Rect>(400);
  for (const label of crowd.labels) {
    taken.add(label, label);
  }
  for (const unit of worst) {
    const rect = where.get(unit.id);
    if (rect) {
      const side = Math.max(rect.height, 9 / k);
      const spot = {
        x: rect.x + rect.width / 2 - side / 2,
        y: rect.y + rect.height / 2 - side / 2,
        width: side,
        height: side,
      };
      taken.add(spot, spot);
    }
  }
  context.font = font;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const unit of worst.slice(0, MAX_NAMED)) {
    const rect = where.get(unit.id);
    const name = ink.shorten(font, crowd.name(unit), 170 / k);
    const width = ink.width(font, name) + 6 / k;
    const spot = rect && free(rect, width, size * 1.5, k, taken);
    if (spot) {
      taken.add(spot, spot);
      context.strokeStyle = theme.surface;
      context.lineWidth = 4 / k;
      context.strokeText(name, spot.x + 3 / k, spot.y + spot.height / 2);
      context.fillStyle = theme.mark[unit.health];
      context.fillText(name, spot.x + 3 / k, spot.y + spot.height / 2);
    }
  }
}

/** Room for a name beside a box: right, left, above or beneath it. */
function free({ x, y, width: wide, height: high }: Rect, width: number, height: number, k: number, taken: Grid<Rect>) {
  const [middle, gap] = [{ x: x + wide / 2, y: y + high / 2 }, Math.max(high / 2, 5 / k)];
  const reach = Math.max(high / 2, 6 / k);
  const spots = [
    { x: middle.x + reach, y: middle.y - height / 2 },
    { x: middle.x - reach - width, y: middle.y - height / 2 },
    { x: middle.x - width / 2, y: middle.y - gap - height },
    { x: middle.x - width / 2, y: middle.y + gap },
  ];
  return spots.map((spot): Rect => ({ ...spot, width, height })).find((spot) => taken.find(spot).size === 0);
}
