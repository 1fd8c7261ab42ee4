/** The microphone: a quarter of a second after the other, without a gap. */

export class Microphone {
  heard: (pcm: Uint8Array<ArrayBuffer>, rate: number) => void = () => {};
  #stream: MediaStream | null = null;
  #context: AudioContext | null = null;
  #closed = false;

  /** Ask for the microphone, once. */
  async open(): Promise<void> {
    if (this.#stream !== null) return;
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const context = new AudioContext();
    this.#context = context;
    await context.audioWorklet.addModule(new URL("recorder.js", document.baseURI));
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = (event: MessageEvent<Float32Array>) => this.heard(pcm(event.data), context.sampleRate);
    context.createMediaStreamSource(this.#stream).connect(recorder);
    await context.resume();
    if (this.#closed) this.close();
  }

  close(): void {
    this.#closed = true;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context?.state !== "closed") void this.#context?.close();
  }
}

/** 16 bits, little-endian. */
function pcm(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  samples.forEach((sample, i) => {
    const level = Math.max(-1, Math.min(1, sample));
    view.setInt16(2 * i, Math.round(level * 32767), true);
  });
  return new Uint8Array(view.buffer);
}
