// Which moment the page is about: the scrubber says it, whoever shows numbers follows. By DOM events, because bundles
// share no modules.

/** A moment as RFC 3339 writes it, with what its numbers are taken over; no moment is the present. */
export type Moment = { readonly at: string | undefined; readonly window: string };

/** What became of a moment that was asked for. */
export type Shown =
  | { readonly state: "loading" | "shown"; readonly notes?: readonly string[] }
  | { readonly state: "failed"; readonly reason: string };

declare global {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of the browser.
  interface DocumentEventMap {
    "weir-moment": CustomEvent<Moment>;
    "weir-moment-shown": CustomEvent<Shown>;
  }
}

/** Tells everybody which moment the page is about now. */
export const announce = (detail: Moment): void => {
  document.dispatchEvent(new CustomEvent("weir-moment", { detail }));
};

/** Tells what became of it. */
export const report = (detail: Shown): void => {
  document.dispatchEvent(new CustomEvent("weir-moment-shown", { detail }));
};
