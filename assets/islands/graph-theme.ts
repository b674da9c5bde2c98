// The colours of the canvases, read from the page's tokens: probes get the tokens as colours and the browser computes
// what a canvas understands, light or dark.

import type { Health } from "./frames";

/** Colours as the canvas takes them. */
export type Theme = {
  readonly line: string;
  readonly quiet: string;
  readonly text: string;
  readonly surface: string;
  /** Boxes, their borders, and the boxes inside boxes. */
  readonly card: string;
  readonly border: string;
  readonly sunken: string;
  readonly bar: string;
  readonly accent: string;
  /** Of edges. */
  readonly health: Readonly<Record<Health, string>>;
  /** Of the marks in boxes, which are small and so stronger than edges. */
  readonly mark: Readonly<Record<Health, string>>;
  readonly font: string;
  /** How much stronger lines are drawn, for people who asked for more contrast. */
  readonly strength: number;
};

/** The tokens and what stands for them where a page has none; in forced colours, what the system gives. */
const tokens = {
  line: ["var(--graph-edge, light-dark(#94a7b3, #4d626e))", "CanvasText"],
  quiet: ["var(--text-quiet, light-dark(#5b6773, #98a4b0))", "CanvasText"],
  text: ["var(--text, light-dark(#17202a, #e8edf2))", "CanvasText"],
  surface: ["var(--surface-page, light-dark(#f7f8fa, #101418))", "Canvas"],
  card: ["var(--surface-card, light-dark(#fff, #151d21))", "Canvas"],
  border: ["var(--line-strong, light-dark(#b9c5cc, #3c4d56))", "CanvasText"],
  sunken: ["var(--surface-sunken, light-dark(#edf1f3, #0f171a))", "Canvas"],
  bar: ["var(--series-neutral, light-dark(#6b8391, #8aa0ac))", "CanvasText"],
  accent: ["var(--accent, light-dark(#0b6285, #6fc6ea))", "Highlight"],
  healthy: ["var(--health-healthy, light-dark(#5d707b, #8fa3ae))", "CanvasText"],
  degraded: ["var(--health-degraded, light-dark(#8f5a00, #f0b445))", "CanvasText"],
  unhealthy: ["var(--health-unhealthy, light-dark(#b3202f, #ff8088))", "Highlight"],
} as const;

/** Reads the theme as it is now for an element. */
export function readTheme(element: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const forced = window.matchMedia("(forced-colors: active)").matches;
  const contrast = forced || window.matchMedia("(prefers-contrast: more)").matches;
  probe.style.setProperty("forced-color-adjust", "none");
  const style = getComputedStyle(probe);
  const colour = (name: keyof typeof tokens): string => {
    probe.style.color = tokens[name][forced ? 1 : 0];
    return style.color;
  };
  const line = colour("line");
  const healthy = colour("healthy");
  const [degraded, unhealthy] = [colour("degraded"), colour("unhealthy")];
  const theme: Theme = {
    line,
    quiet: colour("quiet"),
    text: colour("text"),
    surface: colour("surface"),
    card: colour("card"),
    border: colour("border"),
    sunken: colour("sunken"),
    bar: colour("bar"),
    accent: colour("accent"),
    health: { unknown: line, idle: line, healthy: line, degraded, unhealthy },
    mark: { unknown: healthy, idle: healthy, healthy, degraded, unhealthy },
    font: style.fontFamily || "sans-serif",
    strength: contrast || document.documentElement.dataset.theme === "contrast" ? 1.5 : 1,
  };
  probe.remove();
  return theme;
}
