// A figure's numbers as rows of a table.

import { make } from "./dom";

/** How many moments a table shows; of more, every second, third … is left out. */
const ROWS = 45;

/** The rows of a table, the newest moment first: its time, and what each line is then. */
export function tableRows(
  at: readonly number[],
  lines: readonly (readonly (number | null)[])[],
  words: (value: number | undefined) => string,
): HTMLElement[] {
  const every = Math.max(1, Math.ceil(at.length / ROWS));
  const made: HTMLElement[] = [];
  for (let i = at.length - 1; i >= 0; i -= every) {
    const moment = new Date(at[i] ?? 0).toISOString();
    const time = make("time", { datetime: moment }, moment.slice(11, 19));
    const cells = lines.map((line) => make("td", { class: "number" }, words(line[i] ?? undefined)));
    made.push(make("tr", {}, make("th", { scope: "row" }, time), ...cells));
  }
  return made;
}
