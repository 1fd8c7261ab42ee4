/** The camera: a mirrored preview for the person, pictures as they are for the service. */

const WIDTH = 640;
const QUALITY = 0.85;
/** A picture that stays the same for longer is sent again, so that the service sees that it stands still. */
const STILL_MS = 600;

export class Camera {
  readonly #canvas = document.createElement("canvas");
  readonly #stream: MediaStream;
  #fresh = true;
  #running = true;
  #last = new Uint8Array();
  #lastAt = 0;
  /** Called when the camera ends by itself: it was unplugged, or taken by another program. */
  lost: () => void = () => {};

  private constructor(
    readonly video: HTMLVideoElement,
    stream: MediaStream,
  ) {
    this.#stream = stream;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.lost());
    if ("requestVideoFrameCallback" in video) {
      const next = (): void => {
        this.#fresh = true;
        if (this.#running) video.requestVideoFrameCallback(next);
      };
      this.#fresh = false;
      video.requestVideoFrameCallback(next);
    }
  }

  static async open(video: HTMLVideoElement): Promise<Camera> {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 } },
    });
    const camera = new Camera(video, stream);
    video.srcObject = stream;
    try {
      await video.play();
    } catch (error) {
      camera.close();
      throw error;
    }
    return camera;
  }

  get size(): string {
    return `${this.video.videoWidth} × ${this.video.videoHeight}`;
  }

  /** A JPEG of the present picture; null while it is the last one still. */
  async picture(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#draw() === null) return null;
    const blob = await new Promise<Blob | null>((done) => this.#canvas.toBlob(done, "image/jpeg", QUALITY));
    if (blob === null) return null;
    const picture = new Uint8Array(await blob.arrayBuffer());
    const now = performance.now();
    if (now < this.#lastAt + STILL_MS && equal(picture, this.#last)) return null;
    this.#last = picture;
    this.#lastAt = now;
    return picture;
  }

  /** The present picture as the device looks at it; null while it is the last one still. */
  pixels(): ImageData | null {
    return this.#draw()?.getImageData(0, 0, this.#canvas.width, this.#canvas.height) ?? null;
  }

  #draw(): CanvasRenderingContext2D | null {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!this.#fresh || width === 0) return null;
    if ("requestVideoFrameCallback" in this.video) this.#fresh = false;
    const scale = Math.min(1, WIDTH / Math.min(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    context?.drawImage(this.video, 0, 0, this.#canvas.width, this.#canvas.height);
    return context;
  }

  close(): void {
    this.#running = false;
    for (const track of this.#stream.getTracks()) track.stop();
    if (this.video.srcObject === this.#stream) this.video.srcObject = null;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
