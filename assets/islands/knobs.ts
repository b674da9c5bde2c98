// What a person can turn about a cause: the page of its knob, and that of the limit that it is beyond. Pure.

import type { Cause } from "./frames";

/** A link of the topology's element (data-href-knob-…) and what fills it. */
export type Knob = {
  readonly name: string;
  readonly values: { readonly service: string; readonly node: string; readonly form?: string };
};

/** Causes that are judged by a limit which people set. */
const LIMITED = ["errors", "latency", "error-budget", "slow-budget"];

/** Knobs that need no service. */
const ALONE = ["backends", "instances"];

/** The knobs of a cause of a box: the object that it names, or else the box's own. */
export function knobs(
  cause: Cause | undefined,
  box: { readonly service: string | undefined; readonly node: string | undefined },
): readonly Knob[] {
  if (!cause) {
    return [];
  }
  const { object = "", values = {} } = cause as Cause & { readonly object?: string };
  const [kind = "", ...rest] = object.split("/");
  const named = rest.join("/");
  const node = (kind === "node" ? named : values?.node) ?? box.node ?? "";
  const service = (kind === "service" ? named : box.service) ?? "";
  const filled = { service, node };
  const found: Knob[] = [];
  if (cause.knob) {
    // A box that no service stands before has no page of its own: who calls it is the best there is.
    const alone = ALONE.includes(cause.knob) || service !== "";
    found.push({ name: alone ? cause.knob : "backends", values: filled });
  }
  if (LIMITED.includes(cause.code ?? "")) {
    const where = values?.where ?? "";
    const [of = "", ...name] = where.split("/");
    if (of === "mesh" || (of === "" && service === "")) {
      found.push({ name: "mesh", values: filled });
    } else if (of === "route" && service !== "") {
      // A route's limits have a form of their own, on the page of the service that it is behind.
      found.push({ name: "route-limits", values: { service, node, form: name.join("-") } });
    } else {
      found.push({ name: "limits", values: { service: of === "service" ? name.join("/") : service, node } });
    }
  }
  return found.filter(({ name, values: { node: of, service: before } }) =>
    name === "backends" ? of !== "" : ["instances", "mesh"].includes(name) || before !== "",
  );
}
