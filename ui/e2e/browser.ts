// The browser of the tests: one Chromium for a file, a fresh profile, and a record of everything that a page must not do.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where Chromium is. */
export const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How Chromium is started. */
export const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long a click or a wait may take where it does not say itself, in milliseconds. */
const ACTION = 30_000;

/** How long a page may take to load on a machine that is busy, in milliseconds. */
const NAVIGATION = 60_000;

/** A browser with one profile of its own. */
export type Browser = { readonly context: BrowserContext; readonly close: () => Promise<void> };

/** Starts Chromium. */
export async function launch(options: BrowserContextOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "weir-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args,
    headless: true,
    viewport: { width: 1440, height: 900 },
    reducedMotion: "no-preference",
    ...options,
  });
  // An action that waits for ever says nothing; one that gives up says what it waited for.
  context.setDefaultTimeout(ACTION);
  context.setDefaultNavigationTimeout(NAVIGATION);
  // What the policy stops is an error, whether or not the browser says so on the console.
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      // biome-ignore lint/suspicious/noConsole: the tests read the console.
      console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, close };
}

/** What a page did that it must not: errors, warnings of the policy, failed requests for its own files. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || /content security policy|trusted/i.test(message.text())) {
      found.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  return found;
}
