// Keys and pointers on the topology, and what they mean.

import type { Picture } from "./graph-picture";
import { type Direction, walk } from "./graph-walk";
import type { Point } from "./layout";

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
  stage.addEventListener("dblclick", (event) => onBox(event, picture, actions.focus), { signal });
  stage.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), {
    signal,
    passive: false,
  });
  hold(picture, signal);
  stage.addEventListener("click", (event) => click(event, picture, actions), { signal });
}

const boxOf = (target: EventTarget | null): string | undefined =>
  (target instanceof Element ? target.closest<HTMLElement>("[data-box]") : undefined)?.dataset.box;

/** Where on the stage something happened. */
function spot(event: MouseEvent, { stage }: Picture): Point {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function onBox(event: MouseEvent, picture: Picture, then: (id: string) => void): void {
  const id = boxOf(event.target) ?? picture.unitAt(spot(event, picture));
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
  // Whatever holds all of it has the focus when nothing else does: the body, or the page's main part after a click.
  const around = target instanceof Node && target.contains(element);
  if (event.ctrlKey || event.metaKey || event.altKey || !(inside || around)) {
    return;
  }
  if (event.key === "Escape") {
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
      picture.focus(next ?? id);
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
  const step = Math.max(-60, Math.min(60, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.004);
  picture.zoom(Math.exp(-step), spot(event, picture));
}

/** Dragging pans, two fingers zoom and pan at once. What is dragged is not clicked. */
function hold(picture: Picture, signal: AbortSignal): void {
  const { stage } = picture;
  const held = new Map<number, Point>();
  let panned = false;
  const listen = (
    name: "pointerdown" | "pointermove" | "pointerup" | "pointercancel",
    act: (e: PointerEvent) => void,
  ) => stage.addEventListener(name, act, { signal });
  listen("pointerdown", (event) => {
    if (event.button === 0) {
      panned &&= held.size > 0;
      held.set(event.pointerId, spot(event, picture));
    }
  });
  listen("pointermove", (event) => {
    const from = held.get(event.pointerId);
    const to = spot(event, picture);
    if (!from || (!panned && held.size < 2 && Math.hypot(to.x - from.x, to.y - from.y) < SLACK)) {
      return;
    }
    if (!panned) {
      panned = true;
      stage.toggleAttribute("data-dragging", true);
    }
    stage.setPointerCapture(event.pointerId);
    held.set(event.pointerId, to);
    const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (other) {
      pinch(picture, other, from, to);
    } else {
      drag(picture, to.x - from.x, to.y - from.y, event.pointerType === "touch");
    }
  });
  const end = (event: PointerEvent): void => {
    held.delete(event.pointerId);
    stage.toggleAttribute("data-dragging", false);
  };
  listen("pointerup", end);
  listen("pointercancel", end);
  stage.addEventListener("click", (event) => panned && event.stopImmediatePropagation(), { signal, capture: true });
}

/** Two fingers, of which one moved: their distance scales around their middle, and the middle moves. */
function pinch(picture: Picture, other: Point, from: Point, to: Point): void {
  const far = (a: Point, b: Point): number => Math.max(8, Math.hypot(a.x - b.x, a.y - b.y));
  picture.zoom(far(other, to) / far(other, from), { x: (other.x + to.x) / 2, y: (other.y + to.y) / 2 });
  picture.pan((to.x - from.x) / 2, (to.y - from.y) / 2);
}

/** A finger that drags the picture beyond its end scrolls the page, which would otherwise be held by it. */
function drag(picture: Picture, x: number, y: number, finger: boolean): void {
  const { up, down } = picture.slack();
  const within = finger ? Math.max(-up, Math.min(down, y)) : y;
  picture.pan(x, within);
  if (within !== y) {
    window.scrollBy(0, within - y);
  }
}

/** A click selects the box or the edge under it, or nothing. */
function click(event: MouseEvent, picture: Picture, actions: InputActions): void {
  const at = spot(event, picture);
  const id = boxOf(event.target) ?? picture.unitAt(at);
  if (id?.startsWith("more/")) {
    actions.focus(id);
    return;
  }
  actions.select(id ?? picture.lineAt(at)?.key);
}
