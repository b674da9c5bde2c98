// A small identity provider for tests: npm's oidc-provider, which is certified, with two people, one page to sign in on and
// one to sign out on. Whoever signs in gives the name alone; there is no password to know.
//
//   node ui/e2e/oidc/provider.mjs http://127.0.0.1:8080
//
// prints the configuration of a Weir at that address, and goes on until it is stopped.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Provider } from "oidc-provider";

/** Who there is, and in which groups. */
export const people = {
  ada: { name: "Ada Lovelace", groups: ["weir-admins", "staff"] },
  nobody: { name: "Nobody Special", groups: ["staff"] },
};

/** What the provider calls Weir. */
export const clientId = "weir";

/**
 * Starts a provider for a Weir at an address, such as http://127.0.0.1:8080.
 * @param {string} weir
 */
export async function startProvider(weir) {
  const clientSecret = randomUUID();
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(undefined)));
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new Error("the provider has no port");
  }
  const issuer = `http://127.0.0.1:${address.port}`;
  const provider = new Provider(issuer, configuration(weir, clientSecret));
  const answer = provider.callback();
  server.on("request", (request, response) => {
    const match = /^\/interaction\/[\w-]+$/.exec(request.url ?? "");
    const done = match ? interact(provider, request, response) : answer(request, response);
    Promise.resolve(done).catch((error) => {
      response.statusCode = 400;
      response.end(String(error));
    });
  });
  const close = () =>
    new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    });
  return { issuer, clientId, clientSecret, close };
}

/**
 * @param {string} weir
 * @param {string} clientSecret
 */
function configuration(weir, clientSecret) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${weir}/signin/oidc/callback`],
        post_logout_redirect_uris: [`${weir}/signin`],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomUUID() }] },
    cookies: { keys: [randomUUID()] },
    scopes: ["openid", "profile", "email", "groups"],
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    pkce: { required: () => true },
    findAccount,
    loadExistingGrant,
    interactions: { url: (/** @type {unknown} */ _, /** @type {{ uid: string }} */ { uid }) => `/interaction/${uid}` },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true, logoutSource: askToSignOut, postLogoutSuccessSource: signedOut },
    },
  };
}

/**
 * @param {unknown} _
 * @param {string} id
 */
function findAccount(_, id) {
  const person = Object.hasOwn(people, id) ? people[/** @type {keyof typeof people} */ (id)] : undefined;
  return (
    person && {
      accountId: id,
      claims: () => ({
        sub: id,
        name: person.name,
        preferred_username: id,
        email: `${id}@example.com`,
        email_verified: true,
        groups: person.groups,
      }),
    }
  );
}

/** Weir is this provider's own: nobody is asked whether it may know who they are. */
async function loadExistingGrant(/** @type {any} */ ctx) {
  const { client, session, provider, result } = ctx.oidc;
  const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  if (known) {
    return provider.Grant.find(known);
  }
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope("openid profile email groups");
  await grant.save();
  return grant;
}

/**
 * The page on which somebody signs in.
 * @param {any} provider
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function interact(provider, request, response) {
  await provider.interactionDetails(request, response); // it has to be of this browser
  if (request.method === "POST") {
    let body = "";
    for await (const part of request) {
      body += part;
    }
    const form = new URLSearchParams(body);
    const name = form.get("name") ?? "";
    const result = form.has("cancel")
      ? { error: "access_denied", error_description: "cancelled" }
      : Object.hasOwn(people, name) && { login: { accountId: name } };
    if (result) {
      return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    }
  }
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(
    page(
      "Example ID",
      `<form method="post"><label>Name <input name="name" autofocus></label>
       <button>Continue</button> <button name="cancel" value="1">Cancel</button></form>`,
    ),
  );
}

/**
 * @param {any} ctx
 * @param {string} form
 */
function askToSignOut(ctx, form) {
  ctx.body = page(
    "Sign out of Example ID?",
    `${form}<button form="op.logoutForm" name="logout" value="yes">Yes, sign out</button>`,
  );
}

/** @param {any} ctx */
function signedOut(ctx) {
  ctx.body = page("Signed out of Example ID", "");
}

/**
 * @param {string} title
 * @param {string} body
 */
function page(title, body) {
  return `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${body}</html>`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const weir = process.argv[2] ?? "http://127.0.0.1:8080";
  const { issuer, clientSecret } = await startProvider(weir.replace(/\/$/, ""));
  process.stdout.write(`publicUrl: ${weir}
oidc:
  issuer: ${issuer}
  clientId: ${clientId}
  clientSecretFile: oidc-secret   # holds ${clientSecret}
  roles: {weir-admins: [admin]}
`);
}
