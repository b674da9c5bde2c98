// How wide words are, and how they are shortened to fit: measured once for each word and font.

/** Measured words beyond this many are forgotten, all at once. */
const MOST = 20_000;

/** Measures and shortens words for a canvas. */
export class Ink {
  readonly #measure: (font: string, text: string) => number;
  readonly #widths = new Map<string, number>();
  readonly #short = new Map<string, string>();

  /** The measure gives the width in pixels of a text in a font, as a canvas does. */
  constructor(measure: (font: string, text: string) => number) {
    this.#measure = measure;
  }

  width(font: string, text: string): number {
    const key = `${font} ${text}`;
    const known = this.#widths.get(key);
    if (known !== undefined) {
      return known;
    }
    const width = this.#measure(font, text);
    remember(this.#widths, key, width);
    return width;
  }

  /** A text that is no wider than the room: its middle left out, since names of one family differ at their ends. */
  shorten(font: string, text: string, room: number): string {
    const key = `${Math.floor(room)} ${font} ${text}`;
    const known = this.#short.get(key);
    if (known !== undefined) {
      return known;
    }
    const short = this.width(font, text) <= room ? text : this.#cut(font, text, room);
    remember(this.#short, key, short);
    return short;
  }

  #cut(font: string, text: string, room: number): string {
    const letters = graphemes(text);
    let [least, most] = [0, letters.length - 1];
    const keep = (count: number): string => {
      const end = Math.floor(count * 0.45);
      return `${letters.slice(0, count - end).join("")}…${end > 0 ? letters.slice(-end).join("") : ""}`;
    };
    while (least < most) {
      const middle = Math.ceil((least + most) / 2);
      if (this.width(font, keep(middle)) <= room) {
        least = middle;
      } else {
        most = middle - 1;
      }
    }
    return least > 0 ? keep(least) : "";
  }
}

/** Ink as a canvas has it. */
export function inkOf(canvas: HTMLCanvasElement): Ink {
  const context = canvas.getContext("2d");
  return new Ink((font, text) => {
    if (context) {
      context.font = font;
    }
    return context?.measureText(text).width ?? 0;
  });
}

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  if (known.size >= MOST) {
    known.clear();
  }
  known.set(key, value);
}

/** What readers see as letters: nothing is cut out of the middle of an emoji or a syllable. */
function graphemes(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII needs no segmenter.
  if (/^[\x00-\x7f]*$/.test(text)) {
    return [...text];
  }
  return "Segmenter" in Intl ? Array.from(new Intl.Segmenter().segment(text), (part) => part.segment) : [...text];
}

/** Whether a text begins in a script that runs from right to left. */
export const runsLeft = (text: string): boolean =>
  /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(text);
