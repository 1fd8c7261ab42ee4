/**
 * What the person in front of the camera reads: neutral, and the same however it ends. One file a language, all with
 * the same keys; `advice` translates the sentences of the service.
 */

import ar from "./languages/ar.json";
import de from "./languages/de.json";
import en from "./languages/en.json";
import es from "./languages/es.json";

export type Words = typeof en;

/** Language code → its words; the compiler refuses a file that lacks one. */
export const LANGUAGES: ReadonlyMap<string, Words> = new Map(Object.entries({ en, es, de, ar }));

export let texts: Words = en;

/** The first of the person's languages that is there; `?lang=` in the address comes before. */
export function preferred(): string {
  const asked = [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages];
  const known = asked.map((each) => each.toLowerCase().split("-")[0]!).find((each) => LANGUAGES.has(each));
  return known ?? "en";
}

/** Speak a language: all that is said from now on, and what stands on the page. */
export function speak(code: string): void {
  texts = LANGUAGES.get(code) ?? en;
  document.documentElement.lang = code;
  document.documentElement.dir = texts.direction;
  document.title = texts.page.title;
  const page: Readonly<Record<string, string>> = texts.page;
  for (const place of document.querySelectorAll<HTMLElement>("[data-words]")) {
    place.textContent = page[place.dataset["words"]!] ?? "";
  }
  for (const place of document.querySelectorAll<HTMLElement>("[data-label]")) {
    place.setAttribute("aria-label", page[place.dataset["label"]!] ?? "");
  }
}

export function hintOf(code: string): string {
  return (texts.hints as Readonly<Record<string, string>>)[code] ?? "";
}

/** Sentences of the service in the person's language; one that is not known stays as it came. */
export function adviceOf(sentences: readonly string[]): string[] {
  const known: Readonly<Record<string, string>> = texts.advice;
  return sentences.map((each) => known[each] ?? each);
}

export function left(number: number, of: number, seconds: number): string {
  const values: Readonly<Record<string, number>> = { number, of, seconds };
  return texts.said.left.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

export interface Instruction {
  text: string;
  detail: string;
  picture: "ahead" | "left" | "right" | "down" | "blink" | "closer" | "light" | "digit";
}

const PICTURES: Readonly<Record<string, Instruction["picture"]>> = {
  turn_left: "left",
  turn_right: "right",
  nod: "down",
  blink: "blink",
  come_closer: "closer",
  light: "light",
  read_digit: "digit",
};

export function instructionOf(name: string): Instruction {
  const known = texts.instructions as Readonly<Record<string, string[]>>;
  const [text = "", detail = ""] = known[name] ?? texts.instructions.other;
  return { text, detail, picture: PICTURES[name] ?? "ahead" };
}

export interface Notice {
  title: string;
  text: string;
  retry: boolean;
}

type Told = keyof Words["notices"];
const FINAL: readonly string[] = ["finished", "no_camera_here", "expired", "bad_link"];
const PROBLEMS: Readonly<Record<string, Told>> = {
  session_expired: "expired",
  bad_token: "bad_link",
  scope: "bad_link",
  attempts_exhausted: "finished",
  stopped: "stopped",
  state_conflict: "stopped",
  invalid_request: "stopped", // of this page: nothing came for too long, as from a window in the background
  camera_lost: "not_readable",
  store_unavailable: "overloaded",
  model_unavailable: "overloaded",
  internal_error: "overloaded",
  unseen: "unseen",
  rate_limited: "rate_limited",
  overloaded: "overloaded",
  bad_photo: "bad_photo",
  decode_failed: "bad_photo",
  no_face: "again",
  multiple_faces: "again",
  low_quality: "again",
};
const CAMERA: Readonly<Record<string, Told>> = { NotAllowedError: "not_allowed", NotFoundError: "not_found" };

export function noticeOf(told: Told): Notice {
  const [title = "", text = ""] = texts.notices[told];
  return { title, text, retry: !FINAL.includes(told) };
}

export function cameraNotice(error: unknown): Notice {
  return noticeOf(CAMERA[error instanceof DOMException ? error.name : ""] ?? "not_readable");
}

export function problemNotice(code: string): Notice {
  return noticeOf(PROBLEMS[code] ?? "connection");
}
