// Keys and pointers on the topology, and what they mean.

import type { Picture } from "./graph-picture";
import { type Direction, walk } from "./graph-walk";

/** What people can ask for. */
export type InputActions = {
  readonly select: (id: string | undefined) => void;
  readonly focus: (id: string) => void;
  readonly table: () => void;
  readonly search: () => void;
  readonly back: () => void;
};

const STEP = 1.25;

/** A pointer that moves less than this many pixels clicks. */
const SLACK = 4;

/** Listens on an element and its picture until the signal. */
export function listen(element: HTMLElement, picture: Picture, actions: InputActions, signal: AbortSignal): void {
  document.addEventListener("keydown", (event) => key(event, element, picture, actions), { signal });
  const { stage } = picture;
  stage.addEventListener("focusin", (event) => arrive(event, picture), { signal });
  stage.addEventListener("wheel", (event) => wheel(event, picture), { signal, passive: false });
  stage.addEventListener("dblclick", (event) => onBox(event, actions.focus), { signal });
  drag(picture, actions, signal);
}

const boxOf = (target: EventTarget | null): string | undefined =>
  (target instanceof Element ? target.closest<HTMLElement>("[data-box]") : undefined)?.dataset.box;

function onBox(event: Event, then: (id: string) => void): void {
  const id = boxOf(event.target);
  if (id) {
    then(id);
  }
}

/** A box got the focus: Tab leads back to it, and it is seen. */
function arrive(event: FocusEvent, picture: Picture): void {
  const id = boxOf(event.target);
  if (id) {
    picture.boxes.current = id;
    // Browsers scroll the stage to what they focus; the picture moves instead.
    picture.stage.scrollTo(0, 0);
    picture.reveal(id);
  }
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");

function key(event: KeyboardEvent, element: HTMLElement, picture: Picture, actions: InputActions): void {
  const { target } = event;
  const inside = target instanceof Node && element.contains(target);
  if (event.ctrlKey || event.metaKey || event.altKey || !(inside || target === document.body)) {
    return;
  }
  if (event.key === "Escape" && (inside || target === document.body)) {
    actions.back();
    return;
  }
  if (typing(target)) {
    return;
  }
  const handled = boxKey(event, picture, actions) || pageKey(event.key, picture, actions);
  if (handled) {
    event.preventDefault();
  }
}

/** Keys on a box. */
function boxKey(event: KeyboardEvent, picture: Picture, actions: InputActions): boolean {
  const id = boxOf(event.target);
  if (!id || !picture.scene) {
    return false;
  }
  switch (event.key) {
    case "Enter":
      actions.focus(id);
      return true;
    case " ":
      if (id.startsWith("more/")) {
        actions.focus(id);
      } else {
        actions.select(id);
      }
      return true;
    case "ArrowLeft":
    case "ArrowRight":
    case "ArrowUp":
    case "ArrowDown": {
      const next = walk(picture.scene, picture.where, id, event.key satisfies Direction);
      picture.boxes.button(next ?? id)?.focus({ preventScroll: true });
      return true;
    }
    default:
      return false;
  }
}

/** Keys on the topology as a whole. */
function pageKey(pressed: string, picture: Picture, actions: InputActions): boolean {
  switch (pressed) {
    case "t":
      actions.table();
      return true;
    case "/":
      actions.search();
      return true;
    case "+":
    case "=":
      picture.zoom(STEP);
      return true;
    case "-":
      picture.zoom(1 / STEP);
      return true;
    case "0":
      picture.fit(true);
      return true;
    default:
      return false;
  }
}

/** The wheel zooms once people are at work in the picture, or with Ctrl; before that the page scrolls. */
function wheel(event: WheelEvent, picture: Picture): void {
  const atWork = picture.stage.contains(document.activeElement);
  if (!event.ctrlKey && !atWork) {
    return;
  }
  event.preventDefault();
  const box = picture.stage.getBoundingClientRect();
  const step = Math.max(-60, Math.min(60, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.004);
  picture.zoom(Math.exp(-step), { x: event.clientX - box.left, y: event.clientY - box.top });
}

/** Dragging pans; a click selects the box or the edge under it, or nothing. */
function drag(picture: Picture, actions: InputActions, signal: AbortSignal): void {
  const { stage } = picture;
  let from: { x: number; y: number; id: number } | undefined;
  let panned = false;
  stage.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0) {
        from = { x: event.clientX, y: event.clientY, id: event.pointerId };
        panned = false;
      }
    },
    { signal },
  );
  stage.addEventListener(
    "pointermove",
    (event) => {
      if (!from || from.id !== event.pointerId) {
        return;
      }
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      if (!panned && Math.hypot(x, y) >= SLACK) {
        panned = true;
        stage.setPointerCapture(event.pointerId);
        stage.toggleAttribute("data-dragging", true);
      }
      if (panned) {
        picture.pan(x, y);
        from = { x: event.clientX, y: event.clientY, id: event.pointerId };
      }
    },
    { signal },
  );
  const end = (): void => {
    from = undefined;
    stage.toggleAttribute("data-dragging", false);
  };
  stage.addEventListener("pointerup", end, { signal });
  stage.addEventListener("pointercancel", end, { signal });
  stage.addEventListener("click", (event) => !panned && click(event, picture, actions), { signal });
}

function click(event: MouseEvent, picture: Picture, actions: InputActions): void {
  const id = boxOf(event.target);
  if (id?.startsWith("more/")) {
    actions.focus(id);
    return;
  }
  const box = picture.stage.getBoundingClientRect();
  const line = id ? undefined : picture.lineAt({ x: event.clientX - box.left, y: event.clientY - box.top });
  actions.select(id ?? line?.key);
}
