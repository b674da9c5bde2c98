// weir-weights edits a draft of a route's weights with sliders, numbers, presets and locks that keep the sum. It writes
// into the number fields that the form sends; nothing is live until the server's review is applied.

import { set } from "./dom";
import { number, share } from "./format";
import { text, write } from "./texts";
import { changed, type Draft, lock, move, open, percentages, reset, settle, total, weightOf } from "./weights";

type Row = {
  readonly target: string;
  readonly field: HTMLFieldSetElement;
  readonly range: HTMLInputElement | null;
  readonly number: HTMLInputElement;
  readonly was: HTMLInputElement | null;
  readonly lock: HTMLInputElement | null;
  readonly share: Element | null;
};

class WeirWeights extends HTMLElement {
  #end = new AbortController();
  #rows: Row[] = [];
  #draft: Draft = open([]);
  #lead = -1;
  #sentence = "";
  /** A pointer holds a slider; "dropped" once Escape let go of what it had moved. */
  #drag: "none" | "held" | "dropped" = "none";

  connectedCallback(): void {
    this.#end = new AbortController();
    this.#rows = [...this.querySelectorAll<HTMLFieldSetElement>("[data-target]")].flatMap(rowOf);
    this.#sentence = this.querySelector("[data-sentence]")?.textContent ?? "";
    this.#draft = open(this.#rows.map((row) => weight(row.was?.value || row.number.defaultValue)));
    // Values that the browser brought back, or that the server refused, are a draft already.
    const now = this.#rows.map((row) => weight(row.number.value));
    if (now.some((w, i) => w !== this.#draft.applied[i])) {
      if (sum(now) !== total(this.#draft.applied)) {
        return; // shares of another sum are theirs who typed them; the server reads them as they are
      }
      this.#draft = { ...this.#draft, now };
    }
    this.#listen(this.#end.signal);
    this.#show();
  }

  disconnectedCallback(): void {
    this.#end.abort();
  }

  #listen(signal: AbortSignal): void {
    this.#rows.forEach((row, i) => {
      row.range?.addEventListener("input", () => this.#slide(i, Number(row.range?.value)), { signal });
      row.range?.addEventListener("pointerdown", () => this.#hold("held"), { signal });
      row.range?.addEventListener("keydown", (event) => this.#key(event, i), { signal });
      row.number.addEventListener("input", () => this.#type(i), { signal });
      row.number.addEventListener("change", () => this.#show(), { signal });
      row.lock?.addEventListener("change", () => this.#set(lock(this.#draft, i, row.lock?.checked ?? false)), {
        signal,
      });
      row.field.addEventListener("click", (event) => this.#preset(event, i), { signal });
      // A drag or a stay with the keyboard is one gesture, evaluated against the weights at its start.
      for (const type of ["pointerdown", "focusin"] as const) {
        row.field.addEventListener(type, () => this.#settle(), { signal });
      }
    });
    for (const type of ["pointerup", "pointercancel"] as const) {
      window.addEventListener(type, () => this.#hold("none"), { signal });
    }
    this.addEventListener("reset", () => queueMicrotask(() => this.#set(reset(this.#draft))), { signal });
    this.addEventListener("keydown", (event) => this.#escape(event), { signal });
  }

  #settle(): void {
    this.#draft = settle(this.#draft);
  }

  #set(draft: Draft): void {
    this.#draft = draft;
    this.#show();
  }

  #hold(drag: "none" | "held" | "dropped"): void {
    this.#drag = drag;
  }

  /** A slider's new value. After Escape the pointer may still be down and move; nothing follows it until it is up. */
  #slide(row: number, wanted: number): void {
    if (this.#drag === "dropped") {
      this.#show();
    } else {
      this.#move(row, wanted);
    }
  }

  #move(row: number, wanted: number): void {
    this.#lead = row;
    this.#set(move(this.#draft, row, wanted));
  }

  /** A number as it is typed; what is no number yet changes nothing. */
  #type(row: number): void {
    const field = this.#rows[row]?.number;
    if (field && /^\d+$/.test(field.value)) {
      this.#lead = row;
      this.#draft = move(this.#draft, row, Number(field.value));
      this.#show(row);
    }
  }

  /** Keys move by a hundredth, or by ten; End is everything. */
  #key(event: KeyboardEvent, row: number): void {
    const whole = total(this.#draft.applied);
    const step = Math.max(1, Math.round(whole / 100));
    const now = this.#draft.now[row] ?? 0;
    const to: Record<string, number> = {
      ArrowRight: now + step,
      ArrowUp: now + step,
      ArrowLeft: now - step,
      ArrowDown: now - step,
      PageUp: now + Math.max(1, weightOf(10, whole)),
      PageDown: now - Math.max(1, weightOf(10, whole)),
      Home: 0,
      End: whole,
    };
    const wanted = to[event.key];
    if (wanted !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.#move(row, wanted);
    }
  }

  #preset(event: Event, row: number): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-preset]") : null;
    const preset = button?.dataset.preset;
    if (preset !== undefined) {
      event.preventDefault();
      this.#settle();
      const whole = total(this.#draft.applied);
      const base = preset.startsWith("+") ? (this.#draft.now[row] ?? 0) : 0;
      this.#move(row, base + weightOf(Number(preset), whole));
    }
  }

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape" && changed(this.#draft)) {
      event.preventDefault();
      if (this.#drag === "held") {
        this.#hold("dropped");
      }
      this.#set(reset(this.#draft));
    }
  }

  /** Shows the draft; the field that is being typed in is left alone. */
  #show(typing?: number): void {
    const { now, locked } = this.#draft;
    const percent = percentages(now);
    this.#rows.forEach((row, i) => {
      const value = String(now[i] ?? 0);
      const held = locked[i] || this.#rows.every((_, k) => k === i || locked[k]);
      if (i !== typing) {
        row.number.value = value;
      }
      row.number.readOnly = held;
      row.field.toggleAttribute("data-held", held);
      row.number.toggleAttribute("data-draft", now[i] !== this.#draft.applied[i]);
      if (row.range) {
        row.range.max = String(total(this.#draft.applied));
        row.range.value = value;
        row.range.disabled = held;
        row.range.setAttribute("aria-valuetext", share((percent[i] ?? 0) / 100));
      }
      if (row.share) {
        write(row.share, share((percent[i] ?? 0) / 100));
      }
      for (const button of row.field.querySelectorAll<HTMLButtonElement>("[data-preset]")) {
        button.disabled = held;
        set(
          button,
          "aria-pressed",
          String(Number(button.dataset.preset) === percent[i] && !button.dataset.preset?.startsWith("+")),
        );
      }
    });
    this.#showBar(percent);
    this.#say();
  }

  #showBar(percent: readonly number[]): void {
    let at = 0;
    this.#rows.forEach((row, i) => {
      const part = this.querySelector(`[data-bar] [data-part="${CSS.escape(row.target)}"]`);
      const width = percent[i] ?? 0;
      if (part) {
        set(part, "x", String(Math.round(at * 10) / 10));
        set(part, "width", String(width));
      }
      at += width;
    });
  }

  /** The sentence and the button: what changes, and what pressing will do. */
  #say(): void {
    const { applied, now } = this.#draft;
    const draft = changed(this.#draft);
    const [before, after] = [percentages(applied), percentages(now)];
    const grown = after.map((p, i) => p - (before[i] ?? 0));
    const lead = grown[this.#lead] ? this.#lead : grown.indexOf(Math.max(...grown));
    const order = this.#rows.map((_, i) => i).sort((a, b) => Number(b === lead) - Number(a === lead) || a - b);
    const parts = order
      .filter((i) => grown[i] !== 0)
      .map((i) => {
        const values = {
          target: this.#rows[i]?.target ?? "",
          before: share((before[i] ?? 0) / 100),
          after: share((after[i] ?? 0) / 100),
        };
        return text(this, "part", values) + (i === lead ? this.#load(grown[i] ?? 0) : "");
      });
    const sentence = this.querySelector("[data-sentence]");
    if (sentence) {
      write(sentence, draft ? parts.join(" · ") : this.#sentence);
    }
    const apply = this.querySelector<HTMLButtonElement>("[data-apply]");
    if (apply) {
      const values = { share: share((after[lead] ?? 0) / 100), target: this.#rows[lead]?.target ?? "" };
      write(apply, draft ? text(this, "apply", values) : text(this, "unchanged"));
      apply.disabled = !draft;
    }
    this.toggleAttribute("data-draft", draft);
  }

  /** How many requests a second that is, more or less than now. */
  #load(percent: number): string {
    const perSecond = (Number(this.dataset.rate ?? 0) * percent) / 100;
    return Math.abs(perSecond) < 0.05
      ? ""
      : text(this, perSecond > 0 ? "more" : "less", { rate: number(Math.abs(perSecond)) });
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const weight = (value: string): number => Math.max(0, Math.round(Number(value)) || 0);

function rowOf(field: HTMLFieldSetElement): Row[] {
  const input = field.querySelector<HTMLInputElement>("[data-number]");
  return input
    ? [
        {
          target: field.dataset.target ?? "",
          field,
          range: field.querySelector("[data-range]"),
          number: input,
          was: field.querySelector<HTMLInputElement>("input[type=hidden][name^='was.']"),
          lock: field.querySelector("[data-lock]"),
          share: field.querySelector("[data-share]"),
        },
      ]
    : [];
}

customElements.define("weir-weights", WeirWeights);
