/** What a developer sees: the verdict, what it rests on, and what went over the wire. Text only, never markup. */

import { element } from "./screen";

const LINES = 400;

interface Challenge {
  challenge: string;
  outcome: string;
  reasons?: string[];
  measurements?: Record<string, number>;
}

interface Evidence {
  modality: string;
  status: string;
  score: number | null;
  reasons: string[];
  measurements: Record<string, number>;
}

interface Verdict {
  outcome: string;
  score: number | null;
  operating_point: { name: string; threshold: number; rule: string };
  evidence: Evidence[];
  bundles: { name: string; version: string }[];
}

interface Result {
  outcome: string;
  reasons: string[];
  verdict: Verdict | null;
  frames: { seq: number; outcome: string; score: number | null }[];
  challenges: Challenge[];
}

export function log(type: string, message: object): void {
  const list = element("log");
  if (list.childElementCount >= LINES || type === "ack") return;
  const line = document.createElement("li");
  line.textContent = `${(performance.now() / 1000).toFixed(2)} s ${JSON.stringify(message)}`;
  list.append(line);
}

export function clear(): void {
  element("log").replaceChildren();
  element("evidence").replaceChildren();
}

export function showResult(document_: unknown): void {
  const result = document_ as Result;
  const place = element("evidence");
  place.replaceChildren(
    text("p", `Outcome: ${result.outcome}`, `outcome ${result.outcome}`),
    text("p", result.reasons?.length ? `Reasons: ${result.reasons.join(", ")}` : "No reasons against it"),
  );
  const verdict = result.verdict;
  if (verdict) {
    const { operating_point: point, bundles } = verdict;
    place.append(text("h3", `Detector: ${bundles.map((b) => `${b.name} ${b.version}`).join(", ")}`));
    if (verdict.score !== null) place.append(scale(verdict.score, point.threshold));
    place.append(
      text("p", `Score is a log-likelihood ratio; bona fide from ${number(point.threshold)} on (${point.name}: ${point.rule}).`, "note"),
      table(
        ["sensor", "status", "score", "measurements"],
        verdict.evidence.map((e) => [
          e.modality,
          [e.status, ...e.reasons].join(" "),
          e.score === null ? "" : number(e.score),
          numbers(e.measurements),
        ]),
      ),
    );
  }
  if (result.challenges?.length) {
    place.append(
      text("h3", "Challenges"),
      table(
        ["challenge", "outcome", "measurements"],
        result.challenges.map((c) => [
          c.challenge,
          [c.outcome, ...(c.reasons ?? [])].join(" "),
          numbers(c.measurements ?? {}),
        ]),
      ),
    );
  }
  if (result.frames?.length) {
    place.append(
      text("h3", "Pictures that were judged"),
      table(
        ["number", "outcome", "score"],
        result.frames.map((f) => [String(f.seq), f.outcome, f.score === null ? "" : number(f.score)]),
      ),
    );
  }
  const raw = text("pre", JSON.stringify(result, null, 2));
  raw.tabIndex = 0;
  raw.setAttribute("aria-label", "Result as JSON");
  place.append(text("h3", "Result, as your backend gets it"), raw);
}

function text(tag: string, content: string, name = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = content;
  if (name) made.className = name;
  return made;
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function numbers(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(" · ");
}

function table(head: string[], rows: string[][]): HTMLElement {
  const made = document.createElement("table");
  const first = made.createTHead().insertRow();
  for (const name of head) first.append(text("th", name));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((content, i) => {
      const column = head[i] ?? "";
      const outcome = column === "outcome" ? `outcome ${content.split(" ")[0]}` : "";
      line.append(text("td", content, column === "measurements" ? "numbers" : outcome));
    });
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(made);
  return scroll;
}

/** The score on a line from clear attack to clear bona fide, with the threshold. */
function scale(score: number, threshold: number): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const reach = Math.max(6, Math.abs(score), Math.abs(threshold)) * 1.1;
  const x = (value: number): string => String(150 + (140 * value) / reach);
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 300 34");
  svg.setAttribute("class", "scale");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Score ${number(score)}, threshold ${number(threshold)}`);
  const add = (tag: string, attributes: Record<string, string>, content = ""): void => {
    const made = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = content;
    svg.append(made);
  };
  add("line", { class: "axis", x1: "10", x2: "290", y1: "14", y2: "14" });
  add("line", { class: "threshold", x1: x(threshold), x2: x(threshold), y1: "5", y2: "23" });
  add("circle", { class: "score", cx: x(score), cy: "14", r: "6" });
  add("text", { x: "10", y: "33" }, "attack");
  add("text", { x: "290", y: "33", "text-anchor": "end" }, "bona fide");
  return svg;
}
