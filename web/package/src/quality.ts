/** What keeps a face from being judged: codes and limits of the modality `face_rgb`. */

import { cutOut, greyOf, resize, type Picture } from "./picture.js";
import type { Box, Face } from "./faces.js";

export type Reason =
  | "no_face"
  | "several_faces"
  | "too_small"
  | "cut_off"
  | "too_dark"
  | "too_bright"
  | "too_blurred";

const MIN_FACE_SIDE = 40;
const WHOLE_FACE_ASPECT = [0.5, 1.2] as const;
const MIN_BRIGHTEST = 24;
const MAX_SATURATED = 0.7;
const MIN_DETAIL = 0.1;
const SECOND_FACE_SIDE = 0.6;
const SECOND_FACE_CONFIDENCE = 0.7;

/** Tell what is wrong; an empty list where nothing is. */
export function reasonsOf(picture: Picture, faces: readonly Face[]): Reason[] {
  const [first, ...others] = faces;
  if (first === undefined) return ["no_face", ...light(greyOf(picture))];
  const { left, top, right, bottom } = inside(first.box, picture);
  const face = greyOf(cutOut(picture, left, top, right - left, bottom - top));
  const side = Math.max(first.box.width, first.box.height);
  const second = others.find(
    ({ box, confidence }) =>
      confidence >= SECOND_FACE_CONFIDENCE && Math.max(box.width, box.height) >= SECOND_FACE_SIDE * side,
  );
  const aspect = (right - left) / (bottom - top);
  const touches = left === 0 || top === 0 || right === picture.width || bottom === picture.height;
  const reasons: Reason[] = [];
  if (second !== undefined) reasons.push("several_faces");
  if (side < MIN_FACE_SIDE) reasons.push("too_small");
  if (touches && (aspect < WHOLE_FACE_ASPECT[0] || aspect > WHOLE_FACE_ASPECT[1])) reasons.push("cut_off");
  if (detail(face) < MIN_DETAIL) reasons.push("too_blurred");
  return [...reasons, ...light(face)];
}

function inside(box: Box, { width, height }: Picture): { left: number; top: number; right: number; bottom: number } {
  const left = Math.min(Math.max(Math.round(box.x), 0), width - 1);
  const top = Math.min(Math.max(Math.round(box.y), 0), height - 1);
  return {
    left,
    top,
    right: Math.min(Math.max(Math.round(box.x + box.width), left + 1), width),
    bottom: Math.min(Math.max(Math.round(box.y + box.height), top + 1), height),
  };
}

function light(grey: Picture): Reason[] {
  const counts = new Uint32Array(256);
  for (const level of grey.data) counts[level]!++;
  let brightest = 0;
  for (let seen = counts[0]!; seen < 0.95 * grey.data.length; seen += counts[++brightest]!);
  if (brightest < MIN_BRIGHTEST) return ["too_dark"];
  const saturated = counts.subarray(250).reduce((sum, count) => sum + count, 0);
  return saturated > MAX_SATURATED * grey.data.length ? ["too_bright"] : [];
}

/** Spread of the Laplacian over that of the luminance, on the face scaled to 64 pixels. */
function detail(face: Picture): number {
  const { data } = resize(face, 64, 64, Math.min(face.width, face.height) > 64);
  const mirrored = (at: number): number => (at < 0 ? 1 : at > 63 ? 62 : at);
  const edges = new Float32Array(64 * 64);
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      const beside = data[64 * y + mirrored(x - 1)]! + data[64 * y + mirrored(x + 1)]!;
      const above = data[64 * mirrored(y - 1) + x]! + data[64 * mirrored(y + 1) + x]!;
      edges[64 * y + x] = beside + above - 4 * data[64 * y + x]!;
    }
  }
  return spread(edges) / (spread(data) + 2);
}

function spread(values: ArrayLike<number>): number {
  let [sum, squares] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    sum += values[at]!;
    squares += values[at]! ** 2;
  }
  const mean = sum / values.length;
  return Math.sqrt(Math.max(squares / values.length - mean * mean, 0));
}
