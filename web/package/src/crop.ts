/** Cut a face out as `antispoof.sensing.faces.crop` does; what is cut stands in the bundle. */

import { cutOut, resize, round, type Picture } from "./picture.js";
import type { Box } from "./faces.js";

export interface CropRecipe {
  readonly scale: number;
  readonly size: number;
  readonly fit?: "square" | "inside";
}

/** The rectangle, in whole pixels. */
export function frame(picture: Picture, box: Box, recipe: CropRecipe): Box {
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  if ((recipe.fit ?? "square") === "square") {
    const side = Math.max(2, round(recipe.scale * Math.max(box.width, box.height)));
    return { x: round(middle.x - side / 2), y: round(middle.y - side / 2), width: side, height: side };
  }
  const scale = Math.min(recipe.scale, picture.height / box.height, picture.width / box.width);
  const width = Math.max(2, round(box.width * scale));
  const height = Math.max(2, round(box.height * scale));
  const inside = (wanted: number, most: number): number => Math.min(Math.max(round(wanted), 0), Math.max(most, 0));
  return {
    x: inside(middle.x - width / 2, picture.width - width),
    y: inside(middle.y - height / 2, picture.height - height),
    width,
    height,
  };
}

/** The cut, `size` pixels across and down. */
export function crop(picture: Picture, box: Box, recipe: CropRecipe): Picture {
  const { x, y, width, height } = frame(picture, box, recipe);
  return resize(cutOut(picture, x, y, width, height), recipe.size, recipe.size, height > recipe.size);
}

/** Planes of 0 to 1, (1, 3, size, size). */
export function planesOf(picture: Picture): Float32Array {
  const count = picture.width * picture.height;
  const planes = new Float32Array(3 * count);
  for (let at = 0; at < 3 * count; at++) planes[(at % 3) * count + Math.floor(at / 3)] = picture.data[at]! / 255;
  return planes;
}
