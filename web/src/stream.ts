/** The live capture over a WebSocket; see docs/reference/service.md. */

import { Problem, sessionOf } from "./api";

export interface Ready {
  mode: string;
  modalities: string[];
  attempts_left: number;
  steps: number;
  window: number;
  max_bytes: number;
}

export interface Step {
  index: number;
  of: number;
  instruction: string;
  arguments: Record<string, string>;
  duration_ms: number;
}

export interface Listener {
  ready(message: Ready): void;
  step(message: Step): void;
  hint(code: string | null): void;
  message(type: string, message: object): void;
}

export class Stream {
  readonly #socket: WebSocket;
  readonly #seq = new Map<string, number>();
  #pending = 0;
  #heardAt = performance.now();
  #ready: Ready | null = null;

  /** Resolves when everything was captured; rejects with a `Problem`. */
  readonly captured: Promise<void>;

  constructor(token: string, listener: Listener) {
    const address = new URL(`v1/sessions/${sessionOf(token)}/stream`, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = "arraybuffer";
    this.captured = new Promise((resolve, reject) => {
      this.#socket.onopen = () => this.#socket.send(JSON.stringify({ type: "hello", token }));
      this.#socket.onclose = () => reject(new Problem("connection"));
      this.#socket.onmessage = (event: MessageEvent<string>) => {
        const message = JSON.parse(event.data) as { type: string } & Record<string, unknown>;
        this.#heardAt = performance.now();
        listener.message(message.type, message);
        switch (message.type) {
          case "ready":
            this.#ready = message as unknown as Ready;
            listener.ready(this.#ready);
            break;
          case "ack":
          case "refused":
            this.#pending -= 1;
            break;
          case "step":
            listener.step(message as unknown as Step);
            break;
          case "hint":
            listener.hint(message["code"] as string | null);
            break;
          case "captured":
            resolve();
            break;
          case "error":
            reject(new Problem(String(message["code"]), (message["advice"] as string[] | undefined) ?? []));
            break;
        }
      };
    });
  }

  /** Whether another sample may be sent now: the service has answered enough of the last. */
  get open(): boolean {
    const ready = this.#ready;
    return (
      ready !== null &&
      this.#socket.readyState === WebSocket.OPEN &&
      this.#pending < ready.window &&
      this.#socket.bufferedAmount < ready.max_bytes
    );
  }

  /** For how long the service has owed an answer, in milliseconds. */
  get waitingMs(): number {
    return this.#ready === null || this.#pending > 0 ? performance.now() - this.#heardAt : 0;
  }

  send(modality: string, content: Uint8Array<ArrayBuffer>, about: object = {}): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const seq = this.#seq.get(modality) ?? 0;
    this.#seq.set(modality, seq + 1);
    const header = new TextEncoder().encode(JSON.stringify({ modality, seq, ...about }));
    const message = new Uint8Array(4 + header.length + content.length);
    new DataView(message.buffer).setUint32(0, header.length);
    message.set(header, 4);
    message.set(content, 4 + header.length);
    this.#pending += 1;
    this.#socket.send(message);
  }

  close(): void {
    this.#socket.close();
  }
}
