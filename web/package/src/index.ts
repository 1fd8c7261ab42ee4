/**
 * A first look at a face, on the device: live hints, never the decision, which stays with the service.
 *
 * ```ts
 * const looker = await Looker.open({ worker: "/worker.js", bundle: "/face-rgb-edge.onnx",
 *   detector: "/yunet_n_dynamic.onnx", runtime: "/ort-wasm-simd-threaded.wasm" });
 * const { reasons, score } = await looker.look(context.getImageData(0, 0, 640, 480));
 * ```
 */

import { LookError } from "./errors.js";
import type { About, Answer, Look, Sources } from "./messages.js";

export { LookError, type Failure } from "./errors.js";
export { crop, frame, type CropRecipe } from "./crop.js";
export { rgbOf, type Picture } from "./picture.js";
export type { About, Box, Face, Look, Reason, Sources };
import type { Box, Face } from "./faces.js";
import type { Reason } from "./quality.js";

export interface Options extends Sources {
  /** `worker.js` of this package, on the page's own origin. */
  readonly worker: string;
  /**
   * For browsers that have WebGPU: `worker-webgpu.js` of this package, and `ort-wasm-simd-threaded.asyncify.wasm` of
   * onnxruntime-web. Where there is no adapter, or it fails, WebAssembly looks.
   */
  readonly webgpu?: { readonly worker: string; readonly runtime: string };
  /** Milliseconds after which a look that is not answered, and its worker, are given up; 15,000 unless stated. */
  readonly patience?: number;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: LookError) => void;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

export class Looker {
  #worker: Worker | undefined;
  #opening: Promise<About> | undefined;
  #next = 0;
  #gpuFailed = false;
  readonly #waiting = new Map<number, Waiting>();

  private constructor(private readonly options: Options) {}

  /** Load everything; throw `LookError` where that cannot be done. */
  static async open(options: Options): Promise<Looker> {
    const looker = new Looker(options);
    await looker.about();
    return looker;
  }

  /** Which bundle looks. */
  about(): Promise<About> {
    this.#opening ??= this.#start();
    return this.#opening;
  }

  /** Look at what a canvas shows; its bytes are handed to the worker, and are empty afterwards. */
  async look(image: ImageData): Promise<Look> {
    const { backend } = await this.about();
    const { width, height, data } = image;
    if (!(width > 0 && height > 0) || data.length !== 4 * width * height) {
      throw new LookError("failed", `the image has ${data.length} bytes for ${width} × ${height}: one that was looked at has none left`);
    }
    const answer = await this.#ask({ look: { width, height, data } }, [data.buffer]).catch((error: unknown) => {
      if (backend === "webgpu") {
        this.#gpuFailed = true; // the next look is WebAssembly's
        this.#lose("WebGPU failed");
      }
      throw error;
    });
    if (!("look" in answer)) throw new LookError("failed", "the worker gave another answer");
    return answer.look;
  }

  /** End the worker. */
  close(): void {
    this.#lose("the looker was closed");
  }

  async #start(): Promise<About> {
    const { webgpu } = this.options;
    if (webgpu !== undefined && !this.#gpuFailed && (await hasAdapter())) {
      try {
        return await this.#startWith(webgpu.worker, webgpu.runtime);
      } catch {
        this.#gpuFailed = true;
      }
    }
    const about = this.#startWith(this.options.worker, this.options.runtime);
    this.#opening = about; // losing the other worker has cleared it
    return about;
  }

  async #startWith(worker: string, runtime: string): Promise<About> {
    const address = (path: string): string => {
      if (path === undefined || !URL.canParse(path, document.baseURI)) throw new LookError("unreachable", `${path} is no address of a file`);
      return new URL(path, document.baseURI).href;
    };
    const program = address(worker);
    const { bundle, detector } = this.options;
    const open = { bundle: address(bundle), detector: address(detector), runtime: address(runtime) };
    try {
      this.#worker = new Worker(program, { type: "module" });
    } catch {
      throw new LookError("unsupported", "this browser starts no worker");
    }
    this.#worker.onmessage = (event: MessageEvent<Answer>) => this.#hear(event.data);
    this.#worker.onerror = () => this.#lose("the worker ended");
    try {
      const answer = await this.#ask({ open });
      if ("opened" in answer) return answer.opened;
      throw new LookError("failed", "the worker gave another answer");
    } catch (error) {
      this.#lose("it could not be opened");
      throw error;
    }
  }

  #ask(request: object, transfer: Transferable[] = []): Promise<Answer> {
    const id = this.#next++;
    const worker = this.#worker;
    if (worker === undefined) return Promise.reject(new LookError("worker_lost", "the looker was closed"));
    return new Promise((resolve, reject) => {
      const patience = this.options.patience ?? 15_000;
      const lost = (): void => this.#lose(`the worker did not answer within ${patience} ms`);
      const timer = "look" in request ? setTimeout(lost, patience) : undefined; // loading takes what it takes
      this.#waiting.set(id, { resolve, reject, timer });
      worker.postMessage({ id, ...request }, transfer);
    });
  }

  #hear(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if ("failed" in answer) waiting.reject(new LookError(answer.failed.code, answer.failed.message));
    else waiting.resolve(answer);
  }

  #lose(why: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#opening = undefined;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new LookError("worker_lost", why));
    }
    this.#waiting.clear();
  }
}

async function hasAdapter(): Promise<boolean> {
  try {
    const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
    return gpu !== undefined && (await gpu.requestAdapter()) !== null;
  } catch {
    return false;
  }
}
