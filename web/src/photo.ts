/** A photo in place of the live picture: decoded here, and sent without what a camera writes into its files. */

import { Problem } from "./api";

/** Pixels of the longer side; more adds nothing to a face that fills a good part of it. */
const LONGEST = 1600;
const QUALITY = 0.92;

/** A JPEG of the pixels alone: no place, time or name of the device. Throws `Problem` `bad_photo`. */
export async function withoutMetadata(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (picture === null) throw new Problem("bad_photo");
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (blob === null) throw new Problem("bad_photo");
  return blob;
}
