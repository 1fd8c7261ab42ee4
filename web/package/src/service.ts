/**
 * A backend's way to the service, for Node 20 and newer: the contract of `antispoof.client`.
 *
 * Calls that were lost are sent again and done once; results are checked, signature, session and nonce, before
 * they are returned.
 */

import {
  API_VERSION,
  type Audit,
  type CaptureReceipt,
  type CheckAnswer,
  type Completed,
  type Models,
  type OpenedSession,
  type ProblemDocument,
  type ReferenceReceipt,
  type RegisteredWebhook,
  type ResultDocument,
  type SessionDocument,
  type VerdictDocument,
  type WebhookDocument,
  type Webhooks,
} from "./documents.js";
import { bytes, hex, text } from "./encodings.js";

export { verifyWebhook, type WebhookMessage } from "./webhooks.js";
export { API_VERSION };
export type * from "./documents.js";

/** A sample: a file as it is, of a camera or from a disk. */
export type Sample = Uint8Array<ArrayBuffer>;

/** What became of one sample of a batch: a verdict, or why there is none. */
export type FileVerdict = { readonly verdict: VerdictDocument } | { readonly verdict: null; readonly problem: ServiceError };

const TRANSIENT = [429, 502, 503, 504];

export interface SessionRequest {
  readonly mode?: "passive" | "active";
  readonly modalities?: readonly string[];
  readonly policy?: string | null;
  readonly challenges?: readonly string[] | null;
  readonly ttl_s?: number;
  readonly retention_s?: number;
  readonly consent_basis?: string | null;
  readonly device_id?: string | null;
  readonly subject?: string | null;
  readonly site?: string;
}

/**
 * - `refused`: the service refuses; `problem` says why.
 * - `unreachable`: there was no answer of the service.
 * - `incompatible`: another version of the interface answered.
 * - `unverified`: a result is not what was signed for this session.
 */
export class ServiceError extends Error {
  constructor(
    readonly code: "refused" | "unreachable" | "incompatible" | "unverified",
    message: string,
    readonly problem?: ProblemDocument,
    /** How many calls before it were sent and never answered: what they asked for may have been done. */
    readonly unanswered = 0,
  ) {
    super(message);
    this.name = "ServiceError";
  }
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly json?: object;
  readonly form?: readonly (readonly [string, string | Sample])[];
}

/** An answer, whole. */
interface Heard {
  readonly status: number;
  readonly version: string | null;
  readonly kind: string;
  readonly content: string;
}

export interface BatchOptions {
  readonly modality?: string;
  readonly policy?: string;
  /** How many wait for an answer at a time; 4 unless stated. */
  readonly atOnce?: number;
}

export class Client {
  #keys: JsonWebKey[] | undefined;

  /** `retries`: how often a call is sent again at most; `timeoutS`: seconds that one answer may take. */
  constructor(
    private readonly address: string,
    private readonly key: string,
    private readonly retries = 4,
    private readonly timeoutS = 30,
  ) {
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
      throw new ServiceError("unreachable", `address: has to be like https://id.example.com; got ${JSON.stringify(address)}`);
    }
    if (!/^[!-~]+$/.test(key ?? "")) throw new ServiceError("refused", "key: an API key has to be given, as `antispoof keys add` showed it");
    if (!Number.isInteger(retries) || retries < 0) throw new ServiceError("refused", `retries: has to be a whole number, 0 or more; got ${String(retries)}`);
    if (!(timeoutS > 0)) throw new ServiceError("refused", `timeoutS: has to be more than 0; got ${String(timeoutS)}`);
  }

  /** Open a session; hand its `client_token` to the person's device. A call that is sent again opens no second one. */
  openSession(request: SessionRequest = {}, idempotencyKey: string = crypto.randomUUID()): Promise<OpenedSession> {
    return this.#ask({ method: "POST", path: "/v1/sessions", headers: { "Idempotency-Key": idempotencyKey }, json: request });
  }

  /** How a session stands. */
  async session(session: { readonly id: string }): Promise<SessionDocument> {
    return this.#ask({ method: "GET", path: place(session) });
  }

  /** Hand in a sample, with the session's own token. */
  async capture(session: OpenedSession, sample: Sample, seq = 0, modality = "face_rgb", unit = ""): Promise<CaptureReceipt> {
    const path = `${place(session)}/captures`;
    const form = await described(sample, seq, modality, unit);
    return this.#ask({ method: "POST", path, token: session.client_token, form });
  }

  /** Hand in an earlier bona fide capture of the same person and device. */
  async refer(session: { readonly id: string }, sample: Sample, seq = 0, modality = "face_rgb", unit = ""): Promise<ReferenceReceipt> {
    const path = `${place(session)}/references`;
    const form = await described(sample, seq, modality, unit);
    return this.#ask({ method: "POST", path, form });
  }

  /** Judge what was captured. Where an answer was lost, the session tells what it was. */
  async complete(session: { readonly id: string }): Promise<Completed> {
    try {
      return await this.#ask<Completed>({ method: "POST", path: `${place(session)}/complete` }, true);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.problem?.code !== "state_conflict" || !error.unanswered) throw error;
      const { id, captures, state, attempts_left } = await this.session(session);
      if (captures || state !== "capturing") throw error;
      return { session: id, state, attempts_left, advice: [] };
    }
  }

  /** Revoke a session, and erase its media and its result. */
  async erase(session: { readonly id: string }): Promise<void> {
    return this.#ask({ method: "DELETE", path: place(session) });
  }

  /** What happened to a session. */
  async audit(session: { readonly id: string }): Promise<Audit> {
    return this.#ask({ method: "GET", path: `${place(session)}/audit` });
  }

  /** What judges there. */
  models(): Promise<Models> {
    return this.#ask({ method: "GET", path: "/v1/models" });
  }

  /** Judge one presentation without a session: `check({ face_rgb: [selfie] })`; not against replay. */
  async check(samples: Readonly<Record<string, readonly Sample[]>>, policy?: string): Promise<VerdictDocument> {
    const form: [string, string | Sample][] = policy === undefined ? [] : [["policy", policy]];
    const given = Object.entries(samples ?? {});
    if (!given.some(([, several]) => !Array.isArray(several) || several.length > 0)) {
      throw new ServiceError("refused", "samples: name at least one, as in check({ face_rgb: [selfie] })");
    }
    for (const [modality, several] of given) {
      if (!Array.isArray(several) || !several.every((one) => ArrayBuffer.isView(one))) {
        throw new ServiceError("refused", `${modality}: has to be a list of files as bytes, as in check({ face_rgb: [selfie] })`);
      }
      form.push(...several.map((one): [string, Sample] => [modality, one as Sample]));
    }
    return (await this.#ask<CheckAnswer>({ method: "POST", path: "/v1/check", form })).verdict;
  }

  /** Judge samples, each by itself, a few at once; what is wrong with one is told in its place. */
  async *checkFiles(files: Iterable<Sample>, { modality = "face_rgb", policy, atOnce = 4 }: BatchOptions = {}): AsyncGenerator<FileVerdict> {
    if (!(atOnce >= 1)) throw new ServiceError("refused", `atOnce: has to be 1 or more; got ${atOnce}`);
    const waiting: Promise<FileVerdict>[] = [];
    for (const file of files) {
      if (waiting.length >= atOnce) yield await waiting.shift()!;
      const verdict = this.check({ [modality]: [file] }, policy).then(
        (said): FileVerdict => ({ verdict: said }),
        (problem: unknown): FileVerdict => {
          if (problem instanceof ServiceError && [413, 415, 422].includes(problem.problem?.status ?? 0)) return { verdict: null, problem };
          throw problem;
        },
      );
      verdict.catch(() => undefined); // told where it is waited for
      waiting.push(verdict);
    }
    for (const verdict of waiting) yield await verdict;
  }

  /** Have a URL told when a session is over; keep the `secret` for `verifyWebhook`. */
  addWebhook(url: string): Promise<RegisteredWebhook> {
    return this.#ask({ method: "POST", path: "/v1/webhooks", json: { url } });
  }

  async webhooks(): Promise<readonly WebhookDocument[]> {
    return (await this.#ask<Webhooks>({ method: "GET", path: "/v1/webhooks" })).webhooks;
  }

  /** Tell no more; what a call that was lost has removed is not missed. */
  async removeWebhook(webhook: { readonly id: string }): Promise<void> {
    const path = `/v1/webhooks/${checked(webhook, "webhook")}`;
    try {
      await this.#ask({ method: "DELETE", path });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.problem?.code !== "not_found" || !error.unanswered) throw error;
    }
  }

  /** The result, once it is there; what was signed is what is returned. */
  async result(session: OpenedSession, waitS = 30): Promise<ResultDocument> {
    const until = Date.now() + 1e3 * waitS;
    for (;;) {
      try {
        const answer = await this.#ask<Partial<ResultDocument> | null>({ method: "GET", path: `${place(session)}/result` });
        const jws: unknown = answer?.jws;
        if (typeof jws !== "string") throw new ServiceError("unverified", "a result came without a signature");
        return { ...(await this.#verified(jws, session)), jws };
      } catch (error) {
        const problem = error instanceof ServiceError ? error.problem : undefined;
        if (problem?.code !== "state_conflict" || !problem.recoverable || Date.now() > until) throw error;
        await pause(1);
      }
    }
  }

  async #verified(jws: string, session: OpenedSession): Promise<ResultDocument> {
    const [head = "", body = "", signature = ""] = jws.split(".");
    let kept = this.#keys !== undefined;
    for (;;) {
      this.#keys ??= (await this.#ask<{ keys?: JsonWebKey[] } | null>({ method: "GET", path: "/.well-known/jwks.json" }))?.keys ?? [];
      let valid = false;
      let claims: { jti?: string; nonce?: string } = {};
      try {
        const { alg, kid } = JSON.parse(text(head)) as { alg: string; kid: string };
        const named = this.#keys.find((one) => (one as { kid?: string }).kid === kid);
        if (named !== undefined && (alg === "EdDSA" || alg === "Ed25519") && named.crv === "Ed25519") {
          const { kty, crv, x } = named;
          const key = await crypto.subtle.importKey("jwk", { kty, crv, x } as JsonWebKey, "Ed25519", false, ["verify"]);
          const signed = new TextEncoder().encode(`${head}.${body}`);
          valid = await crypto.subtle.verify("Ed25519", key, bytes(signature), signed);
        }
        claims = JSON.parse(text(body)) as typeof claims;
      } catch {
        valid = false;
      }
      if (valid && claims.jti === session.id && claims.nonce === session.nonce) return claims as ResultDocument;
      if (valid) throw new ServiceError("unverified", "signed, but of another session");
      if (!kept) throw new ServiceError("unverified", "the signature is not one of the service's keys");
      kept = false;
      this.#keys = undefined; // a new key may have signed
    }
  }

  async #ask<T>(call: Call, untilFree = false): Promise<T> {
    let failure = "";
    let unanswered = 0;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#send(call).catch((error: unknown) => void (failure = String(error), unanswered++));
      const problem = answer?.kind.startsWith("application/problem+json") ? (parsed(answer) as ProblemDocument | null) : null;
      if (answer && (problem || !TRANSIENT.includes(answer.status))) {
        await this.#seeVersion(answer);
        if (!problem && answer.status < 300) return (answer.content === "" ? undefined : parsed(answer)) as T;
        if (!problem) throw new ServiceError("unreachable", `${answer.status}: something else answers there than the service`);
      }
      const asked = problem?.retry_after_s ?? undefined;
      const wait = asked ?? Math.min(0.2 * 2 ** attempt, 30) * (0.5 + Math.random() / 2);
      const again = !problem || TRANSIENT.includes(problem.status) || (untilFree && asked !== undefined);
      if (attempt < this.retries && again && wait <= 30) {
        await pause(wait);
        continue;
      }
      if (problem) throw new ServiceError("refused", `${problem.code}: ${problem.detail ?? problem.title ?? ""}`, problem, unanswered);
      throw new ServiceError("unreachable", `${call.method} ${call.path}: ${failure || answer?.status}; tried ${attempt + 1} times`);
    }
  }

  async #send(call: Call): Promise<Heard> {
    const { origin, pathname } = new URL(this.address);
    const answer = await fetch(origin + pathname.replace(/\/+$/, "") + call.path, {
      method: call.method,
      headers: {
        Authorization: `Bearer ${call.token ?? this.key}`,
        ...(call.json && { "Content-Type": "application/json" }),
        ...call.headers,
      },
      redirect: "error",
      body: call.json ? JSON.stringify(call.json) : (call.form && multipart(call.form)) ?? null,
      signal: AbortSignal.timeout(1e3 * this.timeoutS),
    });
    const { status, headers } = answer;
    // An answer that breaks off is none, and is asked for again.
    return { status, version: headers.get("Antispoof-API"), kind: headers.get("content-type") ?? "", content: await answer.text() };
  }

  /** Refuse a service of another version; one that does not state it is asked which it is. */
  async #seeVersion({ version }: Heard): Promise<void> {
    let described = "";
    if (version === null) {
      const answer = await this.#send({ method: "GET", path: "/openapi.json" }).catch(() => undefined);
      const about = answer && answer.status < 300 ? (parsed(answer) as { info?: { title?: string; version?: string } } | null)?.info : undefined;
      if (about?.version === undefined) throw new ServiceError("unreachable", "what answers there is no antispoof service");
      described = ` (${about.title} ${about.version})`;
    }
    const [theirs, ours] = [version ?? "1.0", API_VERSION].map((one) => one.split(".").map(Number)) as [number[], number[]];
    if (theirs[0] === ours[0] && theirs[1]! >= ours[1]!) return;
    const older = theirs[0]! > ours[0]! ? "client" : "service";
    const said = `this client speaks version ${API_VERSION} of the interface, the service ${version ?? "1.0"}${described}`;
    throw new ServiceError("incompatible", `${said}: update the ${older}`);
  }
}

function place(session: { readonly id: string }): string {
  return `/v1/sessions/${checked(session, "session")}`;
}

function checked(of: { readonly id: string } | null | undefined, what: string): string {
  const id: unknown = of?.id;
  if (typeof id !== "string") throw new ServiceError("refused", `${what}: has to be one that was opened or registered, with its id; got the id ${String(id)}`);
  if (!/^[\w-]+$/.test(id)) throw new ServiceError("refused", `${JSON.stringify(id)} is no identifier of a ${what}`);
  return id;
}

async function described(sample: Sample, seq: number, modality: string, unit: string): Promise<[string, string | Sample][]> {
  const sha256 = hex(await crypto.subtle.digest("SHA-256", sample));
  const form: [string, string | Sample][] = [["modality", modality], ["seq", String(seq)], ["sha256", sha256]];
  return [...form, ...(unit ? [["unit", unit] as [string, string]] : []), ["file", sample]];
}

function multipart(form: readonly (readonly [string, string | Sample])[]): FormData {
  const made = new FormData();
  for (const [name, value] of form) {
    if (typeof value === "string") made.append(name, value);
    else made.append(name, new Blob([value]), "sample");
  }
  return made;
}

function parsed({ status, content }: Heard): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new ServiceError("unreachable", `${status}: what answers there sends no JSON`);
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, 1e3 * seconds));
}
