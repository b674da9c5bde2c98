// Starting the worker of the topology, where there may be none.

import { trusted } from "./trusted";

/** A worker of a script; undefined where there is none. It is given up at its first error. */
export function startWorker(address: string | undefined, failed: () => void): Worker | undefined {
  if (!address || typeof OffscreenCanvas === "undefined") {
    return undefined;
  }
  try {
    const worker = new Worker(trusted(address), { type: "module" });
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      failed();
    };
    return worker;
  } catch {
    return undefined;
  }
}
