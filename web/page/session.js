/**
 * The engine as the page sees it: one worker with one wasm variant, the sheet of digits and the models opened so far.
 * Files are fetched here, beside the start of the worker, so that neither waits for the other.  No DOM.
 *
 * @typedef {import('../engine/protocol.js').StartResult} StartResult
 * @typedef {import('../engine/protocol.js').OpenResult} OpenResult
 * @typedef {import('./models.js').BoardSet} BoardSet
 * @typedef {Pick<import('./state.js').State, 'wasm'|'threads'>} Engine
 * @typedef {(got: number, all: number) => void} OnProgress  bytes so far, of those announced
 */
import { EngineClient } from '../engine/client.js';
import { URLS } from './models.js';
import { STRINGS } from './strings.js';

/**
 * @param {string} url
 * @param {(bytes: number) => void} onBytes  as they come
 * @param {(bytes: number) => void} onSize   once, if the server says
 */
async function fetchFile(url, onBytes, onSize) {
  const name = url.slice(url.lastIndexOf('/') + 1);
  const response = await fetch(url).catch(() => {
    throw new Error(STRINGS.fetchFailed(name));
  });
  if (!response.ok || !response.body) throw new Error(STRINGS.fetchStatus(name, response.status));
  onSize(Number(response.headers.get('Content-Length') ?? 0));
  /** @type {BlobPart[]} */
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes(value.length);
  }
  return new Blob(parts).arrayBuffer();
}

/** @param {OnProgress} onProgress  @returns {(url: string) => Promise<ArrayBuffer>} counting over all its calls */
function fetcher(onProgress) {
  let [got, all] = [0, 0];
  return (url) => fetchFile(url, (bytes) => onProgress((got += bytes), all), (bytes) => (all += bytes));
}

export class Session {
  #client = new EngineClient(URLS.worker);
  /** @type {Map<string, OpenResult>} */
  #opened = new Map();
  /** @type {StartResult} */
  started = { variant: 'scalar', demoted: [], version: '', checks: 0, wasmBytes: 0, threads: 1, oneThread: '' };
  samples = 0;

  /**
   * Start the worker and load what the first prediction needs, all at once.
   * @param {Engine} engine
   * @param {BoardSet} set
   * @param {OnProgress} onProgress
   * @param {(error: Error) => void} onDied  the worker was lost; this session is of no more use
   */
  static async open(engine, set, onProgress, onDied) {
    const session = new Session();
    session.#client.addEventListener('died', (event) => onDied(/** @type {any} */ (event).error));
    const load = fetcher(onProgress);
    try {
      await Promise.all([session.start(engine), session.#openSheet(load), session.#openModels(set, load)]);
      return session;
    } catch (error) {
      session.#client.dispose();
      throw error;
    }
  }

  /** Run this variant; models stay open.  @param {Engine} engine */
  async start({ wasm, threads }) {
    this.started = await this.#client.call('start', { variant: wasm, threads, wasmUrl: URLS.wasm });
  }

  /** @param {(url: string) => Promise<ArrayBuffer>} load */
  async #openSheet(load) {
    const [images, labels] = await Promise.all([load(URLS.images), load(URLS.labels)]);
    this.samples = (await this.#client.call('samples', { images, labels }, { transfer: [images, labels] })).count;
  }

  /** @param {BoardSet} set  @param {(url: string) => Promise<ArrayBuffer>} load */
  async #openModels(set, load) {
    const missing = set.models.filter((model) => !this.#opened.has(model.id));
    await Promise.all(
      missing.map(async (model) => {
        const bytes = await load(URLS.weights(model));
        const opened = await this.#client.call('open', { name: model.id, bytes }, { transfer: [bytes] });
        this.#opened.set(model.id, opened);
        if (opened.engine) this.started = opened.engine;
      }),
    );
  }

  /** @param {BoardSet} set  @param {OnProgress} onProgress */
  openModels(set, onProgress) {
    return this.#openModels(set, fetcher(onProgress));
  }

  /** @param {string} id  of an open model */
  model(id) {
    const opened = this.#opened.get(id);
    if (!opened) throw new Error(`model ${id} is not open`);
    return opened.model;
  }

  /** @param {BoardSet} set  @returns {number} models whose stored outputs were reproduced */
  golden(set) {
    return set.models.filter((model) => this.#opened.get(model.id)?.golden).length;
  }

  /** @param {BoardSet} set  @param {Uint8Array} pixels  answers in the order of the set's models */
  predict(set, pixels) {
    return this.#client.call('predict', { models: set.models.map((model) => model.id), pixels });
  }

  /** @param {BoardSet} set  @param {Uint8Array} pixels  @param {AbortSignal} signal */
  time(set, pixels, signal) {
    return this.#client.call('time', { models: set.models.map((model) => model.id), pixels, budgetMs: 250 }, { signal });
  }

  /** @param {BoardSet} set  @param {number} seed  @param {number} index */
  board(set, seed, index) {
    return this.#client.call('board', { set: set.id, seed, index });
  }

  /** @param {number} index  in the sheet */
  sampleDigit(index) {
    return this.#client.call('sampleDigit', { index });
  }

  /** @param {{ink: Uint8Array<ArrayBuffer>, width: number, height: number}} drawing  given up */
  digit(drawing) {
    return this.#client.call('digit', drawing, { transfer: [drawing.ink.buffer] });
  }

  /** @param {{rgba: Uint8Array<ArrayBuffer>, width: number, height: number}} picture  given up */
  boardFromRgba(picture) {
    return this.#client.call('boardFromRgba', picture, { transfer: [picture.rgba.buffer] });
  }
}
