// Accessibility by axe-core, in the page as it is.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

type Results = {
  violations: { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
};

/** What axe finds wrong with a page, one line each. */
export async function violations(page: Page): Promise<string[]> {
  // Injected by the debugger, which the page's policy does not govern.
  await page.evaluate(source);
  const results = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(context: Document, options: object): Promise<Results> } };
    return axe.run(document, { resultTypes: ["violations"] });
  });
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html} (${node.failureSummary.replace(/\s+/g, " ")})`),
  );
}
