// Which links of the topology only show something else of the same page.

/** Whether a click on a link is answered by the topology itself: another view of the same mesh. */
export function leads(event: MouseEvent, link: HTMLAnchorElement, root: Element): boolean {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const within = root.contains(link) || link.closest(".page-head") !== null;
  if (!within || !plain || event.defaultPrevented || link.hasAttribute("download") || link.target !== "") {
    return false;
  }
  const [here, there] = [new URL(location.href), new URL(link.href)];
  const same = (url: URL): string => [url.origin, url.pathname, url.searchParams.get("mesh") ?? ""].join(" ");
  const loads = ["lang", "theme", "page", "go"].some((name) => there.searchParams.has(name));
  return same(here) === same(there) && there.hash === "" && !loads;
}
