/** The camera before anything is sent: hints by `antispoof-web`, on the device. They help, and decide nothing. */

import { Looker, type Reason } from "../package/src/index";
import { Camera } from "./camera";
import { log } from "./panel";
import { element, hint, prompt } from "./screen";
import { stoppable } from "./stoppable";
import { hintOf, texts } from "./words";

const FILES = {
  worker: "page/device/worker.js",
  bundle: "page/device/face-rgb-edge.onnx",
  detector: "page/device/yunet_n_dynamic.onnx",
  runtime: "page/device/ort-wasm-simd-threaded.wasm",
};
const BETWEEN_MS = 250;

/** Reasons of the modality → hints; what keeps others from being seen comes first. */
const HINTS: readonly (readonly [Reason, string])[] = [
  ["too_dark", "more_light"],
  ["too_bright", "less_light"],
  ["no_face", "no_face"],
  ["several_faces", "several_faces"],
  ["too_small", "closer"],
  ["cut_off", "centre"],
  ["too_blurred", "blurred"],
];

/**
 * Show people to themselves, with hints, until they agree or go back: whether they agreed.
 *
 * Throws what the camera throws, and `Problem` `stopped` where they go back before it opens.
 */
export async function agreed(video: HTMLVideoElement): Promise<boolean> {
  const { said } = texts;
  const camera = await stoppable(Camera.open(video), (late) => late.close());
  const stopped = new AbortController();
  const { signal } = stopped;
  prompt({ text: said.looking, detail: said.local, picture: "ahead" }, undefined);
  element("send").hidden = false;
  element("progress").hidden = true;
  try {
    const answer = new Promise<boolean>((done) => {
      element("send").addEventListener("click", () => done(true), { signal });
      element("cancel").addEventListener("click", () => done(false), { signal });
    });
    void hints(camera, signal).catch((error: unknown) => {
      if (signal.aborted) return;
      hint(said.local_off, false);
      log("look", { off: String(error) });
    });
    return await answer;
  } finally {
    stopped.abort();
    camera.close();
    element("send").hidden = true;
    element("progress").hidden = false;
  }
}

/** Look until `signal` aborts. */
async function hints(camera: Camera, signal: AbortSignal): Promise<void> {
  const looker = await Looker.open(FILES);
  try {
    while (!signal.aborted) {
      const image = camera.pixels();
      if (image !== null) {
        const look = await looker.look(image);
        if (signal.aborted) break;
        const found = HINTS.find(([reason]) => look.reasons.includes(reason));
        hint(found === undefined ? texts.said.ready : hintOf(found[1]), found === undefined);
        log("look", look);
      }
      await new Promise((next) => setTimeout(next, BETWEEN_MS));
    }
  } finally {
    looker.close();
  }
}
