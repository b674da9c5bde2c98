// The header's menus close when somebody goes elsewhere, and its choices of language and theme keep what the page's islands
// have written into the address since it was loaded.

/** Closes open menus, but for the one around an element; gives the summary of a closed one. */
function closeMenus(around?: Element): HTMLElement | undefined {
  let summary: HTMLElement | undefined;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (!around || !menu.contains(around)) {
      menu.open = false;
      summary = menu.querySelector("summary") ?? undefined;
    }
  }
  return summary;
}

/** Puts the address of now, with the choice, into a link that was drawn for the address of then. */
function renew(link: HTMLAnchorElement): void {
  const { look, value } = link.dataset;
  // A page that was posted has another address to come back to.
  if (look && value && link.pathname === location.pathname) {
    const url = new URL(location.href);
    url.searchParams.set(look, value);
    link.href = url.href;
  }
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : undefined;
  closeMenus(target);
  const link = target?.closest<HTMLAnchorElement>("a[data-look]");
  if (link) {
    renew(link);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) {
    closeMenus()?.focus();
  }
});

document.addEventListener("focusin", (event) => {
  if (event.target instanceof Element) {
    closeMenus(event.target);
  }
});
