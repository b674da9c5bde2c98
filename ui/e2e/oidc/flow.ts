// The authorization code flow by hand, without a browser: what a client of the test provider has to do.

import { createHash, randomBytes } from "node:crypto";
import type { startProvider } from "./provider.mjs";

export type Provider = Awaited<ReturnType<typeof startProvider>>;

/** What somebody carries from page to page. */
export class Jar {
  private readonly cookies = new Map<string, string>();

  /** Asks for a page, follows no redirect, and keeps the cookies. */
  async ask(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { ...init, redirect: "manual", headers: { ...init.headers, cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") {
        this.cookies.delete(name);
      } else {
        this.cookies.set(name, value);
      }
    }
    return answer;
  }

  /** Follows redirects of one origin until they lead elsewhere, and gives where to. */
  async follow(url: string, init?: RequestInit): Promise<{ at: URL; answer: Response }> {
    let at = new URL(url);
    let answer = await this.ask(url, init);
    for (let to = answer.headers.get("location"); to; to = answer.headers.get("location")) {
      const next = new URL(to, at);
      if (next.origin !== at.origin) {
        return { at: next, answer };
      }
      at = next;
      answer = await this.ask(at.href);
    }
    return { at, answer };
  }
}

/** Somebody's sign-in up to where the provider sends them, with the verifier of their code. */
export async function authorize(provider: Provider, weir: string, form: Record<string, string>) {
  const verifier = randomBytes(32).toString("base64url");
  const jar = new Jar();
  const query = new URLSearchParams({
    client_id: provider.clientId,
    response_type: "code",
    redirect_uri: `${weir}/signin/oidc/callback`,
    scope: "openid profile email groups",
    state: "a-state",
    nonce: "a-nonce",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const page = await jar.follow(`${provider.issuer}/auth?${query}`);
  const body = new URLSearchParams(form);
  const back = await jar.follow(page.at.href, { method: "POST", body });
  return { jar, verifier, back: back.at, answer: back.answer };
}

/** Gives a code back for tokens. */
export async function exchange(provider: Provider, weir: string, code: string, verifier: string): Promise<Response> {
  const basic = Buffer.from(`${provider.clientId}:${provider.clientSecret}`).toString("base64");
  return fetch(`${provider.issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: `${weir}/signin/oidc/callback`,
      code_verifier: verifier,
    }),
  });
}
