// Links to moments of the page that is shown.

import { set } from "./dom";
import { iso } from "./strip";

/** Makes a link lead to a moment, or to the present; one that leads nowhere can be neither pressed nor reached. */
export function lead(link: HTMLAnchorElement, at: number | undefined, somewhere: boolean): void {
  const url = new URL(location.href);
  if (at === undefined) {
    url.searchParams.delete("at");
  } else {
    url.searchParams.set("at", iso(at));
  }
  link.href = url.href;
  set(link, "aria-disabled", somewhere ? undefined : "true");
  set(link, "tabindex", somewhere ? undefined : "-1");
}
