/** What the page and the worker say to each other. */

import type { Face } from "./faces.js";
import type { Failure } from "./errors.js";
import type { Reason } from "./quality.js";

export interface Sources {
  /** The bundle, such as `face-rgb-edge.onnx`, or its `ort-web` export. */
  readonly bundle: string;
  /** `yunet_n_dynamic.onnx`. */
  readonly detector: string;
  /** `ort-wasm-simd-threaded.wasm` of onnxruntime-web, of the version that this package names. */
  readonly runtime: string;
}

export interface Look {
  /** The largest first. */
  readonly faces: readonly Face[];
  /** What keeps the face from being judged; codes of the modality `face_rgb`. */
  readonly reasons: readonly Reason[];
  /** Calibrated, a natural-log likelihood ratio; null where there are reasons. */
  readonly score: number | null;
  /** Of the bundle's default operating point. */
  readonly threshold: number;
  /** Milliseconds that finding the face took, and the rest. */
  readonly findMs: number;
  readonly scoreMs: number;
}

export interface About {
  readonly name: string;
  readonly version: string;
  /** What computes there. */
  readonly backend: "wasm" | "webgpu";
}

export type Request =
  | { readonly id: number; readonly open: Sources }
  | { readonly id: number; readonly look: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray } };

export type Answer =
  | { readonly id: number; readonly opened: About }
  | { readonly id: number; readonly look: Look }
  | { readonly id: number; readonly failed: { readonly code: Failure; readonly message: string } };
