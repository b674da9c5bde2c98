// What is looked up in a scene again and again, worked out once for each. Pure.

import { type Line, type Scene, severity, type Unit } from "./scene";

/** A scene by its parts. */
export class SceneIndex {
  readonly units: ReadonlyMap<string, Unit>;
  /** All lines, those drawn first first: what is wrong comes last and lies on top. */
  readonly lines: readonly Line[];
  /** The largest rate of a line. */
  readonly largest: number;
  readonly #scene: Scene;
  #touching: Map<string, Line[]> | undefined;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.units = new Map(scene.units.map((unit) => [unit.id, unit]));
    this.lines = [...scene.lines].sort((a, b) => severity(a.row.health) - severity(b.row.health));
    this.largest = scene.lines.reduce((most, line) => Math.max(most, line.row.rate), 0);
  }

  /** The unit around a box. */
  unitOf = (id: string): string => this.#scene.unitOf.get(id) ?? id;

  /** The lines that begin or end in a unit or one of its boxes. */
  touching(unit: string): readonly Line[] {
    this.#touching ??= this.#collect();
    return this.#touching.get(unit) ?? [];
  }

  #collect(): Map<string, Line[]> {
    const found = new Map<string, Line[]>();
    for (const line of this.#scene.lines) {
      for (const id of new Set([this.unitOf(line.from), this.unitOf(line.to)])) {
        const lines = found.get(id) ?? [];
        lines.push(line);
        found.set(id, lines);
      }
    }
    return found;
  }
}

/** What decides where things stand: the same signature needs no other layout. */
export const signature = (scene: Scene): string[] => [
  ...scene.units.flatMap((unit) => [unit.id, ...unit.members.map((box) => box.id), ""]),
  ...scene.lines.map((line) => line.key),
];

export const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);
