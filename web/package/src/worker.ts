/** The worker: loads the networks, finds the face, takes the look. One thread, WebAssembly with SIMD, or WebGPU. */

import { InferenceSession, Tensor, env } from "onnxruntime-web/wasm";
import { readBundle, type BundleMetadata } from "./bundle.js";
import { crop, planesOf } from "./crop.js";
import { LookError } from "./errors.js";
import { findFaces } from "./faces.js";
import type { About, Answer, Look, Request, Sources } from "./messages.js";
import { rgbOf } from "./picture.js";
import { reasonsOf } from "./quality.js";

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
/** Whether this is the worker for WebGPU; set where it is built. */
declare const GPU: boolean;

const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

interface Loaded {
  readonly metadata: BundleMetadata;
  readonly judge: InferenceSession;
  readonly detector: InferenceSession;
}

let loaded: Promise<Loaded> | undefined;

async function load(sources: Sources): Promise<Loaded> {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(new Uint8Array(SIMD))) {
    throw new LookError("unsupported", "this browser has no WebAssembly with SIMD");
  }
  const [bundle, detector, runtime] = await Promise.all(
    [sources.bundle, sources.detector, sources.runtime].map(fetched),
  ) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  const metadata = await readBundle(bundle);
  env.wasm.numThreads = 1;
  env.wasm.proxy = false;
  env.wasm.wasmBinary = runtime.buffer;
  const options: InferenceSession.SessionOptions = { executionProviders: GPU ? ["webgpu", "wasm"] : ["wasm"], logSeverityLevel: 3 };
  // The bundle comes first: it matched its checksum, so that what fails here is the runtime.
  const judge = await InferenceSession.create(bundle, options);
  // Rewriting the detector's graph takes longer than it saves in many looks.
  const asItIs: InferenceSession.SessionOptions = { ...options, graphOptimizationLevel: "disabled" };
  const finder = await InferenceSession.create(detector, asItIs).catch((error: unknown) => {
    throw new LookError("damaged", `the detector is damaged, or not an ONNX file: ${String(error)}`);
  });
  return { metadata, judge, detector: finder };
}

async function fetched(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(address).catch(() => undefined);
  if (!answer?.ok) throw new LookError("unreachable", `cannot load ${address}: ${answer?.status ?? "no answer"}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function look({ metadata, judge, detector }: Loaded, image: { width: number; height: number; data: Uint8ClampedArray }): Promise<Look> {
  const start = performance.now();
  const picture = rgbOf(image);
  const faces = await findFaces(picture, async (planes, height, width) => {
    const found = await detector.run({ input: new Tensor("float32", planes, [1, 3, height, width]) });
    return detector.outputNames.map((name) => found[name]!.data as Float32Array);
  });
  const between = performance.now();
  const reasons = reasonsOf(picture, faces);
  const point = metadata.operating_points[metadata.default_operating_point]!;
  let score: number | null = null;
  if (reasons.length === 0) {
    const feeds = Object.fromEntries(
      metadata.inputs.map(({ name, prepare }) => [
        name,
        new Tensor("float32", planesOf(crop(picture, faces[0]!.box, prepare)), [1, 3, prepare.size, prepare.size]),
      ]),
    );
    const raw = (await judge.run(feeds, ["score"])).score!.data[0] as number;
    const { slope, intercept, limit, unseen } = metadata.calibration;
    score = slope * raw + intercept;
    if (limit) score = logOfSum(-limit, score) - logOfSum(0, score - limit); // as `saturated` in Python
    if (unseen) score = -logOfSum(Math.log(-Math.expm1(-unseen)) - score, -unseen); // as `without_unseen`
    if (!Number.isFinite(score)) throw new LookError("failed", "the network gives no finite score");
  }
  const scoreMs = performance.now() - between;
  return { faces, reasons, score, threshold: point.threshold, findMs: between - start, scoreMs };
}

async function answer(request: Request): Promise<Answer> {
  const { id } = request;
  try {
    if ("open" in request) {
      loaded = load(request.open);
      const { name, version } = (await loaded).metadata;
      const about: About = { name, version, backend: GPU ? "webgpu" : "wasm" };
      return { id, opened: about };
    }
    if (loaded === undefined) throw new LookError("failed", "look was asked for before open");
    return { id, look: await look(await loaded, request.look) };
  } catch (error) {
    const code = error instanceof LookError ? error.code : "failed";
    return { id, failed: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}

addEventListener("message", (event: MessageEvent<Request>) => {
  void answer(event.data).then((said) => postMessage(said));
});

/** log(e^a + e^b) */
function logOfSum(a: number, b: number): number {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}
