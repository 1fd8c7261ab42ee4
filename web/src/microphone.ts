/** The microphone: a quarter of a second after the other, without a gap. */

export class Microphone {
  readonly #context: AudioContext;

  private constructor(context: AudioContext) {
    this.#context = context;
  }

  static async open(stream: MediaStream, heard: (pcm: Uint8Array<ArrayBuffer>, rate: number) => void): Promise<Microphone> {
    const context = new AudioContext();
    await context.audioWorklet.addModule(new URL("recorder.js", document.baseURI));
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = (event: MessageEvent<Float32Array>) => heard(pcm(event.data), context.sampleRate);
    context.createMediaStreamSource(stream).connect(recorder);
    await context.resume();
    return new Microphone(context);
  }

  close(): void {
    void this.#context.close();
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
