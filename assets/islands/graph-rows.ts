// Which rows of a long table are in the document: those that are seen and some on either side. Pure.

/** A stretch of a table. */
export type Stretch = { readonly from: number; readonly rows: number };

/** Rows that are in the document at most; the server gives no more at once. */
export const MOST = 150;

/** Stretches begin at multiples of this, so that a little scrolling asks for nothing new. */
const STEP = 25;

/**
 * The stretch to have when the rows from first to last are seen, of so many; the present one when it serves. A stretch
 * reaches as far above as below what is seen.
 */
export function stretch(present: Stretch, first: number, last: number, total: number): Stretch {
  const end = Math.min(total, last + 1);
  if (first >= present.from && end <= Math.min(total, present.from + present.rows)) {
    return present;
  }
  const spare = Math.max(0, MOST - (end - first)) / 2;
  const wanted = Math.floor(Math.max(0, first - spare) / STEP) * STEP;
  return { from: Math.min(wanted, Math.max(0, Math.ceil((total - MOST) / STEP) * STEP)), rows: MOST };
}
