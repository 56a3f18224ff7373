/**
 * The device's camera: a preview over the input, of which one picture is taken.  Fetched, and the camera asked for, when
 * someone wants it; the camera is let go as soon as the picture is taken or the preview is hidden, whatever hides it.
 */
import { html } from '../elements/dom.js';
import { STRINGS } from './strings_more.js';

/** @type {Record<string, string>} what a browser's refusals mean, by their names */
const REFUSALS = {
  NotFoundError: STRINGS.cameraNone,
  OverconstrainedError: STRINGS.cameraNone,
  NotAllowedError: STRINGS.cameraRefused,
  SecurityError: STRINGS.cameraInsecure,
  TypeError: STRINGS.cameraInsecure,
  NotReadableError: STRINGS.cameraBusy,
  AbortError: STRINGS.cameraBusy,
};

/** @param {unknown} error */
function sentence(error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return REFUSALS[name] ?? STRINGS.cameraFailed(message || name);
}

export class Camera {
  #panel;
  #host;
  #use;
  #opened = 0;
  /** @type {MediaStream|null} */
  #stream = null;

  /** @param {HTMLElement} panel  @param {import('./input.js').Host} host  @param {(picture: Blob) => Promise<void>} use */
  constructor(panel, host, use) {
    this.#panel = panel;
    this.#host = host;
    this.#use = use;
    new MutationObserver(() => panel.hidden && this.#stop()).observe(panel, { attributeFilter: ['hidden'] });
    panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      host.uncover();
    });
  }

  async open() {
    const mine = ++this.#opened;
    const [take, cancel] = [html('button', { type: 'button', disabled: true }, STRINGS.cameraTake), html('button', { type: 'button' }, STRINGS.cameraCancel)];
    const video = html('video', { class: 'camera-preview', playsinline: true, 'aria-label': STRINGS.cameraPreview });
    const note = html('p', { class: 'caption', role: 'status' }, STRINGS.cameraStarting);
    video.muted = true;
    this.#host.on(take, 'click', () => this.#take(video));
    this.#host.on(cancel, 'click', this.#host.uncover);
    this.#panel.replaceChildren(html('div', { class: 'overlay-head' }, html('h3', { id: 'camera-title' }, STRINGS.cameraTitle), take, cancel), note, video);
    this.#host.cover(this.#panel);
    cancel.focus();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
      if (mine !== this.#opened || this.#panel.hidden) return release(stream);
      this.#stream = stream;
      video.srcObject = stream;
      await video.play();
      note.hidden = true;
      take.disabled = false;
      take.focus();
    } catch (error) {
      if (mine !== this.#opened || this.#panel.hidden) return; /* cancelled meanwhile */
      this.#host.uncover();
      throw new Error(sentence(error));
    }
  }

  /** @param {HTMLVideoElement} video */
  async #take(video) {
    const canvas = html('canvas', { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    this.#stop();
    try {
      const picture = await new Promise((/** @type {(blob: Blob|null) => void} */ resolve) => canvas.toBlob(resolve));
      await this.#use(picture ?? new Blob());
    } finally {
      this.#host.uncover();
    }
  }

  #stop() {
    if (this.#stream) release(this.#stream);
    this.#stream = null;
  }
}

/** @param {MediaStream} stream */
function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
