// The buttons on the picture of a topology, and its search.

import { make } from "./dom";
import type { Picture } from "./graph-picture";
import type { Words } from "./graph-words";

/** What the buttons ask for beyond the picture itself. */
export type ToolActions = { readonly tidy: () => void; readonly search: () => void };

const STEP = 1.25;

/** Makes the toolbar. */
export function tools(words: Words, picture: Picture, placeholder: string, actions: ToolActions) {
  const search = make("input", {
    type: "search",
    class: "wg-search",
    placeholder,
    "aria-label": placeholder,
    autocomplete: "off",
  });
  search.addEventListener("input", actions.search);
  const button = (name: string, glyph: string, press: () => void): HTMLButtonElement => {
    const label = words.say(name);
    const attributes = { type: "button", "data-tool": name, ...(glyph ? { title: label, "aria-label": label } : {}) };
    const made = make("button", attributes, glyph || label);
    made.addEventListener("click", press);
    return made;
  };
  const motion = button("motion", "", () => {
    picture.dots.wanted = !picture.dots.wanted;
    motion.setAttribute("aria-pressed", String(picture.dots.wanted));
  });
  motion.setAttribute("aria-pressed", String(!window.matchMedia("(prefers-reduced-motion: reduce)").matches));
  const buttons = make(
    "div",
    { class: "wg-tools" },
    motion,
    button("tidy", "", actions.tidy),
    button("zoom-out", "−", () => picture.zoom(1 / STEP)),
    button("zoom-in", "+", () => picture.zoom(STEP)),
    button("fit", "⤢", () => picture.fit(true)),
  );
  return { buttons, search };
}
