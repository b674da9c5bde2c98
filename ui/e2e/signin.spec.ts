// People sign in with a password in real Chromium: from the link that the first start prints to the end of a session.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { tabTo } from "./journey.ts";
import { type Serving, serve } from "./serve.ts";

const good = "otter lamp kayak tin";
const other = "violin moss quartz pond";

describe("signing in with a password", () => {
  let weir: Serving;
  let browser: Browser;
  let second: Browser;
  let page: Page;
  let folder: string;
  let wrong: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weir-signin-"));
    weir = await serve(join(folder, "data"));
    browser = await launch();
    second = await launch({ userAgent: "A second browser" });
    page = await browser.context.newPage();
    wrong = complaints(page);
  });

  afterAll(async () => {
    await browser?.close();
    await second?.close();
    await weir?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const path = (of: Page): string => new URL(of.url()).pathname;

  /** Enters a name and a password without a mouse: the cursor is in the name's field from the beginning. */
  const enter = async (name: string, password: string): Promise<void> => {
    await tabTo(page, "input[name=name]", 1); // it has the focus
    await page.keyboard.type(name);
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
  };

  it("makes the first administrator by the link that the start prints, once", async () => {
    const link = await weir.setup;
    await page.goto(link);
    expect(await violations(page)).toEqual([]);
    await enter("ada", good); // sent too early: the browser asks for the password again
    await tabTo(page, "input[name=again]", 3);
    await page.keyboard.type(good);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${weir.url}/`);
    expect(await page.getByTestId("reader").textContent()).toContain("ada");
    expect(wrong).toEqual([]);

    const stranger = await second.context.newPage();
    expect((await stranger.goto(link))?.status()).toBe(404);
    expect(await stranger.getByTestId("link-over").textContent()).toContain("not good any more");
    expect(await violations(stranger)).toEqual([]);
    await stranger.close();
  });

  it("signs out by the keyboard, and says the same of a wrong password and of nobody's name", async () => {
    await tabTo(page, "[data-testid=reader] summary");
    await page.keyboard.press("Enter");
    await page.getByTestId("signout").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByTestId("signout").waitFor({ state: "hidden" });
    await page.keyboard.press("Enter"); // the focus came back to what opens it
    await tabTo(page, "[data-testid=signout]", 8);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${weir.url}/signin`);

    const said: string[] = [];
    for (const name of ["ada", "nobody-of-that-name"]) {
      await page.goto(`${weir.url}/services?sort=name`);
      expect(path(page)).toBe("/signin");
      await enter(name, other);
      const error = page.getByTestId("form-error");
      await error.waitFor();
      said.push(((await error.textContent()) ?? "").trim());
      expect(await page.evaluate(() => document.activeElement?.id), "what has to be entered again").toBe("password");
      expect(await page.inputValue("#name")).toBe(name);
      expect(await page.inputValue("#password")).toBe("");
      expect(await violations(page)).toEqual([]);
    }
    expect(said[0]).toBe("The name or the password is not right.");
    expect(said[1]).toBe(said[0]);
    wrong.length = 0; // refusals are a 401, which the console names

    await page.goto(`${weir.url}/services?sort=name`);
    await enter("ada", good);
    await page.waitForURL(`${weir.url}/services?sort=name`);
    expect(wrong).toEqual([]);
  });

  it("shows where somebody is signed in, and ends a session elsewhere", async () => {
    const elsewhere = await second.context.newPage();
    await elsewhere.goto(`${weir.url}/signin`);
    await elsewhere.getByLabel("Name").fill("ada");
    await elsewhere.getByLabel("Password").fill(good);
    await elsewhere.keyboard.press("Enter");
    await elsewhere.waitForURL(`${weir.url}/`);

    await page.goto(`${weir.url}/account`);
    expect(await violations(page)).toEqual([]);
    expect(await page.getByTestId("sessions").locator("li").count()).toBe(2);
    await page.getByRole("button", { name: "End the session of A second browser" }).click();
    await page.getByTestId("done").waitFor();
    expect(await page.getByTestId("sessions").locator("li").count()).toBe(1);
    await elsewhere.goto(`${weir.url}/services`);
    expect(path(elsewhere)).toBe("/signin");
    expect(wrong).toEqual([]);
  });
});
