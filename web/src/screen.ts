/** What is seen: one section at a time, the oval, the prompts. */

import { type Instruction, LANGUAGES, type Notice, preferred, speak, texts } from "./words";

const SECTIONS = ["welcome", "capture", "wait", "notice"] as const;
type Section = (typeof SECTIONS)[number];

export function element<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as unknown as T;
}

/** Let the person choose a language; the page speaks it at once, and `changed` says the rest anew. */
export function offerLanguages(changed: () => void): void {
  const choice = element<HTMLSelectElement>("language");
  const chosen = preferred();
  for (const [code, { name }] of LANGUAGES) {
    const option = new Option(name, code, code === chosen, code === chosen);
    option.lang = code;
    choice.add(option);
  }
  choice.addEventListener("change", () => {
    speak(choice.value);
    changed();
  });
  speak(chosen);
}

/** Show one section, and move the focus to its heading, so that a screen reader begins there. */
export function show(section: Section): void {
  for (const name of SECTIONS) element(name).hidden = name !== section;
  document.body.classList.toggle("capturing", section === "capture");
  if (section !== "capture") light(null);
  element(section).querySelector<HTMLElement>("h1, h2")?.focus({ preventScroll: true });
  if (section === "capture") fitOval();
}

export function notice({ title, text, retry }: Notice, advice: string[] = [], label = texts.page.again, photo = false): void {
  element("notice-title").textContent = title;
  element("notice-text").textContent = text;
  element("notice-advice").replaceChildren(
    ...advice.map((line) => {
      const item = document.createElement("li");
      item.textContent = line.charAt(0).toUpperCase() + line.slice(1);
      return item;
    }),
  );
  element("again").hidden = !retry;
  element("again").textContent = label;
  element("photo-instead").hidden = !photo;
  show("notice");
}

/** Say that something is waited for. */
export function wait(text: string): void {
  element("wait-text").textContent = text;
  slow(false);
  show("wait");
}

/** Tell whoever waits that the service is slow, where nothing else is on the screen too. */
export function slow(is: boolean): void {
  if (is && SECTIONS.every((name) => element(name).hidden)) show("wait");
  say("wait-note", is ? texts.said.stalled : "");
}

/** Place the oval in the middle of the stage: three quarters as wide as high, as a face is. */
export function fitOval(): void {
  const { clientWidth: width, clientHeight: height } = element("stage");
  if (width === 0 || height === 0) return;
  const video = element<HTMLVideoElement>("video");
  const whole = getComputedStyle(video).objectFit === "contain" && video.videoWidth > 0;
  const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
  // A picture that is shown whole leaves bars beside it, where no face can be.
  const across = whole ? scale * video.videoWidth : width;
  const down = whole ? scale * video.videoHeight : height;
  const tall = Math.min((whole ? 0.92 : 0.84) * down, (0.8 * across) / 0.746);
  const wide = 0.746 * tall;
  const hole = element<SVGEllipseElement>("hole-oval");
  hole.setAttribute("rx", String((50 * wide) / width));
  hole.setAttribute("ry", String((50 * tall) / height));
  const ring = element<SVGSVGElement>("ring");
  ring.style.width = `${wide * 1.04}px`;
  ring.style.height = `${tall * 1.03}px`;
  // Over a picture that is shown whole the movement would hide the chin: it stands beside the oval.
  element("gesture").style.setProperty("--beside", whole ? `max(${-0.52 * wide}px - 50%, ${-width / 2}px + 50%)` : "0px");
}

const PATHS: Record<Instruction["picture"], string | null> = {
  ahead: null,
  left: '<path class="moves" d="M15 5l-7 7 7 7"/>',
  right: '<path class="moves" d="M9 5l7 7-7 7"/>',
  down: '<path class="moves" d="M5 9l7 7 7-7"/>',
  blink: '<path d="M3 11c3 4 6 5.500 9 5.500s6-1.500 9-5.500"/><path d="M6 15l-1.500 2M12 17v2.500M18 15l1.500 2"/>',
  closer: '<path class="moves" d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>',
  light: null,
  digit: null,
};
const MOTION: Partial<Record<Instruction["picture"], string>> = { left: "-3px 0", right: "3px 0", down: "0 3px" };

export function prompt(instruction: Instruction, digit: string | undefined): void {
  say("prompt", digit === undefined ? instruction.text : `${instruction.text}: ${digit}`);
  say("detail", instruction.detail);
  const place = element("gesture");
  place.replaceChildren();
  if (digit !== undefined) {
    const shown = document.createElement("span");
    shown.className = "digit";
    shown.textContent = digit;
    place.append(shown);
  }
  const path = PATHS[instruction.picture];
  if (path !== null) {
    place.innerHTML = `<svg viewBox="0 0 24 24">${path}</svg>`;
    const moving = place.querySelector<SVGElement>(".moves");
    const [x, y] = (MOTION[instruction.picture] ?? "0 0").split(" ");
    moving?.style.setProperty("--dx", x ?? "0");
    moving?.style.setProperty("--dy", y ?? "0");
    if (instruction.picture === "closer") moving?.style.setProperty("--grow", "1.12");
    if (moving) moving.style.transformOrigin = "center";
  }
}

export function hint(text: string, good: boolean): void {
  say("hint", text);
  element("ring").classList.toggle("good", good);
}

/** Change words only when they change, so that a screen reader does not repeat them. */
function say(id: string, text: string): void {
  const place = element(id);
  if (place.textContent !== text) place.textContent = text;
}

/** The time that is left; a screen reader tells it when it is asked. */
export function left(text: string): void {
  say("left", text);
}

/** Light the window in a colour, or put it back. */
export function light(colour: string | null): void {
  document.body.classList.toggle("lit", colour !== null);
  if (colour === null) document.body.style.removeProperty("--light");
  else document.body.style.setProperty("--light", colour);
}

export function progress(done: number): void {
  element<HTMLProgressElement>("progress").value = done;
  document.querySelector<SVGPathElement>("#ring .bar")!.style.strokeDasharray = `${100 * done} 100`;
}
