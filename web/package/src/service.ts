/**
 * A backend's way to the service, for Node 20 and newer: the contract of `antispoof.client`.
 *
 * Calls that were lost are sent again and done once; results are checked, signature, session and nonce, before
 * they are returned.
 */

/** The version of the interface that this client speaks. */
export const API_VERSION = "1.1";

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

export interface Session {
  readonly id: string;
  readonly nonce: string;
  readonly client_token: string;
  readonly state: string;
}

export interface Completed {
  readonly session: string;
  readonly state: string;
  readonly attempts_left: number;
  readonly advice: readonly string[];
}

export interface Result {
  readonly schema_version: number | string;
  readonly session: string;
  readonly outcome: "bona_fide" | "attack" | "non_response";
  readonly reasons: readonly string[];
  readonly verdict: { readonly outcome: string; readonly score: number | null } | null;
  readonly jws: string;
}

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title?: string;
  readonly detail?: string;
  readonly recoverable?: boolean;
  readonly retry_after_s?: number | null;
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
    readonly problem?: Problem,
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
  readonly body?: () => string | FormData;
}

export class Client {
  #keys: JsonWebKey[] | undefined;

  /** `retries`: how often a call is sent again at most. */
  constructor(
    private readonly address: string,
    private readonly key: string,
    private readonly retries = 4,
  ) {
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
      throw new ServiceError("unreachable", `address: has to be like https://id.example.com; got ${JSON.stringify(address)}`);
    }
  }

  openSession(request: SessionRequest = {}, idempotencyKey: string = crypto.randomUUID()): Promise<Session> {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey };
    return this.#ask<Session>({ method: "POST", path: "/v1/sessions", headers, body: () => JSON.stringify(request) });
  }

  /** Hand in a sample, with the session's own token. */
  async capture(session: Session, sample: Uint8Array<ArrayBuffer>, seq = 0, modality = "face_rgb"): Promise<void> {
    const sha256 = hex(await crypto.subtle.digest("SHA-256", sample));
    const body = (): FormData => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ modality, seq: String(seq), sha256 })) form.append(name, value);
      form.append("file", new Blob([sample]), "sample");
      return form;
    };
    await this.#ask({ method: "POST", path: `${place(session.id)}/captures`, token: session.client_token, body });
  }

  complete(session: Session): Promise<Completed> {
    return this.#ask<Completed>({ method: "POST", path: `${place(session.id)}/complete` }, true);
  }

  /** The result, once it is there; what was signed is what is returned. */
  async result(session: Session, waitS = 30): Promise<Result> {
    const until = Date.now() + 1e3 * waitS;
    for (;;) {
      try {
        const answer = await this.#ask<Partial<Result> | null>({ method: "GET", path: `${place(session.id)}/result` });
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

  async #verified(jws: string, session: Session): Promise<Result> {
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
      if (valid && claims.jti === session.id && claims.nonce === session.nonce) return claims as Result;
      if (valid) throw new ServiceError("unverified", "signed, but of another session");
      if (!kept) throw new ServiceError("unverified", "the signature is not one of the service's keys");
      kept = false;
      this.#keys = undefined; // a new key may have signed
    }
  }

  async #ask<T>(call: Call, untilFree = false): Promise<T> {
    let failure = "";
    for (let attempt = 0; ; attempt++) {
      const answer = await fetch(new URL(call.path, this.address), {
        method: call.method,
        headers: { Authorization: `Bearer ${call.token ?? this.key}`, ...call.headers },
        redirect: "error",
        ...(call.body && { body: call.body() }),
      }).catch((error: unknown) => void (failure = String(error)));
      const kind = answer?.headers.get("content-type") ?? "";
      const problem = kind.startsWith("application/problem+json") ? ((await parsed(answer!)) as Problem) : undefined;
      if (answer && (problem || !TRANSIENT.includes(answer.status))) {
        seeVersion(answer.headers.get("Antispoof-API") ?? "1.0");
        if (!problem && answer.ok) return (answer.status === 204 ? undefined : await parsed(answer)) as T;
        if (!problem) throw new ServiceError("unreachable", `${answer.status}: something else answers there than the service`);
      }
      const asked = problem?.retry_after_s ?? undefined;
      const wait = asked ?? Math.min(0.2 * 2 ** attempt, 30) * (0.5 + Math.random() / 2);
      const again = !problem || TRANSIENT.includes(problem.status) || (untilFree && asked !== undefined);
      if (attempt < this.retries && again && wait <= 30) {
        await pause(wait);
        continue;
      }
      if (problem) throw new ServiceError("refused", `${problem.code}: ${problem.detail ?? problem.title ?? ""}`, problem);
      throw new ServiceError("unreachable", `${call.method} ${call.path}: ${failure || answer?.status}; tried ${attempt + 1} times`);
    }
  }
}

function seeVersion(stated: string): void {
  const [theirs, ours] = [stated, API_VERSION].map((version) => version.split(".").map(Number)) as [number[], number[]];
  if (theirs[0] === ours[0] && theirs[1]! >= ours[1]!) return;
  const older = theirs[0]! > ours[0]! ? "client" : "service";
  throw new ServiceError("incompatible", `this client speaks version ${API_VERSION} of the interface, the service ${stated}: update the ${older}`);
}

function place(id: string): string {
  if (!/^[\w-]+$/.test(id)) throw new ServiceError("refused", `${JSON.stringify(id)} is no identifier of a session`);
  return `/v1/sessions/${id}`;
}

async function parsed(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    throw new ServiceError("unreachable", `${answer.status}: what answers there sends no JSON`);
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, 1e3 * seconds));
}

function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

function text(base64url: string): string {
  return new TextDecoder().decode(bytes(base64url));
}
