// How islands get at live data: they ask by a DOM event, because bundles share no modules, and the page's weir-live
// answers.

import type { Picture } from "./frames";

/** A wish to be told about a view. */
export type Watch = {
  readonly view: string;
  readonly take: (picture: Picture) => void;
  /** The server does not have the view; the message is the server's own. */
  readonly refused?: (message: string) => void;
};

declare global {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of the browser.
  interface DocumentEventMap {
    "weir-watch": CustomEvent<Watch>;
    "weir-unwatch": CustomEvent<Watch>;
    /** A weir-live is there to be asked. */
    "weir-live": Event;
  }
}

/** Calls take with every new picture of a view, or refused once, until the returned function is called. */
export function watch(view: string, take: Watch["take"], refused?: Watch["refused"]): () => void {
  const detail: Watch = { view, take, ...(refused && { refused }) };
  const ask = (): void => {
    document.dispatchEvent(new CustomEvent("weir-watch", { detail }));
  };
  document.addEventListener("weir-live", ask);
  ask();
  return () => {
    document.removeEventListener("weir-live", ask);
    document.dispatchEvent(new CustomEvent("weir-unwatch", { detail }));
  };
}
