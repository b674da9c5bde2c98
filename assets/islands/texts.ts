// Words come from the server, in the page's language: data-text-… attributes with {placeholders}.

/** A text of an element with its placeholders filled in; empty when the server gave none. */
export function text(element: Element, name: string, values: Readonly<Record<string, string>> = {}): string {
  return fill(element.getAttribute(`data-text-${name}`) ?? "", values);
}

/** A template with its placeholders filled in; those without a value stay. */
export const fill = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

/** Sets an element's text if it is another one, so that nothing is announced or selected anew for no reason. */
export function write(element: Element, words: string): void {
  if (element.textContent !== words) {
    element.textContent = words;
  }
}
