/** The HTTP side of the service; see docs/reference/service.md. */

export interface Options {
  modes: string[];
  modalities: string[];
  challenges: string[];
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
  ) {
    super(code);
  }
}

async function call<T>(method: string, path: string, token: string | null, body?: object): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new Problem("connection");
  }
  const content: unknown = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const { code = "connection", advice = [] } = content as { code?: string; advice?: string[] };
    throw new Problem(code, advice);
  }
  return content as T;
}

/** What the service offers to this page; null where it does not open sessions for it. */
export async function options(): Promise<Options | null> {
  try {
    return await call<Options>("GET", "page/options", null);
  } catch (error) {
    if (error instanceof Problem && error.code !== "connection") return null;
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

export function complete(token: string): Promise<Completed> {
  return call<Completed>("POST", `v1/sessions/${sessionOf(token)}/complete`, token);
}

export function result(token: string): Promise<unknown> {
  return call<unknown>("GET", `page/sessions/${sessionOf(token)}/result`, token);
}
