/** The check, from the first word to the last. */

import * as api from "./api";
import { Camera } from "./camera";
import { Microphone } from "./microphone";
import * as panel from "./panel";
import { withoutMetadata } from "./photo";
import * as preview from "./preview";
import * as screen from "./screen";
import { stoppable } from "./stoppable";
import { type Ready, type Step, Stream } from "./stream";
import * as words from "./words";

const PICTURES_PER_SECOND = 8;
const PICTURES_PER_SECOND_OF_VOICE = 2;
/** What a backend's link holds. */
const TOKEN = /^ast_ses_[\w-]+\.[\w-]+$/;
const ORDER = ["passive", "movement", "light", "digits"];

const { element } = screen;

/** What the service lets this page open; null where a backend has opened the session (`#token=…`). */
let offered: api.Options | null = null;
/** Of a session that is open and has attempts left. */
let token: string | null = null;
/** Whether all was captured, and the judgement is still owed. */
let owed = false;
/** Whether the backend that has opened the session lets a photo be handed in (`&photo=1`). */
let photoByLink = false;
/** Ends the capture that goes on, and hands in a photo in its place. */
let giveWay: ((photo: File) => void) | null = null;
/** The light that the screen gives somebody in the dark, until the attempt ends. */
let lamp: string | null = null;

async function begin(): Promise<void> {
  const asked = new URLSearchParams(location.hash.slice(1));
  token = asked.get("token");
  photoByLink = asked.get("photo") === "1";
  // The token is a secret: it does not stay in the address, nor in the history.
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  if (token === null) {
    try {
      offered = await patient(api.options());
    } catch (error) {
      fail(error);
      return;
    }
    if (offered === null) {
      screen.notice(words.problemNotice("bad_token"));
      return;
    }
    offer(offered);
  } else {
    describe();
    if (!TOKEN.test(token)) {
      fail(new api.Problem("bad_token"));
      return;
    }
  }
  if (!cameraThere()) {
    const told = words.noticeOf("no_camera_here");
    const privacy = element("privacy").textContent; // a photo is sent as soon as it is chosen
    const text = photoAllowed() ? `${told.text} ${privacy}` : told.text;
    screen.notice({ ...told, text }, [], undefined, photoAllowed());
    return;
  }
  screen.show("welcome");
}

function cameraThere(): boolean {
  return Boolean(navigator.mediaDevices?.getUserMedia) && "WebSocket" in window;
}

/** Whether a photo is another way on. */
function photoAllowed(): boolean {
  return offered?.photo ?? (token !== null && photoByLink);
}

/** Wait for the service, and say so where it takes long. */
async function patient<T>(work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => screen.slow(true), STALLED_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    screen.slow(false);
  }
}

/** In development, let people choose what they try. */
function offer(options: api.Options): void {
  element("choices").hidden = false;
  element("panel").hidden = false;
  const active = options.modes.includes("active");
  for (const radio of document.querySelectorAll<HTMLInputElement>("[name=mode]")) {
    radio.disabled = !options.modes.includes(radio.value);
    if (!active) radio.checked = radio.value === "passive";
  }
  box("light").checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  element("choice-voice").hidden = !(options.challenges.includes("digits") && options.modalities.includes("voice"));
  element("choices").addEventListener("change", describe);
  describe();
}

function box(name: string): HTMLInputElement {
  return document.querySelector<HTMLInputElement>(`input[name=${name}]`)!;
}

function mode(): string {
  return document.querySelector<HTMLInputElement>("[name=mode]:checked")!.value;
}

function describe(): void {
  if (offered === null) {
    element("flashes").hidden = false;
    element("privacy").textContent = words.texts.page.privacy_elsewhere;
    element("consent").textContent = words.texts.page.agree;
    element("duration").textContent = words.texts.page.lead_active;
    return;
  }
  const active = mode() === "active";
  box("light").disabled = box("voice").disabled = !active;
  element("flashes").hidden = !(active && box("light").checked);
  element("lead-steps").hidden = !active;
  const { page } = words.texts;
  element("duration").textContent = active ? page.lead_active : page.lead_passive;
  const spoken = active && box("voice").checked;
  element("privacy").textContent = spoken ? page.privacy_sound : page.privacy;
  element("consent").textContent = spoken ? page.agree_sound : page.agree;
}

async function openSession(options: api.Options): Promise<string> {
  if (mode() === "passive") return api.open("passive", ["face_rgb"], null);
  const spoken = box("voice").checked;
  const left = new Set([...(box("light").checked ? [] : ["light"]), ...(spoken ? [] : ["digits"])]);
  const wanted = ORDER.filter((name) => options.challenges.includes(name) && !left.has(name));
  return api.open("active", spoken ? ["face_rgb", "voice"] : ["face_rgb"], wanted);
}

/** One attempt: camera, live capture, judgement. */
async function attempt(): Promise<void> {
  panel.clear();
  let camera: Camera | null = null;
  let microphone: Microphone | null = null;
  let code = "";
  const button = element<HTMLButtonElement>("consent");
  button.disabled = true;
  screen.progress(0);
  opening(words.texts.page.stop);
  try {
    const spoken = offered !== null && mode() === "active" && box("voice").checked;
    try {
      camera = await stoppable(Camera.open(element<HTMLVideoElement>("video")), (late) => late.close());
    } catch (error) {
      if (error instanceof api.Problem) throw error;
      screen.notice(words.cameraNotice(error), [], undefined, photoAllowed());
      return;
    }
    microphone = new Microphone();
    try {
      if (spoken) await stoppable(microphone.open(), () => {});
    } catch (error) {
      if (error instanceof api.Problem) throw error;
      screen.notice(words.noticeOf("no_microphone"));
      return;
    }
    if (token === null && offered !== null) token = await patient(stoppable(openSession(offered), () => {}));
    if (token === null) throw new api.Problem("bad_token");
    await capture(camera, microphone, token);
    await judge(token);
  } catch (error) {
    code = error instanceof api.Problem ? error.code : "";
    if (code !== "without_prompts" && code !== "photo") fail(error);
  } finally {
    camera?.close();
    microphone?.close();
    button.disabled = false;
  }
  if (code !== "without_prompts") {
    lamp = null;
    return;
  }
  token = null;
  document.querySelector<HTMLInputElement>("[name=mode][value=passive]")!.checked = true;
  describe();
  await attempt();
}

/** Show the place of the camera's picture before it opens: some browsers play no hidden video. */
function opening(cancel: string): void {
  screen.prompt({ text: words.texts.said.allow, detail: "", picture: "ahead" }, undefined);
  screen.hint("", false);
  element("cancel").textContent = cancel;
  screen.show("capture");
}

/** Let people see themselves before anything is sent. */
async function lookFirst(): Promise<void> {
  opening(words.texts.page.back);
  try {
    if (await preview.agreed(element<HTMLVideoElement>("video"))) await attempt();
    else screen.show("welcome");
  } catch (error) {
    if (error instanceof api.Problem) screen.show("welcome");
    else screen.notice(words.cameraNotice(error), [], undefined, photoAllowed());
  }
}

/** Hand in a photo, where the camera does not see the person. */
async function handIn(file: File): Promise<void> {
  owed = false;
  screen.wait(words.texts.page.wait_text);
  try {
    const photo = await withoutMetadata(file);
    if (offered !== null) token = await patient(api.open("passive", ["face_rgb"], null));
    if (token === null) throw new api.Problem("bad_token");
    await patient(api.capture(token, photo));
    await judge(token);
  } catch (error) {
    const refused = error instanceof api.Problem && error.code === "state_conflict" && !error.later;
    if (refused) withoutPhoto();
    else fail(error);
  }
}

/** The session takes no photo, whatever the link says: it is not offered again. */
function withoutPhoto(): void {
  owed = photoByLink = false;
  if (offered !== null) {
    offered.photo = false;
    token = null;
  }
  screen.notice(words.noticeOf(cameraThere() ? "no_photo_here" : "no_camera_here"));
}

/** After which the screen helps somebody who is not seen well, another way is offered, the attempt ends. */
const HELP_MS = 6000;
const OFFER_MS = 20_000;
const UNSEEN_MS = 60_000;
/** What a brighter screen helps against (in the dark no face is found), and a shorter way to it. */
const DIM = ["more_light", "no_face"];
const FAR = [...DIM, "closer"];
/** Of the time; what was wrong for less is not told as a cause. */
const CAUSE_SHARE = 0.2;

/** After which a service that owes an answer is called slow. */
const STALLED_MS = 2500;
/** And after which the stream is taken for cut off: the service itself waits for 10 s. */
const LOST_MS = 30_000;

async function capture(camera: Camera, microphone: Microphone, token_: string): Promise<void> {
  let step: Step | null = null;
  let steps = 1;
  const { said } = words.texts;
  let last = { text: "", good: false };
  let wrong: string | null = null;
  const seen = new Map<string | null, number>();
  let lookingAt = Infinity;
  let stepEnds = 0;
  const hint = (text: string, good: boolean): void => {
    last = { text, good };
    screen.hint(text, good);
  };
  const stopped = new AbortController();
  microphone.heard = (pcm, rate) => {
    if (step?.instruction === "read_digit") stream.send("voice", pcm, { rate });
  };
  const stream = new Stream(token_, {
    ready(message: Ready): void {
      steps = message.steps;
      if (message.mode === "active") photoByLink = false; // what is captured live takes no photo
      lookingAt = performance.now();
      // Without permission nothing is heard, and the check says so at its end.
      if (message.modalities.includes("voice")) microphone.open().catch(() => panel.log("microphone", { open: false }));
    },
    step(message: Step): void {
      step = message;
      stepEnds = performance.now() + message.duration_ms;
      element("plain").hidden = element("photo-here").hidden = true;
      screen.prompt(words.instructionOf(message.instruction), message.arguments["digit"]);
      screen.light(message.arguments["colour"] ?? lamp);
      hint("", true);
      screen.progress(message.index / steps);
    },
    hint(code: string | null): void {
      wrong = code;
      if (step === null) hint(code === null ? said.ready : words.hintOf(code), code === null);
      else hint(code === null ? "" : words.hintOf(code), code === null);
    },
    message: panel.log,
  });
  const stopFor = (code: string): void => {
    stopped.abort(code);
    stream.close();
  };
  const { signal } = stopped;
  camera.lost = () => stopFor("camera_lost");
  element("cancel").addEventListener("click", () => stopFor("stopped"), { signal });
  element("plain").addEventListener("click", () => stopFor("without_prompts"), { signal });
  // Choosing takes a while, and may be given up: the capture goes on until a photo is there.
  giveWay = (photo) => {
    stopFor("photo");
    void handIn(photo);
  };
  const plain = offered?.modes.includes("passive") === true && mode() === "active";

  /** Do more and more for somebody of whom no good picture comes. */
  const escalate = (): void => {
    const waited = performance.now() - lookingAt;
    if (waited > 0) seen.set(wrong, (seen.get(wrong) ?? 0) + 1);
    if (waited < HELP_MS || wrong === null) return;
    if (DIM.includes(wrong)) lamp = "#ffffff"; // and stays: a screen that comes and goes would flash
    screen.light(lamp);
    let detail = FAR.includes(wrong) ? said.nearer : "";
    if (waited >= OFFER_MS) detail = plain || photoAllowed() ? said.another_way : said.another_place;
    screen.prompt({ text: said.looking, detail, picture: "ahead" }, undefined);
    element("plain").hidden = !(plain && waited >= OFFER_MS);
    element("photo-here").hidden = !(photoAllowed() && waited >= OFFER_MS);
    if (waited >= UNSEEN_MS) stopFor("unseen");
  };
  const causes = (): string[] => {
    const looks = [...seen.values()].reduce((sum, count) => sum + count, 0);
    const often = [...seen].filter(([, count]) => count >= CAUSE_SHARE * looks).sort((a, b) => b[1] - a[1]);
    return often.flatMap(([code]) => (code === null ? [] : [words.hintOf(code)]));
  };
  const tell = (): void => {
    if (step === null) {
      escalate();
      screen.left("");
    } else {
      const seconds = Math.max(0, Math.ceil((stepEnds - performance.now()) / 1000));
      screen.left(words.left(step.index + 1, steps, seconds));
    }
  };
  screen.prompt({ text: said.looking, detail: "", picture: "ahead" }, undefined);
  panel.log("camera", { camera: camera.size });

  const pictures = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const rate = step?.instruction === "read_digit" ? PICTURES_PER_SECOND_OF_VOICE : PICTURES_PER_SECOND;
      const due = performance.now() + 1000 / rate;
      if (stream.waitingMs > LOST_MS) stopFor("connection");
      if (stream.waitingMs > STALLED_MS) screen.hint(said.stalled, false);
      else screen.hint(last.text, last.good);
      tell();
      if (stream.open) {
        const picture = await camera.picture();
        if (picture !== null) stream.send("face_rgb", picture);
      }
      await new Promise((next) => setTimeout(next, Math.max(10, due - performance.now())));
    }
  };
  void pictures();
  try {
    await stream.captured;
    screen.progress(1);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    const code = stopped.signal.reason as string;
    throw new api.Problem(code, code === "unseen" ? causes() : []);
  } finally {
    stopped.abort();
    giveWay = null;
    element("plain").hidden = element("photo-here").hidden = true;
    screen.left("");
    stream.close();
  }
}

async function judge(token_: string): Promise<void> {
  owed = true;
  screen.wait(words.texts.page.wait_text);
  const answer = await patient(api.complete(token_));
  owed = false;
  panel.log("complete", answer);
  if (answer.state === "capturing") {
    screen.notice(words.noticeOf("again"), words.adviceOf(answer.advice), undefined, photoAllowed());
    return;
  }
  token = null;
  screen.notice({ ...words.noticeOf("finished"), retry: offered !== null }, [], words.texts.page.another);
  if (offered !== null) panel.showResult(await api.result(token_));
}

/** Ask once more for a judgement that never came. */
async function judgeAgain(token_: string): Promise<void> {
  try {
    await judge(token_);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  const problem = error instanceof api.Problem ? error : new api.Problem("connection");
  panel.log("problem", { code: problem.code });
  if (!["connection", "overloaded", "rate_limited", "store_unavailable"].includes(problem.code)) owed = false;
  if (["session_expired", "bad_token", "attempts_exhausted", "state_conflict"].includes(problem.code)) {
    token = offered === null ? token : null;
  }
  const advice = words.adviceOf(problem.advice);
  const photo = photoAllowed() && !["stopped", "connection", "session_expired", "bad_token"].includes(problem.code);
  const told = words.problemNotice(problem.code);
  // Where the page opens sessions itself there is always another.
  screen.notice({ ...told, retry: told.retry || offered !== null }, advice, undefined, photo);
}

element("consent").addEventListener("click", () => void attempt());
element("look-first").addEventListener("click", () => void lookFirst());
for (const name of ["photo-here", "photo-instead"]) {
  element(name).addEventListener("click", () => element<HTMLInputElement>("photo").click());
}
element("again").addEventListener("click", () => {
  if (token === null && offered === null) {
    element("notice").hidden = true;
    void begin(); // the service did not answer, and nobody has agreed to anything yet
  } else if (token === null) screen.show("welcome");
  else if (owed) void judgeAgain(token);
  else void attempt();
});
new ResizeObserver(screen.fitOval).observe(element("stage"));
element("video").addEventListener("resize", screen.fitOval);
element("photo").addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  const photo = input.files?.[0];
  input.value = ""; // so that the same file can be chosen again
  if (photo === undefined) return;
  if (giveWay === null) void handIn(photo);
  else giveWay(photo);
});
screen.offerLanguages(describe);
// A new link in the window of an old one: browsers load nothing anew for it.
addEventListener("hashchange", () => location.reload());
void begin();
