// What is read out about a live picture: new problems only, and at most one message in ten seconds. Pure.

import type { Health } from "./frames";
import { severity } from "./scene";

/** Something that has a verdict. */
export type Judged = { readonly id: string; readonly name: string; readonly health: Health; readonly why: string };

const QUIET = 10_000;

/** Remembers what is wrong and what has been said. */
export class Announcer {
  readonly #known = new Map<string, number>();
  readonly #unsaid = new Map<string, Judged>();
  #last = Number.NEGATIVE_INFINITY;
  #begun = false;

  /**
   * Takes the verdicts of a moment (milliseconds) and gives the problems to announce now, the worst first; none while
   * the last message is younger than ten seconds. What was wrong from the start is on the page and not announced.
   */
  next(all: readonly Judged[], now: number): readonly Judged[] {
    const current = new Map(all.map((judged) => [judged.id, judged]));
    for (const judged of all) {
      const bad = severity(judged.health);
      if (bad > (this.#known.get(judged.id) ?? 0) && this.#begun) {
        this.#unsaid.set(judged.id, judged);
      }
      this.#known.set(judged.id, bad);
    }
    for (const id of [...this.#unsaid.keys()]) {
      // What is fine again before it could be said is not news.
      const judged = current.get(id);
      if (judged && severity(judged.health) > 0) {
        this.#unsaid.set(id, judged);
      } else {
        this.#unsaid.delete(id);
      }
    }
    for (const id of [...this.#known.keys()]) {
      if (!current.has(id)) {
        this.#known.delete(id);
      }
    }
    this.#begun = true;
    if (this.#unsaid.size === 0 || now - this.#last < QUIET) {
      return [];
    }
    this.#last = now;
    const said = [...this.#unsaid.values()].sort((a, b) => severity(b.health) - severity(a.health));
    this.#unsaid.clear();
    return said;
  }
}
