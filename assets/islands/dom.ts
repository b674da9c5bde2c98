// The little that islands need to make elements; text is only ever text.

const SVG = "http://www.w3.org/2000/svg";

/** Attributes by name; true sets an empty attribute, false and undefined none. */
export type Attributes = Readonly<Record<string, string | boolean | undefined>>;

function assign(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
}

/** An element with attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...children);
  return element;
}

/** An SVG element with attributes and children. */
export function draw<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  assign(element, attributes);
  element.append(...children);
  return element;
}

/** Sets an attribute if it is another one. */
export function set(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) {
    element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

/** The shape of a verdict, as ui/component/health.templ draws it: a disc, a triangle, a square, a ring. */
export function healthMark(health: string): SVGSVGElement {
  const attributes = {
    class: "health-mark",
    viewBox: "0 0 12 12",
    width: "12",
    height: "12",
    "aria-hidden": "true",
    focusable: "false",
  };
  const svg = draw("svg", attributes);
  switch (health) {
    case "healthy":
      svg.append(draw("circle", { cx: "6", cy: "6", r: "4" }));
      break;
    case "degraded":
      svg.append(draw("path", { d: "M6 .9 11.4 10.6H.6Z" }));
      break;
    case "unhealthy":
      svg.append(draw("rect", { x: "1.4", y: "1.4", width: "9.2", height: "9.2", rx: "1.2" }));
      break;
    default:
      svg.append(draw("circle", { class: health === "idle" ? "hollow" : "hollow broken", cx: "6", cy: "6", r: "3.4" }));
  }
  return svg;
}
