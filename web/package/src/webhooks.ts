/** Messages of the service, in the form of Standard Webhooks 1.0 (symmetric, `v1`): checked on arrival. */

import { bytes } from "./encodings.js";

/** Seconds that a message may be old when it arrives, and that clocks may be apart. */
const TOLERANCE_S = 300;
const LEAST_KEY_BYTES = 24;

export interface WebhookMessage {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Check a message that arrived, and return what it says; throw `Error` where it is not signed with this secret, or too old.
 *
 * Remember its `webhook-id` for 300 s, and leave out one that comes again.
 *
 * @param body - as it came, not parsed.
 * @param headers - of the request; as Node's `request.headers`, or those of `fetch`.
 * @param secret - `whsec_…`, as it was shown when the webhook was registered.
 */
export async function verifyWebhook(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  secret: string,
): Promise<WebhookMessage> {
  const given = headers instanceof Headers ? (name: string) => headers.get(name) : (name: string) => headers[name];
  const [id, stamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(given);
  if (typeof id !== "string" || typeof signatures !== "string" || typeof stamp !== "string" || !/^\d+$/.test(stamp)) {
    throw new Error("no webhook: webhook-id, webhook-timestamp and webhook-signature are needed");
  }
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = new Uint8Array([...new TextEncoder().encode(`${id}.${stamp}.`), ...content]);
  const key = await crypto.subtle.importKey("raw", keyOf(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const valid = await Promise.all(
    signatures.split(" ").map(async (one) => {
      if (!one.startsWith("v1,")) return false;
      try {
        return await crypto.subtle.verify("HMAC", key, bytes(one.slice(3)), signed);
      } catch {
        return false; // no base64
      }
    }),
  );
  if (!valid.includes(true)) throw new Error("the webhook is not signed with this secret");
  const age = Math.abs(Date.now() / 1000 - Number(stamp));
  if (age > TOLERANCE_S) throw new Error(`the webhook is ${age.toFixed(0)} s old; ${TOLERANCE_S} are accepted`);
  const message: unknown = JSON.parse(new TextDecoder().decode(content));
  if (typeof message !== "object" || message === null) throw new Error("the webhook holds no message");
  return message as WebhookMessage;
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  try {
    const key = bytes(secret.replace(/^whsec_/, ""));
    if (key.length >= LEAST_KEY_BYTES) return key;
  } catch {
    // told below
  }
  throw new Error(`secret: has to be like whsec_…, of ${LEAST_KEY_BYTES} bytes at least, in base64`);
}
