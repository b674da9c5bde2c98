// Signing in through an identity provider.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authorize, exchange, type Provider } from "./oidc/flow.ts";
import { startProvider } from "./oidc/provider.mjs";

const WEIR = "http://127.0.0.1:8080";

describe("the provider of the tests", () => {
  let provider: Provider;

  beforeAll(async () => {
    provider = await startProvider(WEIR);
  });

  afterAll(() => provider.close());

  const claims = async (tokens: { access_token: string }): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${provider.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    return (await answer.json()) as Record<string, unknown>;
  };

  it("says who somebody is and in which groups, to whoever holds the code's verifier, once", async () => {
    const { back, verifier } = await authorize(provider, WEIR, { name: "ada" });
    expect(back.origin + back.pathname).toBe(`${WEIR}/signin/oidc/callback`);
    expect(back.searchParams.get("state")).toBe("a-state");
    expect(back.searchParams.get("iss")).toBe(provider.issuer);
    const code = back.searchParams.get("code") ?? "";
    const tokens = (await (await exchange(provider, WEIR, code, verifier)).json()) as { access_token: string };
    expect(await claims(tokens)).toMatchObject({ preferred_username: "ada", groups: ["weir-admins", "staff"] });
    expect((await exchange(provider, WEIR, code, verifier)).status, "the code again").toBe(400);
  });

  it("takes a code back from nobody else", async () => {
    const { back } = await authorize(provider, WEIR, { name: "nobody" });
    const code = back.searchParams.get("code") ?? "";
    expect((await exchange(provider, WEIR, code, "A".repeat(43))).status).toBe(400);
  });

  it("lets in nobody whom it does not know, and lets people think again", async () => {
    const stranger = await authorize(provider, WEIR, { name: "__proto__" });
    expect(stranger.back.origin).toBe(provider.issuer);
    expect(await stranger.answer.text()).toContain("Example ID");
    const { back } = await authorize(provider, WEIR, { cancel: "1" });
    expect(back.searchParams.get("error")).toBe("access_denied");
  });
});
