// How a moment is said, in the words of the element that says it.

import { age, sameDay } from "./strip";
import { text } from "./texts";

/** A moment: the time of day, and the date too when it is another day than now. */
export function momentWords(element: Element, at: number, now: number): string {
  const clock = text(element, "utc", { clock: new Date(at).toISOString().slice(11, 19) });
  if (sameDay(at, now)) {
    return clock;
  }
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeZone: "UTC" });
  return `${format.format(at)} ${clock}`;
}

/** Which moment is looked at, and how long ago it was. */
export function bannerWords(element: Element, at: number, now: number): string {
  const { unit, n } = age(now - at);
  const ago = text(element, "ago", { age: text(element, unit, { n }) });
  return text(element, "banner", { moment: momentWords(element, at, now), ago });
}
