// The styles of the topology, from the page's tokens; adopted by the document, which a strict content security policy
// allows.

const css = `
@layer component {
weir-graph { display: block; }
.wg { position: relative; display: grid; grid-template-columns: minmax(0, 1fr); }
.wg[hidden] { display: none; }
.wg-caption { margin: 0; flex: 1 1 12rem; color: var(--text-quiet, light-dark(#5b6773, #98a4b0)); font-size: .875rem; }
.wg-stage {
  position: relative; overflow: hidden; height: clamp(380px, calc(100vh - 260px), 860px); cursor: grab; touch-action: pan-y;
  border: 1px solid var(--line, light-dark(#d5dbe1, #2a323b)); border-radius: var(--radius-l, 12px);
  background: var(--surface-page, light-dark(#f7f8fa, #101418)); user-select: none;
}
weir-scrubber ~ weir-graph .wg-stage { height: clamp(460px, calc(100vh - 400px), 860px); }
.wg-stage:focus-within { touch-action: none; }
.wg-stage[aria-busy=true] { cursor: progress; }
.wg-stage[data-detail]:not([data-detail=near]) .wg-unit:not([data-raised]) { background: none; border-color: transparent; box-shadow: none; }
.wg-stage[data-detail]:not([data-detail=near]) .wg-unit:not([data-raised]) .wg-box > * { visibility: hidden; }
.wg-stage[data-detail]:not([data-detail=near]) .wg-unit:not([data-raised]) .wg-version { background: none; }
.wg-unit[data-raised] { z-index: 3; box-shadow: 0 3px 14px rgb(0 0 0 / .28); }
weir-graph[data-past] .wg-stage { border: 2px dashed var(--accent, light-dark(#0b6285, #6fc6ea)); background: repeating-linear-gradient(-45deg,
  var(--surface-page, light-dark(#f7f8fa, #101418)) 0 14px, var(--surface-past, light-dark(#eef3f6, #121b20)) 14px 28px); }
weir-graph[data-moment-state=loading] .wg-world { opacity: .55; transition: opacity .2s .25s; }
weir-graph[data-moment-state=failed] :is(.wg-world, .wg-caption, .wg-panel, table) { opacity: .18; }
.wg-stage::after { content: ""; position: absolute; inset: 0; z-index: 4; pointer-events: none; border-radius: inherit; --fade: color-mix(in srgb, var(--text-quiet, light-dark(#5b6773, #98a4b0)) 34%, transparent); --l: 0px; --r: 0px; --u: 0px; --d: 0px;
  background: linear-gradient(to right, var(--fade), transparent) left / var(--l) 100% no-repeat, linear-gradient(to left, var(--fade), transparent) right / var(--r) 100% no-repeat,
    linear-gradient(to bottom, var(--fade), transparent) top / 100% var(--u) no-repeat, linear-gradient(to top, var(--fade), transparent) bottom / 100% var(--d) no-repeat; }
.wg-stage[data-more~=left]::after { --l: 18px; } .wg-stage[data-more~=right]::after { --r: 18px; }
.wg-stage[data-more~=up]::after { --u: 18px; } .wg-stage[data-more~=down]::after { --d: 18px; }
.wg-stage[data-dragging] { cursor: grabbing; }
.wg-stage:focus-visible { outline: 2px solid var(--focus, light-dark(#0b7fb0, #7fd4fa)); outline-offset: 2px; }
.wg-world { position: absolute; inset: 0 auto auto 0; width: 0; height: 0; transform-origin: 0 0; }
.wg-world[data-moving] { will-change: transform; }
.wg-ground { position: absolute; pointer-events: none; }
.wg-world[data-moving] > .wg-ground { background: linear-gradient(transparent, transparent); }
.wg-sheet { position: absolute; pointer-events: none; }
.wg-dots { position: absolute; inset: 0; pointer-events: none; }
.wg-dots > canvas { display: block; width: 100%; height: 100%; }
.wg-dots[hidden] { display: none; }
.wg-unit { position: absolute; inset: 0 auto auto 0; box-sizing: border-box; border-radius: 9px;
  background: var(--surface-card, light-dark(#fff, #151d21)); border: 1px solid var(--line-strong, light-dark(#b9c5cc, #3c4d56)); }
.wg-unit[data-far] { background: var(--surface-sunken, light-dark(#f0f3f6, #141a20)); border-color: var(--line, light-dark(#d5dbe1, #2a323b)); }
.wg-unit[data-kind=more], .wg-unit[data-kind=unknown], .wg-unit[data-kind=external] { border-style: dashed; }
.wg-unit[data-kind=gateway] { border-radius: 26px; }
.wg-unit[data-health=degraded] { border-color: var(--health-degraded, light-dark(#8f5a00, #f0b445)); }
.wg-unit[data-health=unhealthy] { border-color: var(--health-unhealthy, light-dark(#b3202f, #ff8088)); box-shadow: 0 0 0 1px var(--health-unhealthy, light-dark(#b3202f, #ff8088)); }
.wg-unit[data-focus] { outline: 3px solid var(--accent, light-dark(#0b6285, #6fc6ea)); outline-offset: 2px; }
.wg-world[data-moving] .wg-unit { background: color-mix(in srgb, var(--surface-card, light-dark(#fff, #151d21)) 99.6%, transparent); }
.wg-world[data-moving] :is(.wg-unit[data-far], .wg-version) { background: color-mix(in srgb, var(--surface-sunken, light-dark(#f0f3f6, #141a20)) 99.6%, transparent); }
.wg-box { all: unset; box-sizing: border-box; position: absolute; inset: 0; display: grid; cursor: pointer; border-radius: 8px;
  grid-template-columns: 12px minmax(0, 1fr); column-gap: 9px; align-content: center; align-items: center; padding: 0 12px;
  color: var(--text, light-dark(#17202a, #e8edf2)); }
.wg-unit[data-kind=gateway] .wg-box { border-radius: 25px; padding: 0 18px; }
.wg-unit[data-versions] > .wg-box:first-child { bottom: auto; height: 36px; }
.wg-name { font-weight: 600; font-size: 13px; line-height: 17px; white-space: nowrap; }
.wg-detail { grid-column: 2; font-size: 11px; line-height: 15px; color: var(--text-quiet, light-dark(#5b6773, #98a4b0));
  white-space: nowrap; font-variant-numeric: tabular-nums; }
.wg-unit[data-versions] > .wg-box:first-child { grid-template-columns: 12px minmax(0, auto) minmax(0, 1fr); }
.wg-unit[data-versions] > .wg-box:first-child .wg-detail { grid-column: 3; text-align: right; }
.wg-box.wg-version { inset: 0 auto auto 0; grid-template-columns: 12px minmax(0, 1fr) auto; padding: 0 9px 3px;
  background: var(--surface-sunken, light-dark(#f0f3f6, #10151a)); border-radius: 6px; }
.wg-version .wg-name { font-weight: 500; }
.wg-version .wg-detail { grid-column: 3; font-size: 12px; color: inherit; }
.wg-share { position: absolute; inset: auto 0 0 0; height: 3px; border-radius: 0 0 6px 6px;
  background: color-mix(in srgb, var(--series-neutral, light-dark(#6b8391, #8aa0ac)) 26%, transparent); }
.wg-share > * { position: absolute; inset: 0 auto 0 0; border-radius: 0 0 0 6px; background: var(--series-neutral, light-dark(#6b8391, #8aa0ac)); }
.wg-share > :last-child { inset: -4px auto 0 0; width: 2px; border-radius: 0; background: var(--text, light-dark(#17202a, #e8edf2)); }
.wg-share > [hidden] { display: none; }
.wg-mark { grid-row: 1; box-sizing: border-box; justify-self: center; width: 8px; height: 8px; border-radius: 50%;
  background: var(--health-healthy, light-dark(#5d707b, #8fa3ae)); }
.wg-box:is([data-health=idle], [data-health=unknown]) > .wg-mark { background: none; border: 1.5px solid var(--health-idle, light-dark(#5c6b75, #7f939e)); }
.wg-box[data-health=unknown] > .wg-mark { border-style: dotted; }
.wg-box[data-health=degraded] > .wg-mark { width: 0; height: 0; border-radius: 0; background: none;
  border: solid transparent; border-width: 0 6px 10.5px; border-bottom-color: var(--health-degraded, light-dark(#8f5a00, #f0b445)); }
.wg-box[data-health=unhealthy] > .wg-mark { width: 10px; height: 10px; border-radius: 1.5px; background: var(--health-unhealthy, light-dark(#b3202f, #ff8088)); }
.wg-box:hover { background: color-mix(in srgb, var(--accent, light-dark(#0b6285, #6fc6ea)) 9%, transparent); }
.wg-box[aria-pressed=true] { background: color-mix(in srgb, var(--accent, light-dark(#0b6285, #6fc6ea)) 17%, transparent); }
.wg-box:focus-visible { outline: 3px solid var(--focus, light-dark(#0b7fb0, #7fd4fa)); outline-offset: 1px; z-index: 2; }
.wg-frame { position: relative; }
.wg-frame[hidden] { display: none; }
.wg-unit[data-dim] { opacity: .4; }
.wg-tools { display: flex; flex-wrap: wrap; gap: 4px; }
.wg-tools button { min-width: 34px; height: 32px; padding: 0 9px; border-radius: 7px; font: inherit; font-size: .8125rem; cursor: pointer;
  border: 1px solid var(--line, light-dark(#d5dbe1, #2a323b)); background: var(--surface-card, light-dark(#fff, #151d21)); color: inherit; }
.wg-tools button[aria-pressed=false] { color: var(--text-quiet, light-dark(#5b6773, #98a4b0)); text-decoration: line-through; }
.wg-panel { position: absolute; inset: 54px 12px auto auto; width: min(320px, calc(100% - 24px)); max-height: calc(100% - 66px); overflow: auto;
  box-sizing: border-box; padding: 14px 16px; font-size: .875rem; border-radius: var(--radius-l, 12px); background: var(--surface-card, light-dark(#fff, #151d21));
  border: 1px solid var(--line, light-dark(#d5dbe1, #2a323b)); box-shadow: 0 8px 28px rgb(0 0 0 / .16); cursor: auto; user-select: text; }
.wg-panel[hidden] { display: none; }
.wg-panel h2 { margin: 0 32px 2px 0; font-size: 1.0625rem; overflow-wrap: anywhere; }
.wg-panel h3 { margin: 14px 0 4px; font-size: .8125rem; color: var(--text-quiet, light-dark(#5b6773, #98a4b0)); }
.wg-panel .health-mark { margin-inline-end: 7px; vertical-align: -1px; fill: currentColor; }
.wg-panel p, .wg-panel ul { margin: 0; padding: 0; list-style: none; }
.wg-panel li { padding: 2px 0; }
.wg-panel dl { display: grid; grid-template-columns: 1fr auto; gap: 4px 12px; margin: 10px 0 0; font-variant-numeric: tabular-nums; }
.wg-panel dt { color: var(--text-quiet, light-dark(#5b6773, #98a4b0)); }
.wg-panel dd { margin: 0; text-align: right; }
.wg-panel .wg-links { display: flex; flex-wrap: wrap; gap: 6px 14px; margin-top: 14px; }
.wg-panel .wg-close { position: absolute; inset: 10px 10px auto auto; width: 30px; height: 30px; padding: 0; border: 0; border-radius: 6px;
  background: none; color: inherit; font-size: 18px; line-height: 1; cursor: pointer; }
.wg-panel .wg-row { display: flex; justify-content: space-between; gap: 12px; width: calc(100% + 12px); min-height: 0; box-sizing: border-box; padding: 3px 6px; margin: 0 -6px;
  border: 0; border-radius: 5px; background: none; color: inherit; font: inherit; text-align: start; cursor: pointer; }
.wg-panel .wg-row span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wg-panel .wg-row:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
.wg-panel .wg-row span:last-child { color: var(--text-quiet, light-dark(#5b6773, #98a4b0)); white-space: nowrap; font-variant-numeric: tabular-nums; }
.wg-unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
html[data-stale] .wg-world, html[data-stale] .wg-panel { filter: grayscale(1); opacity: .55; }
@media (max-width: 720px) { .wg-panel { position: relative; inset: auto; width: auto; max-height: none; box-shadow: none; margin-top: 10px; } .wg-stage { height: 440px; } }
@media (forced-colors: active) { .wg-unit, .wg-version { border: 1px solid CanvasText; } .wg-mark, .wg-share > * { forced-color-adjust: none; } }
}`;

let sheet: CSSStyleSheet | undefined;

/** Gives the document the styles, once. */
export function adoptStyle(): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets.push(sheet);
  }
}
