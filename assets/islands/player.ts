// Plays moments one after another: the next one only once this one was shown.

/** How long a moment is shown at least, in milliseconds. */
const BEAT = 600;

/** What the player needs of its surroundings. */
export type Stage = {
  /** Shows the next moment; false at the end. */
  readonly next: () => boolean;
  /** Whether the moment that was asked for is there to be seen. */
  readonly ready: () => boolean;
  /** It began, or it ended. */
  readonly turned: (playing: boolean) => void;
};

/** Runs at most once at a time. */
export class Player {
  readonly #stage: Stage;
  #timer = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get playing(): boolean {
    return this.#timer !== 0;
  }

  start(): void {
    this.stop();
    this.#timer = window.setInterval(() => {
      if (this.#stage.ready() && !this.#stage.next()) {
        this.stop();
      }
    }, BEAT);
    this.#stage.turned(true);
  }

  stop(): void {
    if (this.#timer !== 0) {
      window.clearInterval(this.#timer);
      this.#timer = 0;
      this.#stage.turned(false);
    }
  }
}
