// Parts of pages fetched from the server. They are read by XMLHttpRequest as documents: scripts in them never run, and no
// string is turned into HTML by script, so that Trusted Types can be required without any policy.

/** A document with the tag by which the server knows what it said, if it gave one. */
export type Tagged = { readonly document: Document; readonly tag: string | null };

/** Fetches a page or a fragment as a document. */
export const fetchDocument = async (url: string, signal?: AbortSignal): Promise<Document> =>
  (await fetchTagged(url, undefined, signal)).document;

/** Fetches a document, or gives the one that there was when the server says that nothing is different. */
export function fetchTagged(url: string, last: Tagged | undefined, signal?: AbortSignal): Promise<Tagged> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 10_000;
    request.setRequestHeader("Accept", "text/html");
    if (last?.tag) {
      request.setRequestHeader("If-None-Match", last.tag);
    }
    request.onload = () => {
      if (request.status === 200 && request.response instanceof Document) {
        resolve({ document: request.response, tag: request.getResponseHeader("ETag") });
      } else if (request.status === 304 && last) {
        resolve(last);
      } else {
        reject(new Error(`${url}: status ${request.status}`));
      }
    };
    const fail = (): void => reject(new Error(`${url}: no answer`));
    request.onerror = fail;
    request.ontimeout = fail;
    request.onabort = fail;
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send();
  });
}

/** An island that wants to know that the server's markup inside it was renewed. */
export type Refreshed = { refreshed(): void };

/**
 * Makes an element's children like those of another, changing only what differs: focus, selection and edits stay, and so
 * does what the other marks with data-keep because its island looks after it.
 */
export function morphChildren(into: Element, from: Element): void {
  reconcile(into, from);
  for (const element of into.querySelectorAll<HTMLElement & Partial<Refreshed>>("*")) {
    if (element.localName.includes("-")) {
      element.refreshed?.();
    }
  }
}

/** What tells siblings of one kind apart. */
function keyOf(node: Node): string {
  if (!(node instanceof Element)) {
    return node.nodeName;
  }
  const key =
    node.id || node.getAttribute("data-edge") || node.getAttribute("data-truth") || node.getAttribute("data-key");
  return key ? `${node.nodeName} ${key}` : node.nodeName;
}

function reconcile(into: Element, from: Element): void {
  const wanted = [...from.childNodes].filter((node) => node.nodeName !== "SCRIPT");
  const spare = new Map<string, ChildNode[]>();
  for (const node of into.childNodes) {
    const key = keyOf(node);
    spare.set(key, [...(spare.get(key) ?? []), node]);
  }
  let at: ChildNode | null = into.firstChild;
  for (const node of wanted) {
    const match = spare.get(keyOf(node))?.shift();
    if (match) {
      if (match === at) {
        at = at.nextSibling;
      } else {
        into.insertBefore(match, at);
      }
      if (!(node instanceof Element && node.hasAttribute("data-keep"))) {
        update(match, node);
      }
    } else {
      into.insertBefore(document.importNode(node, true), at);
    }
  }
  for (const node of [...spare.values()].flat()) {
    node.remove();
  }
}

function update(node: ChildNode, from: ChildNode): void {
  if (node instanceof Element && from instanceof Element) {
    attributes(node, from);
    if (!(node instanceof HTMLTextAreaElement)) {
      reconcile(node, from);
    }
  } else if (node.nodeValue !== from.nodeValue) {
    node.nodeValue = from.nodeValue;
  }
}

/** What people changed is theirs: open details, and the values of fields they edited or stand in. */
function attributes(node: Element, from: Element): void {
  const edited =
    node instanceof HTMLInputElement &&
    (node === document.activeElement || node.value !== node.defaultValue || node.checked !== node.defaultChecked);
  const theirs = (name: string): boolean =>
    (node.localName === "details" && name === "open") || (edited && (name === "value" || name === "checked"));
  for (const { name } of [...node.attributes]) {
    if (!from.hasAttribute(name) && !theirs(name)) {
      node.removeAttribute(name);
    }
  }
  for (const { name, value } of from.attributes) {
    if (!theirs(name) && node.getAttribute(name) !== value) {
      node.setAttribute(name, value);
    }
  }
}
