/** Find faces as `antispoof.sensing.faces` does: YuNet at one small scale, at others while nothing is found. */

import { round, resize, type Picture } from "./picture.js";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Face {
  readonly box: Box;
  /** The detector's own, 0 to 1. */
  readonly confidence: number;
}

/** Planes of a picture, (1, 3, H, W) → the twelve outputs of YuNet, in their order. */
export type Detector = (planes: Float32Array, height: number, width: number) => Promise<Float32Array[]>;

const SCALES = [160, 320, 96, 640];
const STRIDES = [8, 16, 32];
const MIN_CONFIDENCE = 0.5;
const SAME_FACE_IOU = 0.3;
const SAME_FACE_OVERLAP = 0.4;
const DARK = 50;
const BRIGHT = 200;
const MAX_GAIN = 16;

/** The largest first; empty where there is none. */
export async function findFaces(picture: Picture, detect: Detector): Promise<Face[]> {
  const longest = Math.max(picture.width, picture.height);
  for (const side of SCALES) {
    if (side > 320 && longest < side) continue;
    const faces = await facesAt(picture, side, detect);
    if (faces.length > 0) return faces;
  }
  return [];
}

async function facesAt(picture: Picture, side: number, detect: Detector): Promise<Face[]> {
  const scale = side / Math.max(picture.width, picture.height);
  const width = Math.max(1, round(picture.width * scale));
  const height = Math.max(1, round(picture.height * scale));
  const small = resize(picture, width, height, scale < 1);
  const across = picture.width / width;
  const down = picture.height / height;
  const found = (await detectIn(small, detect)).map(({ box, confidence }) => ({
    box: { x: box.x * across, y: box.y * down, width: box.width * across, height: box.height * down },
    confidence,
  }));
  found.sort((one, other) => area(other.box) - area(one.box));
  const distinct: Face[] = [];
  for (const face of found) {
    if (distinct.every((other) => shared(face.box, other.box) < SAME_FACE_OVERLAP * Math.min(area(face.box), area(other.box)))) {
      distinct.push(face);
    }
  }
  return distinct;
}

async function detectIn(picture: Picture, detect: Detector): Promise<Face[]> {
  const [rows, columns] = [picture.height, picture.width].map((side) => Math.ceil(side / 32) * 32) as [number, number];
  const planes = new Float32Array(3 * rows * columns);
  const gain = gainOf(picture);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < picture.height; y++) {
      let to = ((2 - channel) * rows + y) * columns; // blue first
      for (let x = 0, from = y * picture.width * 3 + channel; x < picture.width; x++, from += 3) {
        planes[to++] = Math.min(255, picture.data[from]! * gain);
      }
    }
  }
  const outputs = await detect(planes, rows, columns);
  const found: Face[] = [];
  STRIDES.forEach((stride, index) => {
    const [kind, object, boxes] = [outputs[index]!, outputs[3 + index]!, outputs[6 + index]!];
    const wide = columns / stride;
    for (let cell = 0; cell < kind.length; cell++) {
      const confidence = Math.sqrt(unit(kind[cell]!) * unit(object[cell]!));
      if (confidence < MIN_CONFIDENCE) continue;
      const [x, y, w, h] = [0, 1, 2, 3].map((part) => boxes[4 * cell + part]!) as [number, number, number, number];
      const [width, height] = [Math.exp(w) * stride, Math.exp(h) * stride];
      const centre = [((cell % wide) + x) * stride, (Math.floor(cell / wide) + y) * stride] as const;
      found.push({ box: { x: centre[0] - width / 2, y: centre[1] - height / 2, width, height }, confidence });
    }
  });
  found.sort((one, other) => other.confidence - one.confidence);
  const kept: Face[] = [];
  for (const face of found) {
    if (kept.every((other) => overUnion(face.box, other.box) <= SAME_FACE_IOU)) kept.push(face);
  }
  return kept;
}

/** Dark pictures are brightened before they are searched. */
function gainOf(picture: Picture): number {
  const { data } = picture;
  const sums = [0, 0, 0];
  const counts = new Uint32Array(256);
  for (let at = 0; at < data.length; at++) {
    sums[at % 3]! += data[at]!;
    counts[data[at]!]!++;
  }
  if (Math.max(...sums) / (data.length / 3) >= DARK) return 1;
  const place = 0.99 * (data.length - 1);
  const value = (rank: number): number => {
    let seen = 0;
    for (let level = 0; level < 256; level++) if ((seen += counts[level]!) > rank) return level;
    return 255;
  };
  const [low, high] = [value(Math.floor(place)), value(Math.ceil(place))];
  const bright = low + (high - low) * (place - Math.floor(place));
  return Math.max(1, Math.min(BRIGHT / Math.max(bright, 1), MAX_GAIN));
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function area(box: Box): number {
  return box.width * box.height;
}

function shared(one: Box, other: Box): number {
  const width = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
  const height = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
  return Math.max(width, 0) * Math.max(height, 0);
}

function overUnion(one: Box, other: Box): number {
  const both = shared(one, other);
  return both / (area(one) + area(other) - both);
}
