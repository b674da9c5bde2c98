// Pictures of every page and state for people to look at, in every theme, language and width: make shots.
//
// SHOTS names the folder; SHOTS_ONLY takes only what has one of its words in its name ("topology,full-review"),
// SHOTS_WIDTHS, SHOTS_THEMES and SHOTS_LANGS fewer or other looks. A page is loaded once per language and width; only what
// is drawn on a canvas is loaded again for another theme.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect, inject, it } from "vitest";
import { args, executablePath } from "./browser.ts";
import { places } from "./pages.ts";
import { settle } from "./settle.ts";
import { sheet } from "./sheet.ts";
import { addressOf, type State, states } from "./states.ts";

type Subject = Pick<State, "name" | "reach" | "plain" | "wide"> & { readonly address: string };

const list = (name: string, otherwise: string): string[] => (process.env[name] || otherwise).split(",").filter(Boolean);

const only = list("SHOTS_ONLY", "");
const themes = list("SHOTS_THEMES", "light,dark,contrast");
const langs = list("SHOTS_LANGS", "en,ko");
const widths = list("SHOTS_WIDTHS", "1440,390").map(Number);

/** The width of the screens on walls and desks that some pages are photographed at as well. */
const WIDE = 3840;

/** How many pages are loaded at a time. */
const AT_ONCE = Number(process.env.SHOTS_AT_ONCE) || 3;

/** The tallest picture, in pixels: tables of five thousand rows are not worth more. */
const TALLEST = 6000;

const wanted = ({ name }: { name: string }): boolean => only.length === 0 || only.some((word) => name.includes(word));

it("takes a picture of every page and state", async () => {
  const folder = process.env.SHOTS ?? "";
  expect(folder, "SHOTS names the folder for the pictures").toBeTruthy();
  await mkdir(folder, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: [...args, "--font-render-hinting=none"] });
  const failed: string[] = [];
  const fixtures = states().map((state) => ({ ...state, address: addressOf(state) }));
  await takeAll(browser, folder, fixtures.filter(wanted), failed);
  // The demo has gathered some past by now.
  if (inject("url")) {
    const live = (await places()).map(({ name, path }) => ({
      name: `live-${name}`,
      address: new URL(path, inject("url")).href,
    }));
    await takeAll(browser, folder, live.filter(wanted), failed);
  }
  await browser.close();
  await writeFile(join(folder, "index.html"), await sheet(folder));
  expect(failed).toEqual([]);
});

/** Takes the pictures of many pages, some at a time. */
async function takeAll(
  browser: Browser,
  folder: string,
  subjects: readonly Subject[],
  failed: string[],
): Promise<void> {
  const queue = subjects.flatMap((subject) => langs.map((lang) => ({ subject, lang })));
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { subject, lang } = next;
      const context = await browser.newContext({ javaScriptEnabled: !subject.plain });
      await take(context, folder, subject, lang).catch((error: Error) => {
        failed.push(`${subject.name} (${lang}): ${error.message.split("\n")[0]}`);
      });
      await context.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Takes the pictures of one page in one language. */
async function take(context: BrowserContext, folder: string, subject: Subject, lang: string): Promise<void> {
  const page = await context.newPage();
  const wide = subject.wide && !process.env.SHOTS_WIDTHS ? [WIDE] : [];
  for (const width of [...widths, ...wide]) {
    await page.setViewportSize({ width, height: width >= 2560 ? 2160 : 900 });
    for (const [i, theme] of themes.entries()) {
      await dress(context, subject.address, { lang, theme });
      if (i === 0 || subject.plain || (await page.locator("canvas").count())) {
        await page.goto(subject.address);
        await subject.reach?.(page);
        await ready(page, subject);
      } else {
        await page.evaluate((chosen) => {
          document.documentElement.dataset.theme = chosen;
        }, theme);
      }
      await shoot(page, join(folder, `${subject.name}-${theme}-${lang}-${width}.png`));
    }
  }
}

const ready = (page: Page, { plain }: Subject): Promise<void> => (plain ? Promise.resolve() : settle(page));

/** Chooses a language and a theme as the switches of the header do. */
async function dress(context: BrowserContext, url: string, look: { lang: string; theme: string }): Promise<void> {
  const { origin } = new URL(url);
  await context.addCookies([
    { name: "weir_lang", value: look.lang, url: origin },
    { name: "weir_theme", value: look.theme, url: origin },
  ]);
}

async function shoot(page: Page, path: string): Promise<void> {
  const { width } = page.viewportSize() ?? { width: 1440 };
  const height = await page
    .locator("html")
    .evaluate((html) => html.scrollHeight)
    .catch(() => 900);
  const clip = height > TALLEST ? { clip: { x: 0, y: 0, width, height: TALLEST } } : {};
  await page.screenshot({ path, fullPage: true, animations: "disabled", ...clip });
}
