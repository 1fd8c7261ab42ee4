/** The demo page: camera, file or rendered face → words. */
import { Looker } from "./index.js";

const element = (id) => document.getElementById(id);
const view = element("view");
const context = view.getContext("2d", { willReadFrequently: true, alpha: false });
const FAILED = {
  unsupported: "This browser cannot run the networks: use a recent one.",
  damaged: "The model was damaged on its way: load the page again.",
  unreachable: "A file could not be loaded: check the connection, and load the page again.",
  worker_lost: "The look was interrupted: it starts again by itself.",
  failed: "The look failed: load the page again.",
};
const CAMERA = {
  NotAllowedError: "The camera was refused: allow it for this page in the browser's settings, or open a picture.",
  NotFoundError: "There is no camera: open a picture.",
  NotReadableError: "Another program uses the camera: close it, or open a picture.",
};
let words = {};
let looker;
let stop = () => {};

/** Say it; figures of an earlier picture go. */
function tell(text) {
  element("figures").textContent = "";
  if (element("told").textContent !== text) element("told").textContent = text;
}

async function look() {
  const found = await looker.look(context.getImageData(0, 0, view.width, view.height));
  const [face] = found.faces;
  if (face) {
    context.lineWidth = 3;
    context.strokeStyle = found.reasons.length ? "#e8a33d" : "#4bb76c";
    context.strokeRect(face.box.x, face.box.y, face.box.width, face.box.height);
  }
  const [reason] = found.reasons;
  const fine = found.score >= found.threshold ? "It looks like a person who is there." : "It may be a picture of a person.";
  tell(reason ? (words[reason] ?? reason) : fine);
  const score = found.score === null ? "no score" : `score ${found.score.toFixed(2)}, threshold ${found.threshold.toFixed(2)}`;
  element("figures").textContent = `${score}; face ${found.findMs.toFixed(0)} ms, the rest ${found.scoreMs.toFixed(0)} ms`;
}

async function tried(work) {
  try {
    await work();
    return true;
  } catch (error) {
    const code = error.code === "worker_lost" && !looker ? "failed" : error.code; // only an open one starts again
    tell(FAILED[code] ?? `${FAILED.failed} (${error.message})`);
    return error.code === "worker_lost";
  }
}

async function show(source) {
  stop();
  const picture = await createImageBitmap(source);
  const scale = Math.min(1, 960 / Math.max(picture.width, picture.height));
  view.width = Math.round(picture.width * scale);
  view.height = Math.round(picture.height * scale);
  context.drawImage(picture, 0, 0, view.width, view.height);
  await tried(look);
}

element("rendered").addEventListener("click", () => {
  fetch("rendered.png").then(async (answer) => show(await answer.blob())).catch(() => tell(FAILED.unreachable));
});
element("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) show(file).catch(() => tell("This file is no picture that the browser can open."));
});
element("camera").addEventListener("click", async () => {
  stop();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 640, height: 480 } });
  } catch (error) {
    tell(CAMERA[error.name] ?? "The camera cannot be used: open a picture.");
    return;
  }
  let running = true;
  stop = () => {
    running = false;
    for (const track of stream.getTracks()) track.stop();
  };
  const video = document.createElement("video");
  video.srcObject = stream;
  video.playsInline = true;
  await video.play();
  while (running) {
    [view.width, view.height] = [video.videoWidth, video.videoHeight];
    context.drawImage(video, 0, 0);
    if (!(await tried(look))) break;
    await new Promise((done) => setTimeout(done, 60));
  }
});

await tried(async () => {
  words = await (await fetch("words.json")).json();
  looker = await Looker.open({
    worker: "worker.js",
    bundle: "bundle.onnx",
    detector: "yunet_n_dynamic.onnx",
    runtime: "ort-wasm-simd-threaded.wasm",
  });
  tell("Ready.");
  for (const id of ["camera", "rendered", "file"]) element(id).disabled = false;
});
