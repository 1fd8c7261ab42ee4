/**
 * Why a look failed.
 *
 * - `unsupported`: the browser lacks WebAssembly with SIMD, or workers.
 * - `unreachable`: a file could not be loaded.
 * - `damaged`: the bundle does not match its own checksum, or is none; or the detector cannot be read.
 * - `worker_lost`: the worker ended, or did not answer in time; the next call starts another.
 * - `failed`: anything else, as the runtime says it.
 */
export type Failure = "unsupported" | "unreachable" | "damaged" | "worker_lost" | "failed";

export class LookError extends Error {
  constructor(
    readonly code: Failure,
    message: string,
  ) {
    super(message);
    this.name = "LookError";
  }
}
