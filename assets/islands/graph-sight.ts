// What of a scene is drawn on the canvas, and what stands back, for what people look at. Pure.

import { distance, overlap, type Rect, type Ways } from "./geometry";
import { type Drawing, isAggregate } from "./graph-edges";
import type { SceneIndex } from "./graph-index";
import type { Crowd } from "./graph-nodes";
import type { Theme } from "./graph-theme";
import type { Words } from "./graph-words";
import type { Ink } from "./ink";
import type { Point } from "./layout";
import { type Line, severity, type Unit } from "./scene";
import type { Grid } from "./spatial";
import { detailAt } from "./viewport";

/** What is shown, apart from the data. */
export type Shown = {
  readonly selected: string | undefined;
  /** Boxes that a search found; undefined without a search. */
  readonly found: ReadonlySet<string> | undefined;
};

/** A scene in its place, as it is looked at. */
export type Sight = {
  readonly index: SceneIndex;
  readonly ways: Ways;
  readonly where: ReadonlyMap<string, Rect>;
  /** The units by where they are. */
  readonly grid: Grid<string>;
  readonly shown: Shown;
  readonly k: number;
  readonly theme: Theme;
  readonly words: Words;
  readonly ink: Ink;
};

/** Up to this many units all have buttons; of more, those that are near enough to read, and no more than this. */
export const MAX_BUTTONS = 300;

/** Units stand back that a search did not find. */
export const standsBack = (shown: Shown, unit: Unit): boolean => shown.found !== undefined && !shown.found.has(unit.id);

/** Lines stand back that have nothing to do with what was searched or selected, or else are far from the focus. */
export function isDim({ index, shown: { selected, found } }: Sight, line: Line): boolean {
  const [from, to] = [index.unitOf(line.from), index.unitOf(line.to)];
  if (found) {
    return !found.has(from) && !found.has(to);
  }
  if (selected !== undefined) {
    return ![line.key, line.from, line.to, from, to].includes(selected);
  }
  const far = (id: string): boolean => (index.units.get(id)?.hops ?? 0) > 1;
  return severity(line.row.health) === 0 && (far(from) || far(to));
}

/** The edges of a region. */
export function edgesOf(sight: Sight, region: Rect): Drawing {
  const { index, ways, where, grid, shown, k, theme, words, ink } = sight;
  const lines = index.lines.filter((line) => {
    const reach = ways.reach(line);
    return reach && overlap(reach, region);
  });
  const sum = words.say("aggregate") || "Σ";
  return {
    lines,
    ways,
    largest: index.largest,
    obstacles: [...grid.find(region)].flatMap((id) => where.get(id) ?? []),
    label: (line) => {
      const label = words.label(line.row);
      return label && isAggregate(line) ? `${sum} ${label}` : label;
    },
    dim: (line) => isDim(sight, line),
    chosen: shown.selected,
    detail: detailAt(k),
    k,
    theme,
    ink,
  };
}

/** The boxes of a region that the canvas draws: all, where buttons are too small or too many. */
export function nodesOf(sight: Sight, region: Rect, labels: readonly Rect[]): Crowd {
  const { index, where, grid, shown, k, theme, words, ink } = sight;
  const detail = detailAt(k);
  const buttons = detail === "near" && index.units.size <= MAX_BUTTONS;
  return {
    units: buttons ? [] : [...grid.find(region)].flatMap((id) => index.units.get(id) ?? []),
    where,
    name: (unit) => words.name(unit, unit.id === "more/callers" ? "callers" : "callees"),
    dim: (unit) => standsBack(shown, unit),
    chosen: shown.selected,
    detail,
    k,
    theme,
    ink,
    labels,
  };
}

/** The line that passes nearest to a point, if it does so within some distance. */
export function lineNear(index: SceneIndex, ways: Ways, { x, y }: Point, within: number): Line | undefined {
  // Points on a path lie a few pixels apart, so that nearness has to allow for half of that.
  const by = within + 8;
  const around = { x: x - by - 44, y: y - by, width: 2 * by + 88, height: 2 * by };
  let [best, least]: [Line | undefined, number] = [undefined, by];
  for (const line of index.lines) {
    const reach = ways.reach(line);
    const path = reach && overlap(reach, around) ? ways.get(line.key) : undefined;
    const far = path ? distance(path, { x, y }) : Number.POSITIVE_INFINITY;
    [best, least] = far <= least ? [line, far] : [best, least];
  }
  return best;
}
