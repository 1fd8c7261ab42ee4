/** The HTTP side of the service; see docs/reference/service.md. */

export interface Options {
  modes: string[];
  modalities: string[];
  challenges: string[];
  /** Whether somebody whom the camera does not see may hand in a photo. */
  photo: boolean;
  version: string;
}

export interface Completed {
  session: string;
  state: string;
  attempts_left: number;
  advice: string[];
}

/** A request that was refused, or that never arrived (`connection`). */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly advice: string[] = [],
    /** Whether the service says that the same request will be answered later. */
    readonly later = false,
  ) {
    super(code);
  }
}

interface Refusal {
  code?: string;
  advice?: string[];
  retry_after_s?: number | null;
}

async function call<T>(method: string, path: string, token: string | null, body?: object): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  const form = body instanceof FormData ? body : null;
  if (body && form === null) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: form ?? (body ? JSON.stringify(body) : null),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new Problem("connection");
  }
  const content: unknown = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const { code = "connection", advice = [], retry_after_s: later = null } = content as Refusal;
    throw new Problem(code, advice, later !== null);
  }
  return content as T;
}

/** What the service offers to this page; null where it does not open sessions for it. */
export async function options(): Promise<Options | null> {
  try {
    return await call<Options>("GET", "page/options", null);
  } catch (error) {
    if (error instanceof Problem && ["not_found", "scope"].includes(error.code)) return null;
    throw error;
  }
}

/** Open a session, as your backend would; returns the client token. */
export async function open(mode: string, modalities: string[], challenges: string[] | null): Promise<string> {
  const session = await call<{ client_token: string }>("POST", "page/sessions", null, { mode, modalities, challenges });
  return session.client_token;
}

/** The session that a client token belongs to: `ast_<session>.<secret>`. */
export function sessionOf(token: string): string {
  return token.replace(/^ast_/, "").split(".")[0] ?? "";
}

/** Hand in one picture of a session without prompts; where one waits to be judged already, that one counts. */
export async function capture(token: string, picture: Blob): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await picture.arrayBuffer()));
  const form = new FormData();
  form.append("modality", "face_rgb");
  form.append("seq", "0");
  form.append("sha256", Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""));
  form.append("file", picture, "photo.jpg");
  try {
    await call("POST", `v1/sessions/${sessionOf(token)}/captures`, token, form);
  } catch (error) {
    if (!(error instanceof Problem && error.code === "duplicate_seq")) throw error;
  }
}

const TRIES = 4;
/** A service that ended while it judged takes the judgement up again, twenty seconds later where nothing else is set. */
const TAKEN_UP_MS = 90_000;

/** Ask for the judgement; an answer that is lost on the way is asked for again. */
export async function complete(token: string): Promise<Completed> {
  const began = performance.now();
  for (let lost = 0; ; lost++) {
    try {
      return await call<Completed>("POST", `v1/sessions/${sessionOf(token)}/complete`, token);
    } catch (error) {
      const { code, later } = error instanceof Problem ? error : new Problem("");
      // The token ends with the session: it was judged, and only the answer was lost.
      if (lost > 0 && code === "bad_token") return { session: sessionOf(token), state: "finished", attempts_left: 0, advice: [] };
      const judged = code === "state_conflict" && later && performance.now() < began + TAKEN_UP_MS;
      if (!judged && (code !== "connection" || lost >= TRIES)) throw error;
      await new Promise((next) => setTimeout(next, 1000 * 2 ** Math.min(lost, 3)));
    }
  }
}

export function result(token: string): Promise<unknown> {
  return call<unknown>("GET", `page/sessions/${sessionOf(token)}/result`, token);
}
