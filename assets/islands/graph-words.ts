// What the topology says about boxes and edges, from the texts of its element.

import { latency, number, rate, ratio, share, symbols, type Units } from "./format";
import type { Cause, Scene as Chosen, Health, Row } from "./frames";
import type { Scene, Traffic, Unit } from "./scene";
import { fill, text } from "./texts";

/** The glyphs of verdicts where there is only text. */
const glyphs: Partial<Record<Health, string>> = { degraded: "▲ ", unhealthy: "■ " };

/** The words of one weir-graph element. */
export class Words {
  readonly #element: Element;
  readonly units: Units;
  /** What calls are labelled with: "rate", "errors" or "p95"; empty for all three. */
  metric = "";

  constructor(element: Element) {
    this.#element = element;
    const or = (name: string, symbol: string): string => text(element, name) || symbol;
    this.units = {
      perSecond: or("per-second", symbols.perSecond),
      percent: or("percent", symbols.percent),
      ms: or("ms", symbols.ms),
      s: or("s", symbols.s),
    };
  }

  say(name: string, values: Readonly<Record<string, string>> = {}): string {
    return text(this.#element, name, values);
  }

  /** A text that counts: with -one for one where the language has a singular. */
  count(name: string, n: number, values: Readonly<Record<string, string>> = {}): string {
    const all = { ...values, n: String(n) };
    return (n === 1 && this.say(`${name}-one`, all)) || this.say(name, all);
  }

  rate = (value: number): string => rate(value, this.units);
  ratio = (value: number): string => ratio(value, this.units);
  share = (value: number): string => share(value, this.units);
  latency = (value: number): string => latency(value, this.units);

  /** The label of an edge: "237/s · 23.0 % · 280 ms"; a share of nothing and a time of nothing are left out. */
  label(row: Traffic & { readonly health: Health }): string {
    if (row.rate <= 0) {
      return "";
    }
    const wants = (metric: string): boolean => this.metric === "" || this.metric === metric;
    const parts = wants("rate") ? [this.rate(row.rate)] : [];
    if (wants("errors") && (row.errors >= 0.0005 || this.metric !== "")) {
      parts.push(this.ratio(row.errors));
    }
    if (wants("p95") && row.p95 > 0) {
      parts.push(this.latency(row.p95));
    }
    return (glyphs[row.health] ?? "") + parts.join(" · ");
  }

  /** The name of a unit as it is drawn. */
  name(unit: Unit, side?: "callers" | "callees"): string {
    if (unit.kind === "more") {
      return this.say(`more-${side ?? "callees"}`, { n: unit.name });
    }
    return unit.kind === "unknown" ? this.say("outside") || unit.name : unit.name;
  }

  /** The second line of a box: what it receives or, if that is nothing, what it sends or is. */
  detail(unit: Unit, sent: number): string {
    const { rate, errors, p95 } = unit.traffic;
    const several = unit.members.length > 1;
    const parts = [
      rate > 0 ? this.rate(rate) : sent > 0 ? this.rate(sent) : "",
      errors >= 0.0005 ? this.ratio(errors) : "",
      // Beside a service's name, or before neighbours that are not drawn, there is no room for more.
      rate > 0 && p95 > 0 && !several && unit.hidden === 0 ? this.latency(p95) : "",
      unit.hidden > 0 && unit.kind !== "more" ? this.say("hidden", { n: String(unit.hidden) }) : "",
    ].filter((part) => part !== "");
    return parts.length > 0 ? parts.join(" · ") : this.say(unit.kind === "more" ? unit.health : unit.kind);
  }

  /** A box in one sentence, for those who do not see it. */
  sentence(unit: Unit, scene: Scene, name: string): string {
    const inside = new Set([unit.id, ...unit.members.map((box) => box.id)]);
    const neighbours = (from: "from" | "to"): string => {
      const other = from === "from" ? "to" : "from";
      const near = scene.lines.filter((line) => inside.has(line[other]) && !inside.has(line[from]));
      return String(new Set(near.map((line) => scene.unitOf.get(line[from]) ?? line[from])).size);
    };
    return this.say("box", {
      kind: this.say(unit.kind === "unknown" ? "external" : unit.kind),
      name,
      health: this.say(unit.health),
      rate: this.rate(unit.traffic.rate),
      errors: this.ratio(unit.traffic.errors),
      p95: this.latency(unit.traffic.p95),
      callers: neighbours("from"),
      callees: neighbours("to"),
    });
  }

  /** A version in one sentence. */
  version(
    row: Row,
    values: { name: string; service: string; share: string; callers: string; callees: string },
  ): string {
    return this.say("version", {
      ...values,
      kind: this.say("node"),
      health: this.say(row.health),
      rate: this.rate(row.rate),
      errors: this.ratio(row.errors),
      p95: this.latency(row.p95),
    });
  }

  /** Why a row has its verdict, in the page's language as far as the page has the words. */
  why(row: Row): { readonly text: string; readonly cause: Cause | undefined }[] {
    // Values come as English writes them.
    const told = (value: string): string =>
      value.replace(/^(.*)\s%$/, (_, n: string) => fill(this.units.percent, { n }));
    const values = (cause: Cause): Record<string, string> =>
      Object.fromEntries(Object.entries(cause.values ?? {}).map(([name, value]) => [name, told(value)]));
    const said = row.causes.map((cause, i) => ({
      text: this.say(`cause-${cause.code}`, values(cause)) || (row.why[i] ?? ""),
      cause,
    }));
    const rest = row.why.slice(row.causes.length).map((words) => ({ text: words, cause: undefined }));
    return [...said, ...rest].filter((entry) => entry.text !== "");
  }

  /** Use beside its limit. */
  use(use: number, limit: number): string {
    return limit > 0 ? this.say("of", { use: number(use), limit: number(limit) }) : number(use);
  }

  /** The picture in a sentence: what is wrong, and how much of the mesh is there. */
  caption(chosen: Chosen, lines: number): string {
    const { units, unitTotal, problems } = chosen;
    const values = { units: String(units), total: String(unitTotal) };
    const how = units === unitTotal ? "all" : "some";
    if (unitTotal === 0) {
      return this.say("nothing");
    }
    if (units === 0 && (chosen.hid ?? 0) > 0) {
      return this.say("all-hidden");
    }
    const parts = [problems > 0 ? this.count(`problems-${how}`, problems, values) : this.say(`well-${how}`, values)];
    if (lines < chosen.lines) {
      parts.push(this.say("lines-some", { n: String(lines), total: String(chosen.lines) }));
    }
    if (chosen.hidProblems) {
      parts.push(this.count("hidden-problems", chosen.hidProblems));
    }
    return parts.join(" · ");
  }

  /** The address of a page about a box; none in the past, because pages show and change what is now. */
  href(name: string, values: Readonly<Record<string, string>>): string {
    if (this.#element.hasAttribute("data-past")) {
      return "";
    }
    const encoded = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encodeURIComponent(value)]));
    return fill(this.#element.getAttribute(`data-href-${name}`) ?? "", encoded);
  }
}
