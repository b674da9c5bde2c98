// The buttons on the picture of a topology.

import { draw, make } from "./dom";
import type { Picture } from "./graph-picture";
import type { Words } from "./graph-words";

const STEP = 1.25;

/** Makes the buttons; tidy lays the picture out anew, screen shows the element on all of the screen. */
export function tools(words: Words, picture: Picture, tidy: () => void, screen: Element): HTMLElement {
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
  const whole = button("fullscreen", " ", () => {
    void (document.fullscreenElement ? document.exitFullscreen() : screen.requestFullscreen());
  });
  // No font can be relied on to have a sign for it.
  const corners = "M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9";
  const sign = draw("svg", {
    viewBox: "0 0 14 14",
    width: "14",
    height: "14",
    "aria-hidden": "true",
    class: "wg-sign",
  });
  sign.append(draw("path", { d: corners }));
  whole.replaceChildren(sign);
  whole.hidden = !document.fullscreenEnabled;
  return make(
    "div",
    { class: "wg-tools" },
    motion,
    button("tidy", "", tidy),
    button("zoom-out", "−", () => picture.zoom(1 / STEP)),
    button("zoom-in", "+", () => picture.zoom(STEP)),
    button("fit", "⤢", () => picture.fit(true)),
    whole,
  );
}
