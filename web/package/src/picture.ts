/** Pictures of 8 bits, three channels (RGB) or one, row by row; scaled as OpenCV scales them. */

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8ClampedArray | Uint8Array | Float32Array;
}

/** Drop the fourth channel of what a canvas gives. */
export function rgbOf(image: { width: number; height: number; data: Uint8ClampedArray }): Picture {
  const data = new Uint8Array(image.width * image.height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = image.data[from]!;
    data[to + 1] = image.data[from + 1]!;
    data[to + 2] = image.data[from + 2]!;
  }
  return { width: image.width, height: image.height, channels: 3, data };
}

/** Shrinking averages areas, enlarging is bilinear, with the fixed-point numbers of OpenCV. */
export function resize(picture: Picture, width: number, height: number, shrinking: boolean): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const area = shrinking && picture.width >= width && picture.height >= height;
  const weights = area ? areaWeights : linearWeights;
  const across = weights(picture.width, width);
  const down = area ? areaWeights(picture.height, height) : linearWeights(picture.height, height, true);
  const { channels, data } = picture;
  const stride = width * channels;
  // Rows are scaled across once, when the first row of the result asks for them.
  const rows = new Map<number, Float32Array>();
  const scaled = (y: number): Float32Array => {
    let row = rows.get(y);
    if (row === undefined) {
      row = new Float32Array(stride);
      const start = y * picture.width * channels;
      for (let x = 0; x < width; x++) {
        const { first, share } = across[x]!;
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let k = 0, at = start + first * channels + channel; k < share.length; k++, at += channels) {
            sum = Math.fround(sum + Math.fround(share[k]! * data[at]!));
          }
          row[x * channels + channel] = sum;
        }
      }
      rows.set(y, row);
    }
    return row;
  };
  const out = new Uint8Array(stride * height);
  const sum = new Float32Array(stride); // 32 bits, as in OpenCV: halves are then rounded alike
  for (let y = 0; y < height; y++) {
    const { first, share } = down[y]!;
    sum.fill(0);
    for (let k = 0; k < share.length; k++) {
      const row = scaled(Math.min(Math.max(first + k, 0), picture.height - 1));
      const weight = share[k]!;
      if (area) for (let x = 0; x < stride; x++) sum[x] = sum[x]! + Math.fround(weight * row[x]!);
      else for (let x = 0; x < stride; x++) sum[x]! += (weight * (row[x]! >> 4)) >> 16;
    }
    for (const known of rows.keys()) if (known < first) rows.delete(known);
    const start = y * stride;
    if (area) for (let x = 0; x < stride; x++) out[start + x] = round(sum[x]!);
    else for (let x = 0; x < stride; x++) out[start + x] = (sum[x]! + 2) >> 2;
  }
  return { width, height, channels, data: out };
}

interface Weights {
  first: number;
  share: number[];
}

function areaWeights(from: number, to: number): Weights[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const start = index * scale;
    const end = Math.min(start + scale, from);
    const first = Math.floor(start + 1e-9);
    const last = Math.max(first + 1, Math.ceil(end - 1e-9));
    const share = Array.from({ length: last - first }, (_, k) => Math.min(end, first + k + 1) - Math.max(start, first + k));
    const total = share.reduce((sum, one) => sum + one, 0);
    return { first, share: share.map((one) => Math.fround(one / total)) };
  });
}

/** Shares of 2048. Beyond the edge a column counts once, a row twice, each time rounded down. */
function linearWeights(from: number, to: number, rows = false): Weights[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const at = Math.fround((index + 0.5) * scale - 0.5);
    const first = Math.floor(at);
    if (!rows && first < 0) return { first: 0, share: [2048] };
    if (!rows && first >= from - 1) return { first: from - 1, share: [2048] };
    const rest = Math.fround(at - first);
    return { first, share: [round(Math.fround(1 - rest) * 2048), round(rest * 2048)] };
  });
}

/** Luminance, with the weights and the rounding of OpenCV. */
export function greyOf(picture: Picture): Picture {
  const data = new Uint8Array(picture.width * picture.height);
  for (let at = 0, from = 0; at < data.length; at++, from += 3) {
    data[at] =
      (picture.data[from]! * 4899 + picture.data[from + 1]! * 9617 + picture.data[from + 2]! * 1868 + 8192) >> 14;
  }
  return { width: picture.width, height: picture.height, channels: 1, data };
}

/** Cut out a rectangle; where it leaves the picture, edge pixels are repeated. */
export function cutOut(picture: Picture, left: number, top: number, width: number, height: number): Picture {
  const { channels, data } = picture;
  const out = new Uint8Array(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.min(Math.max(top + y, 0), picture.height - 1) * picture.width;
    for (let x = 0; x < width; x++) {
      const from = (row + Math.min(Math.max(left + x, 0), picture.width - 1)) * channels;
      for (let channel = 0; channel < channels; channel++) out[to++] = data[from + channel]!;
    }
  }
  return { width, height, channels, data: out };
}

/** Round halves to even, as Python does. */
export function round(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
