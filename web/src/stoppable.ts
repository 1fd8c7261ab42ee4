/** What can take long, and that the person can stop all the while. */

import { Problem } from "./api";
import { element } from "./screen";

/**
 * Wait for `work` until it is done or *Stop* is pressed; what comes after that is handed to `undo`.
 *
 * Throws what the work throws, and `Problem` `stopped`.
 */
export async function stoppable<T>(work: Promise<T>, undo: (late: T) => void): Promise<T> {
  const over = new AbortController();
  const stop = new Promise<never>((_, reject) => {
    const press = (): void => {
      work.then(undo, () => {});
      reject(new Problem("stopped"));
    };
    element("cancel").addEventListener("click", press, { signal: over.signal });
  });
  try {
    return await Promise.race([work, stop]);
  } finally {
    over.abort();
  }
}
