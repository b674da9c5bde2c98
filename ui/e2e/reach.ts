// What has to be done on a page to get it into a state.

import type { Page } from "playwright-core";

/** Goes from the split of traffic to its review, with 40 % for the second version. */
export async function review(page: Page): Promise<void> {
  await page.locator("[data-target=reviews-v2] [data-number]").fill("40");
  await page.locator("[data-target=reviews-v2] [data-number]").press("Enter");
  await page.locator("[data-testid=review], [data-testid=conflict]").first().waitFor();
}

/** The same with a form that was loaded before somebody else's change. */
export async function conflict(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const field of document.querySelectorAll<HTMLInputElement>("input[name=version]")) {
      field.value = "1";
    }
  });
  await review(page);
}

/** A limit that is no number. */
export async function refusal(page: Page): Promise<void> {
  const field = page.locator("input[name=maxConnections]").first();
  await field.fill("1e9");
  await field.press("Enter");
  await page.locator("[aria-invalid=true]").first().waitFor();
}

/** The palette with an action in it. */
export async function palette(page: Page, query = "reviews-v2 40"): Promise<void> {
  await page.getByTestId("palette-open").click();
  await page.getByRole("combobox").fill(query);
  await page.locator("dialog[open] [data-palette-status]:not(:empty)").waitFor();
  await page.locator("dialog[open] [role=option], dialog[open] [data-level=none]").first().waitFor();
}

/** Sends a form as if this page had it: what a page that is older, or read by somebody else, may still send. */
export async function send(page: Page, path: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const post = ([action, values]: readonly [string, Readonly<Record<string, string>>]) => {
    const form = Object.assign(document.createElement("form"), { method: "post", action });
    for (const [name, value] of Object.entries(values)) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    document.body.append(form);
    form.submit();
  };
  const there = page.waitForURL((url) => url.pathname === path);
  await page.evaluate(post, [path, fields] as const);
  await there;
}

/** Changes the text of a definition and asks what it would do. */
export async function define(page: Page, from: string, to: string): Promise<void> {
  const field = page.locator("textarea[name=text]");
  await field.fill((await field.inputValue()).replace(from, to));
  await page.locator("[data-testid=definition-form] button[type=submit]").last().click();
  await page.locator("[data-testid=fault], [data-testid=review], [data-testid=conflict]").first().waitFor();
}

/** The same with a definition that was loaded before somebody else's change. */
export async function overtaken(page: Page): Promise<void> {
  await page.locator("[data-testid=definition-form] input[name=version]").evaluate((field) => {
    (field as HTMLInputElement).value = "1";
  });
  await define(page, "weight: 75", "weight: 60");
}

/** Asks to delete what others need. */
export async function needed(page: Page): Promise<void> {
  await page.getByTestId("delete").click();
  await page.getByTestId("in-use").waitFor();
}

/** Opens every form on the page. */
export async function forms(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll<HTMLDetailsElement>("main details")) {
      details.open = true;
    }
  });
}

/** A time that is none, in a route's form. */
export async function wrongTime(page: Page): Promise<void> {
  await forms(page);
  const field = page.locator("input[name=perRequest]").first();
  await field.fill("soon");
  await field.press("Enter");
  await page.locator("[aria-invalid=true]").first().waitFor();
}

/** A route's timeout on its way to the review. */
export async function newTime(page: Page): Promise<void> {
  await forms(page);
  const field = page.locator("input[name=perRequest]").first();
  await field.fill("3s");
  await field.press("Enter");
  await page.getByTestId("review").waitFor();
}

/** The page as paper gets it. */
export const print = (page: Page): Promise<void> => page.emulateMedia({ media: "print" });

/** The page in colours that its reader's system forces on it. */
export const forced = (page: Page): Promise<void> => page.emulateMedia({ forcedColors: "active" });

/** The page with the keyboard on a part of it. */
export const focus = (page: Page, part: string): Promise<void> => page.locator(part).first().focus();

/** A split without a name. */
export async function nameless(page: Page): Promise<void> {
  await forms(page);
  const field = page.locator("[data-testid=knob-share] input[name=name]");
  await field.fill(" ");
  await field.press("Enter");
  await page.locator("[data-testid=knob-share] [aria-invalid=true]").first().waitFor();
}

/** Two checks of one's own, of which one says nothing that could be measured. */
export async function unmeasured(page: Page): Promise<void> {
  await forms(page);
  await page.locator("[data-add][value='add:metric']").click();
  await page.locator("[name='metric.0.name']").fill("sales");
  await page.locator("[name='metric.0.query']").fill('sum(rate(sales_total{version="{{canary}}"}[{{window}}]))');
  await page.locator("[name='metric.0.min']").fill("0.5");
  await page.locator("[data-add][value='add:metric']").click();
  await page.locator("[name='metric.1.name']").fill("refunds");
  await page.locator("[name='metric.1.max']").fill("few");
  await page.getByTestId("review-rollout").click();
  await page.locator("[data-testid=rows-metric] [aria-invalid=true]").first().waitFor();
}
