// Numbers as the server's pages write them (ui/i18n/format.go), so that live values look like those they replace. Pure.

/** How units are written, with {n} for the number. */
export type Units = { readonly perSecond: string; readonly percent: string; readonly ms: string; readonly s: string };

/** Units in symbols, for languages that bring no others. */
export const symbols: Units = { perSecond: "{n}/s", percent: "{n}\u00a0%", ms: "{n}\u00a0ms", s: "{n}\u00a0s" };

/** What stands for a number that is not known. */
const NONE = "–";

const put = (unit: string, n: string): string => unit.replace("{n}", n);

/** A number with as many decimals as it deserves: "0.4", "74.8", "1,480". */
export function number(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) {
    return NONE;
  }
  if (size >= 100 || value === Math.trunc(value)) {
    return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
  }
  return size < 0.05 ? "<0.1" : value.toFixed(1);
}

/** A number per second: "74.8/s". */
export const rate = (perSecond: number, units: Units = symbols): string => put(units.perSecond, number(perSecond));

/** A share from 0 to 1 in percent: "0.2 %". */
export function ratio(value: number, units: Units = symbols): string {
  const percent = value * 100;
  if (!Number.isFinite(percent)) {
    return NONE;
  }
  if (percent > 0 && percent < 0.05) {
    return put(units.percent, "<0.1");
  }
  return put(units.percent, percent.toFixed(percent === 0 || percent >= 99.95 ? 0 : 1));
}

/** A configured share from 0 to 1: "25 %", or "33.3 %" when it is not whole. */
export function share(value: number, units: Units = symbols): string {
  const percent = value * 100;
  return Math.abs(percent - Math.round(percent)) < 1e-6
    ? put(units.percent, String(Math.round(percent)))
    : ratio(value, units);
}

/** A latency in seconds: "21 ms", "1.20 s". Zero is "not known". */
export function latency(seconds: number, units: Units = symbols): string {
  const ms = seconds * 1000;
  if (!Number.isFinite(ms) || ms <= 0) {
    return NONE;
  }
  if (ms < 999.5) {
    return put(units.ms, ms.toFixed(ms < 9.95 ? 1 : 0));
  }
  return put(units.s, seconds.toFixed(2));
}
