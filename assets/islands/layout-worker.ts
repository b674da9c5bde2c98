// The worker of the topology: it draws large layouts, so that the page goes on answering meanwhile, and the dots, so that
// their motion costs the page nothing.

import { DotPainter, type Motion } from "./dot-painter";
import { answer, type Request } from "./planner";

/** What the page says: a layout to draw; or a canvas for dots, how they move, and whether they do. */
type Message = {
  readonly layout?: Request;
  readonly canvas?: OffscreenCanvas;
  readonly motion?: Partial<Motion>;
  readonly runs?: boolean;
};

let painter: DotPainter | undefined;
let motion: Motion | undefined;
let runs = false;
let frame = 0;

function step(now: number): void {
  painter?.paint(now / 1000);
  frame = runs ? requestAnimationFrame(step) : 0;
}

function take(data: Message): void {
  if (data.layout) {
    self.postMessage(answer(data.layout));
  }
  if (data.canvas) {
    painter = new DotPainter(data.canvas, (side) => new OffscreenCanvas(side, side));
  }
  if (data.motion) {
    motion = { ...motion, ...data.motion } as Motion;
    // Not before it is known what moves.
    if (painter && motion.moving) {
      painter.motion = motion;
    }
  }
  runs = data.runs ?? runs;
  if (runs && painter && frame === 0) {
    frame = requestAnimationFrame(step);
  }
}

self.addEventListener("message", ({ data }: MessageEvent<Message>) => take(data));
