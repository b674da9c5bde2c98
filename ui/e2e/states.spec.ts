// Every state of every page, in turns in every theme and both languages: nothing for axe, nothing against the policy, nothing on the
// console, nothing wider than the screen.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { inPairs } from "./pairs.ts";
import { settle } from "./settle.ts";
import { addressOf, type State, states } from "./states.ts";

let browser: Browser;
// Three looks have every theme and both languages, and the widths that pages are made for.
const looks = [
  { theme: "light", lang: "en", width: 1440 },
  { theme: "dark", lang: "ko", width: 390 },
  { theme: "contrast", lang: "en", width: 3840 },
];

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

/** What is wrong with a state in a look. */
async function wrong(state: State, look: (typeof looks)[number]): Promise<string[]> {
  const page = await browser.context.newPage();
  const bad = complaints(page);
  await page.setViewportSize({ width: look.width, height: look.width > 2000 ? 2160 : 900 });
  const { origin } = new URL(addressOf(state));
  await browser.context.addCookies([
    { name: "weir_lang", value: look.lang, url: origin },
    { name: "weir_theme", value: look.theme, url: origin },
  ]);
  const answer = await page.goto(addressOf(state));
  await state.reach?.(page);
  await settle(page);
  const [lang, theme, over] = await page.evaluate(() => {
    const { lang, dataset, scrollWidth, clientWidth } = document.documentElement;
    return [lang, dataset.theme, scrollWidth - clientWidth] as const;
  });
  const status = answer?.status();
  // A page that is refused is an error to the browser's console, and meant here; so is a form that is sent back.
  const meant = (text: string) => /status of (403|404|409|412|422|500|503)/.test(text) && (state.status || state.reach);
  // The preview has no API beside the socket: islands go on with what the server drew.
  const api = (text: string) => text.includes("/api/v1/");
  const list = [
    ...(status === (state.status ?? 200) ? [] : [`status ${status}`]),
    ...(lang === look.lang && theme === look.theme ? [] : [`it is in ${lang}, ${theme}`]),
    ...(over > 0 ? [`${over} px too wide`] : []),
    ...bad.filter((text) => !meant(text) && !api(text)),
    ...(await violations(page)),
  ];
  await page.close();
  return list;
}

describe("every state", () => {
  it.each(looks)(
    "is accessible, keeps its policy and fits: $theme, $lang, $width",
    { timeout: 900_000 },
    async (look) => {
      const found: Record<string, string[]> = {};
      const only = process.env.STATES_ONLY?.split(",");
      // The states take turns in the looks, and pages have many states; STATES_ONLY shows some in all.
      const turn = (i: number) => i % looks.length === looks.indexOf(look);
      const wanted = (state: State, i: number) => (only ? only.some((word) => state.name.includes(word)) : turn(i));
      const mine = states().filter((state, i) => !state.plain && wanted(state, i));
      await inPairs(mine, async (state) => {
        const list = await wrong(state, look);
        if (list.length > 0) {
          found[state.name] = list;
        }
      });
      expect(found).toEqual({});
    },
  );
});

it("says that there is nothing to draw, and goes on saying it", async () => {
  const page = await browser.context.newPage();
  const empty = states().find(({ name }) => name === "full-change-contradicted") as State;
  await page.goto(addressOf(empty));
  await page.locator("weir-plot:defined").waitFor();
  await settle(page);
  const problem = page.getByTestId("plot-problem");
  await problem.scrollIntoViewIfNeeded();
  expect(await problem.textContent()).not.toBe("");
  await page.close();
});
