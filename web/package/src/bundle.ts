/** Read what a bundle tells of itself, and check it against its checksum, as `antispoof.runtime.bundle` does. */

import type { CropRecipe } from "./crop.js";
import { LookError } from "./errors.js";

export interface BundleMetadata {
  readonly format_version: number;
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly { readonly name: string; readonly modality: string; readonly prepare: CropRecipe }[];
  readonly calibration: { readonly slope: number; readonly intercept: number; readonly limit?: number | null; readonly unseen?: number | null };
  readonly operating_points: Readonly<Record<string, { readonly threshold: number }>>;
  readonly default_operating_point: string;
  readonly sha256: string;
}

const GRAPH = 7; // fields of the ONNX message ModelProto
const METADATA_PROPS = 14;

/** Throw `LookError` `damaged` where the bytes are no whole bundle that judges pictures of faces. */
export async function readBundle(model: Uint8Array<ArrayBuffer>): Promise<BundleMetadata> {
  let metadata: BundleMetadata | undefined;
  let graph: Uint8Array<ArrayBuffer> | undefined;
  try {
    for (const [number, content] of fields(model)) {
      if (number === GRAPH) graph = content;
      if (number !== METADATA_PROPS) continue;
      const text = new TextDecoder();
      const entry = new Map([...fields(content)].map(([key, value]) => [key, text.decode(value)]));
      if (entry.get(1) === "antispoof") metadata = JSON.parse(entry.get(2) ?? "") as BundleMetadata;
    }
  } catch {
    throw new LookError("damaged", "the model is damaged, or not an ONNX file: load it anew");
  }
  if (metadata === undefined || graph === undefined) throw new LookError("damaged", "the model is no bundle");
  if (metadata.format_version !== 1) {
    throw new LookError("damaged", `this package reads bundles of format 1, not ${metadata.format_version}: update it`);
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", graph));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== metadata.sha256) {
    throw new LookError("damaged", "the model is damaged: its weights do not match its checksum; load it anew");
  }
  if (metadata.inputs.some(({ modality }) => modality !== "face_rgb")) {
    throw new LookError("damaged", `${metadata.name} judges more than colour pictures of faces`);
  }
  return metadata;
}

/** Walk the length-delimited fields of one protobuf message. */
function* fields(message: Uint8Array<ArrayBuffer>): Generator<[number, Uint8Array<ArrayBuffer>]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined || factor > 2 ** 63) throw new Error("cut short");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else if (kind === 2) {
      const length = varint();
      if (at + length > message.length) throw new Error("cut short");
      yield [Math.floor(tag / 8), message.subarray(at, (at += length))];
    } else throw new Error(`wire type ${kind}`);
  }
}
