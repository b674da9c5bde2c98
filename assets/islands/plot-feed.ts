// Where plots' numbers come from: the API, once for all who ask the same at the same time.

import type { components } from "./api.gen";
import type { Column, Numbers, Range } from "./plot-data";

type Answer = components["schemas"]["Plot"];

/** Something that happened at a moment. */
export type Mark = { readonly id: string; readonly at: number; readonly text: string; readonly kind: string };

/** A piece of a subject's numbers, and what happened meanwhile. */
export type Piece = { readonly numbers: Numbers; readonly marks: readonly Mark[]; readonly notes: readonly string[] };

/** A subject of the API: an edge, all that arrives at a box, or the whole mesh. */
export type Subject = {
  readonly mesh: string;
  readonly source: string;
  readonly destination: string;
  readonly node: string;
};

/** The server's own words why it does not answer. */
export class Refusal extends Error {}

/** How long an answer is given to others who ask the same, in milliseconds. */
const SHARED = 3000;

const asked = new Map<string, Promise<Piece>>();

let ahead = 0;

/** The server's clock, as its last answer told it: the browser's may be another. */
export const now = (): number => Date.now() + ahead;

/** Tells subjects apart. */
export const keyOf = ({ mesh, source, destination, node }: Subject): string =>
  [mesh, source, destination, node].map(encodeURIComponent).join(" ");

/** Asks for a piece. */
export function ask(subject: Subject, range: Range, step: number): Promise<Piece> {
  const url = new URL(`/api/v1/meshes/${encodeURIComponent(subject.mesh)}/plot`, document.baseURI);
  for (const name of ["source", "destination", "node"] as const) {
    if (subject[name]) {
      url.searchParams.set(name, subject[name]);
    }
  }
  url.searchParams.set("start", new Date(range.from).toISOString());
  url.searchParams.set("end", new Date(range.to).toISOString());
  url.searchParams.set("step", `${step / 1000}s`);
  const { href } = url;
  let answer = asked.get(href);
  if (!answer) {
    answer = fetchPiece(href);
    asked.set(href, answer);
    window.setTimeout(() => asked.delete(href), SHARED);
  }
  return answer;
}

async function fetchPiece(href: string): Promise<Piece> {
  const answer = await fetch(href, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
  const said = Date.parse(answer.headers.get("Date") ?? "");
  // The header has whole seconds; a difference below two is none.
  if (!Number.isNaN(said) && Math.abs(said + 500 - now()) > 2000) {
    ahead = said + 500 - Date.now();
  }
  const body = (await answer.json()) as Answer & { readonly detail?: string };
  if (!answer.ok) {
    throw new Refusal(body.detail ?? String(answer.status));
  }
  return pieceOf(body);
}

/** An answer of the API as plots hold it. */
export function pieceOf(body: Answer): Piece {
  const columns: Partial<Record<Column, readonly (number | null)[]>> = {
    requestRate: body.requestRate ?? [],
    errorRatio: body.errorRatio ?? [],
    p50: body.p50 ?? [],
    p95: body.p95 ?? [],
    p99: body.p99 ?? [],
    bytesRate: body.bytesRate ?? [],
    connections: body.connections ?? [],
    pending: body.pending ?? [],
    overflowRate: body.overflowRate ?? [],
  };
  return {
    numbers: { at: (body.at ?? []).map((at) => Date.parse(at)), columns },
    marks: (body.marks ?? []).map(({ id = "", at = "", summary = "" }) => ({
      id,
      at: Date.parse(at),
      text: summary,
      kind: "change",
    })),
    notes: body.notes ?? [],
  };
}
