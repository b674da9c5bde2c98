import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = (name: string): string => readFileSync(new URL(`styles/${name}.css`, import.meta.url), "utf8");

/** The custom properties of the rule that begins with a selector. */
function rule(text: string, selector: string): Map<string, string> {
  const from = text.indexOf(`${selector} {`);
  expect(from, selector).toBeGreaterThanOrEqual(0);
  const body = text.slice(from, text.indexOf("}", from));
  return new Map([...body.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, value]));
}

const base = rule(css("tokens"), ":root");
const more = rule(css("contrast"), 'html[data-theme="contrast"]');
const system = rule(css("contrast"), "(prefers-contrast: more) {\n    html:root");

type Scheme = "light" | "dark";

/** What a token's colour is in a scheme: red, green and blue from 0 to 1. */
function colour(tokens: ReadonlyMap<string, string>, name: string, scheme: Scheme): readonly number[] {
  const value = tokens.get(`--${name}`);
  expect(value, name).toBeTruthy();
  const other = /^var\(--([\w-]+)\)$/.exec(value ?? "")?.[1];
  if (other) {
    return colour(tokens, other, scheme);
  }
  const both = /^light-dark\((#\w+), (#\w+)\)$/.exec(value ?? "");
  const hex = both?.[scheme === "light" ? 1 : 2] ?? "";
  expect(hex, `${name}: ${value}`).toMatch(/^#([0-9a-f]{3}|[0-9a-f]{6})$/);
  const full = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join("") : hex.slice(1);
  return [0, 2, 4].map((at) => Number.parseInt(full.slice(at, at + 2), 16) / 255);
}

/** WCAG 2.2: relative luminance. */
function luminance(rgb: readonly number[]): number {
  const [r = 0, g = 0, b = 0] = rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG 2.2: contrast ratio. */
function contrast(a: readonly number[], b: readonly number[]): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const surfaces = ["page", "card", "sunken", "raised", "hover"].map((name) => `surface-${name}`);
const numbers = [1, 2, 3, 4, 5, 6];

/** What is read, and what it stands on. */
const read: readonly (readonly [string, readonly string[]])[] = [
  ["text", [...surfaces, "surface-accent", "tint-degraded", "tint-unhealthy", "tint-done"]],
  ["text-quiet", [...surfaces, "surface-accent", "tint-degraded", "tint-unhealthy"]],
  ["text-faint", surfaces],
  ["text-on-accent", ["accent", "accent-strong"]],
  ["accent", [...surfaces, "surface-accent"]],
  ["accent-strong", [...surfaces, "surface-accent"]],
  ["health-healthy", surfaces],
  ["health-degraded", [...surfaces, "tint-degraded"]],
  ["health-unhealthy", [...surfaces, "tint-unhealthy"]],
  ["health-idle", surfaces],
  ["health-unknown", surfaces],
  ["truth-done", [...surfaces, "tint-done"]],
  ["truth-wait", surfaces],
  ["truth-bad", [...surfaces, "tint-unhealthy"]],
  ["diff-more-text", ["diff-more"]],
  ["diff-less-text", ["diff-less"]],
  ["on-series", [...numbers.map((n) => `series-${n}`), "series-neutral"]],
];

/** What is seen, and what it has to be told from. */
const seen: readonly (readonly [string, readonly string[]])[] = [
  ["line-control", ["surface-page", "surface-card", "surface-raised"]],
  ["focus", surfaces],
  ...numbers.map((n) => [`series-${n}`, ["surface-card", "surface-sunken", "surface-raised"]] as const),
  ["series-neutral", ["surface-card", "surface-sunken", "surface-raised"]],
];

const themes = [
  { theme: "normal", tokens: base, text: 4.5, graphics: 3 },
  { theme: "high contrast", tokens: new Map([...base, ...more]), text: 7, graphics: 4.5 },
];

describe.each(themes)("the colours in $theme", ({ tokens, text, graphics }) => {
  it.each(["light", "dark"] as const)("can be read and told apart: %s", (scheme) => {
    const weak: string[] = [];
    for (const [pairs, least] of [[read, text] as const, [seen, graphics] as const]) {
      for (const [front, backs] of pairs) {
        for (const back of backs) {
          const ratio = contrast(colour(tokens, front, scheme), colour(tokens, back, scheme));
          if (ratio < least) {
            weak.push(`${front} on ${back}: ${ratio.toFixed(2)}, at least ${least}`);
          }
        }
      }
    }
    expect(weak).toEqual([]);
  });
});

describe("high contrast", () => {
  it("is the same whether the reader or the system asks for it", () => {
    expect([...system]).toEqual([...more]);
  });

  it("leaves no colour as it was", () => {
    const coloured = [...base].filter(([, value]) => /^light-dark\(#/.test(value)).map(([name]) => name);
    expect(coloured.filter((name) => !more.has(name))).toEqual([]);
  });
});

describe("every style sheet", () => {
  it("takes its colours from the tokens", () => {
    for (const name of ["base", "shell", "card", "forms", "controls", "table", "pages", "health", "go", "print"]) {
      expect(css(name).match(/#[0-9a-f]{3,8}\b|rgba?\(/gi), name).toBeNull();
    }
  });
});
