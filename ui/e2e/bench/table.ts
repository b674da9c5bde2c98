// Figures beside their limits, in the form of `weir bench`.

/** One figure. Without a limit it is only told. */
export type Row = {
  readonly what: string;
  readonly got: number;
  readonly unit: string;
  readonly limit?: number;
};

/** The median of some figures. */
export function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());

/** Writes the rows as a table. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ what, got, unit, limit }) => [
    what,
    Number.isFinite(got) ? `${digits(got)} ${unit}` : "not measured",
    limit === undefined ? "" : `≤ ${limit} ${unit}`,
    limit === undefined || got <= limit ? "" : "not reached",
  ]);
  const all = [["WORK", "MEASURED", "LIMIT", ""], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((line) => [...(line[column] ?? "")].length)) + 3);
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
