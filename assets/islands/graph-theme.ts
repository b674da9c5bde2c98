// The colours of the canvases, read from the page's tokens: probes get the tokens as colours and the browser computes
// what a canvas understands, light or dark.

import type { Health } from "./frames";

/** Colours as the canvas takes them. */
export type Theme = {
  readonly line: string;
  readonly quiet: string;
  readonly text: string;
  readonly surface: string;
  readonly accent: string;
  readonly health: Readonly<Record<Health, string>>;
  readonly font: string;
};

/** The tokens and what stands for them where a page has none. */
const tokens = {
  line: "var(--graph-edge, light-dark(#94a7b3, #4d626e))",
  quiet: "var(--text-quiet, light-dark(#5b6773, #98a4b0))",
  text: "var(--text, light-dark(#17202a, #e8edf2))",
  surface: "var(--surface-page, light-dark(#f7f8fa, #101418))",
  accent: "var(--accent, light-dark(#0b6285, #6fc6ea))",
  degraded: "var(--health-degraded, light-dark(#8f5a00, #f0b445))",
  unhealthy: "var(--health-unhealthy, light-dark(#b3202f, #ff8088))",
} as const;

/** Reads the theme as it is now for an element. */
export function readTheme(element: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const style = getComputedStyle(probe);
  const colour = (name: keyof typeof tokens): string => {
    probe.style.color = tokens[name];
    return style.color;
  };
  const line = colour("line");
  const theme: Theme = {
    line,
    quiet: colour("quiet"),
    text: colour("text"),
    surface: colour("surface"),
    accent: colour("accent"),
    health: { unknown: line, idle: line, healthy: line, degraded: colour("degraded"), unhealthy: colour("unhealthy") },
    font: style.fontFamily || "sans-serif",
  };
  probe.remove();
  return theme;
}
