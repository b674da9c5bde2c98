// Somebody signs in to Weir through an identity provider in real Chromium, and out of both again.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, complaints, launch } from "./browser.ts";
import type { Provider } from "./oidc/flow.ts";
import { startProvider } from "./oidc/provider.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** An address that is known before what is behind it: the provider and Weir both have to be told it. */
async function front(): Promise<{ url: string; lead: (to: string) => void; server: Server }> {
  let behind = "";
  const server = createServer((asked, answer) => {
    const to = new URL(asked.url ?? "/", behind);
    const onward = request(to, { method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, lead: (to) => (behind = to), server };
}

/** Starts Weir with sign-in and gives its address. */
function serve(flags: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(`${root}bin/weir`, ["serve", ...flags], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((ready, fail) => {
    child.once("exit", (code) => fail(new Error(`weir ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const url = /console and the API at (http:\S+?)\/? /.exec(line)?.[1];
      if (url) {
        ready({ child, url });
      }
    });
  });
}

describe("signing in through the provider", () => {
  let provider: Provider;
  let browser: Browser;
  let weir: Awaited<ReturnType<typeof front>>;
  let running: ChildProcess;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weir-oidc-"));
    weir = await front();
    provider = await startProvider(weir.url);
    await writeFile(join(folder, "secret"), provider.clientSecret, { mode: 0o600 });
    const config = {
      publicUrl: weir.url,
      oidc: {
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecretFile: "secret",
        label: "Example ID",
        roles: { "weir-admins": ["admin"] },
      },
    };
    await writeFile(join(folder, "weir.yaml"), JSON.stringify(config)); // JSON is YAML
    const { child, url } = await serve([
      "--listen=127.0.0.1:0",
      "--xds-listen=127.0.0.1:0",
      "--metrics-listen=off",
      `--data=${join(folder, "data")}`,
      `--config=${join(folder, "weir.yaml")}`,
    ]);
    running = child;
    weir.lead(url);
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
    if (running) {
      const ended = new Promise((done) => running.once("exit", done));
      running.kill("SIGINT");
      await ended;
    }
    await provider?.close();
    weir?.server.closeAllConnections();
    weir?.server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("lets in who is in a group, keeps out who is in none, and signs out of both", async () => {
    const page = await browser.context.newPage();
    const wrong = complaints(page);
    await page.goto(`${weir.url}/services`);
    await page.getByRole("link", { name: "Example ID" }).click();
    await page.getByLabel("Name").fill("nobody");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${weir.url}/signin/oidc/callback?*`);
    expect(await page.textContent("body")).toContain("of which none may use Weir");
    wrong.length = 0; // a refusal is a 403, which the console names

    await page.goto(`${weir.url}/services`);
    await page.getByRole("link", { name: "Example ID" }).click();
    await page.getByLabel("Name").fill("ada"); // asked anew, though the provider has somebody signed in
    const began = performance.now();
    await page.keyboard.press("Enter");
    await page.waitForURL(`${weir.url}/services`);
    process.stdout.write(`signed in ${Math.round(performance.now() - began)} ms after the provider's form was sent\n`);
    expect(await page.textContent("body")).toContain("ada");

    const out = page.getByTestId("signout");
    if (!(await out.isVisible())) {
      await page.getByText("ada").first().click(); // the menu that it is in
    }
    await out.click();
    await page.getByRole("button", { name: "Yes, sign out" }).click();
    await page.waitForURL(`${weir.url}/signin`);
    await page.goto(`${weir.url}/services`);
    expect(page.url()).toContain("/signin");
    expect(wrong).toEqual([]);
    // The provider has forgotten who it was: it asks.
    await page.getByRole("link", { name: "Example ID" }).click();
    await page.getByLabel("Name").waitFor();
  });
});
