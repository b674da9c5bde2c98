// The one way by which script loads script: the pages' policy asks for trusted addresses, and trusted is what this
// console serves under /assets/, at an address with a hash. Imported by one bundle only, since a policy's name is taken once.

type Policy = { createScriptURL(address: string): string };
type Factory = { createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): Policy };

/** The address in full, if the console itself serves it as an asset; throws otherwise. */
export function assetAddress(address: string, base: string): string {
  const full = new URL(address, base);
  if (full.origin !== new URL(base).origin || !full.pathname.startsWith("/assets/")) {
    throw new Error(`${address} is not an asset of this console`);
  }
  return full.href;
}

let policy: Policy | undefined;

/** An address that workers may be started from. Browsers without trusted types take it as it is. */
export function trusted(address: string): string {
  const rules = { createScriptURL: (wanted: string): string => assetAddress(wanted, location.href) };
  const { trustedTypes } = globalThis as { trustedTypes?: Factory };
  policy ??= trustedTypes?.createPolicy("weir", rules) ?? rules;
  return policy.createScriptURL(address);
}
