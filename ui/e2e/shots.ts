// Screenshots of every page, light and dark, in both languages, wide and narrow, for people to look at:
// SHOTS=/some/folder npm run shots.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { launch } from "./browser.ts";
import { places } from "./pages.ts";

it("takes a picture of every page", async () => {
  const folder = process.env.SHOTS;
  expect(folder, "SHOTS names the folder for the pictures").toBeTruthy();
  if (!folder) {
    return;
  }
  await mkdir(folder, { recursive: true });
  const { context, close } = await launch();
  const page = await context.newPage();
  for (const { name, path } of await places()) {
    for (const theme of ["light", "dark"]) {
      for (const lang of ["en", "ko"]) {
        for (const width of [1440, 390]) {
          const address = new URL(path, inject("url"));
          address.searchParams.set("theme", theme);
          address.searchParams.set("lang", lang);
          await page.setViewportSize({ width, height: 900 });
          await page.goto(address.href);
          await page.waitForTimeout(1800);
          const file = `${name}-${theme}-${lang}-${width}.png`;
          await page.screenshot({ path: join(folder, file), fullPage: true });
        }
      }
    }
  }
  await close();
});
