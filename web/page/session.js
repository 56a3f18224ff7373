/**
 * The engine as the page sees it: one worker with one wasm variant, the sheet of digits and the models opened so far.
 * Files are fetched here, beside the start of the worker, so that neither waits for the other.  No DOM.
 *
 * @typedef {import('../engine/protocol.js').Prediction} Prediction
 * @typedef {import('../engine/protocol.js').StartResult} StartResult
 * @typedef {import('../engine/protocol.js').Truth} Truth
 * @typedef {import('../engine/protocol.js').OpenResult} OpenResult
 * @typedef {import('../engine/protocol.js').Variant} Variant
 * @typedef {import('./models.js').InputSet} InputSet
 * @typedef {import('./picture.js').Picture} Picture
 * @typedef {Pick<import('./state.js').State, 'wasm'|'threads'>} Engine
 * @typedef {(got: number, all: number) => void} OnProgress  bytes so far, of those announced
 *
 * @typedef {object} Opened           a session whose models are open
 * @property {Session} session
 * @property {{set: string, seed: number, index: number}} asked  the input that was asked for
 * @property {{pixels: Uint8Array<ArrayBuffer>, truth: Truth}} [board]  that input, if it is a board ...
 * @property {Prediction[]} [predictions]  ... and what the models said of it
 */
import { EngineClient } from '../engine/client.js';
import { likelyVariant } from '../engine/features.js';
import { URLS } from './models.js';
import { STRINGS } from './strings.js';

const SMALL = 1 << 18; /* bytes; such files come in one piece, because reading streams takes a starting page longer */

/**
 * @param {string} url
 * @param {(bytes: number) => void} [onBytes]  as they come
 * @param {(bytes: number) => void} [onSize]   once, if the server says
 */
export async function fetchFile(url, onBytes = () => {}, onSize = () => {}) {
  const name = url.slice(url.lastIndexOf('/') + 1);
  const response = await fetch(url).catch(() => {
    throw new Error(STRINGS.fetchFailed(name));
  });
  if (!response.ok || !response.body) throw new Error(STRINGS.fetchStatus(name, response.status));
  const size = Number(response.headers.get('Content-Length') ?? 0);
  onSize(size);
  if (size && size <= SMALL) {
    const bytes = await response.arrayBuffer();
    onBytes(bytes.byteLength);
    return bytes;
  }
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

/**
 * As many threads as the address says, else one: no model here is worth another (a test asks the engine), and the
 * modules for one start sooner.
 * @param {Engine} engine
 */
const threadsOf = ({ wasm, threads }) => threads || (wasm === 'auto' ? 1 : 0);

/**
 * The module of the variant that will run if all goes well.  If it does not come, the worker asks again and says why.
 * @param {Engine} engine
 * @returns {Promise<Partial<Record<Variant, ArrayBuffer>>>}
 */
async function fetchModule(engine) {
  const variant = likelyVariant(engine.wasm, threadsOf(engine));
  const response = await fetch(`${URLS.wasm}pmoe-${variant}.wasm`).catch(() => null);
  const bytes = response?.ok ? await response.arrayBuffer().catch(() => null) : null;
  return bytes ? { [variant]: bytes } : {};
}

/** @template T  @param {Promise<T>} promise  @returns {Promise<T>} it; a failure is told by whoever waits for it later */
function later(promise) {
  promise.catch(() => {});
  return promise;
}

/** @param {OnProgress} onProgress  @returns {(url: string) => Promise<ArrayBuffer>} counting over all its calls */
function fetcher(onProgress) {
  let [got, all] = [0, 0];
  return (url) => fetchFile(url, (bytes) => onProgress((got += bytes), all), (bytes) => (all += bytes));
}

/** @param {(url: string) => Promise<ArrayBuffer>} load  @returns {Promise<[ArrayBuffer, ArrayBuffer]>} images and labels of the sample digits */
const loadSheet = (load) => Promise.all([load(URLS.images), load(URLS.labels)]);

/** @param {InputSet} set */
const boardSet = ({ id }) => /** @type {'mosaic'|'mosaic10'|'mosaic64'} */ (id);

export class Session {
  #client = new EngineClient(URLS.worker);
  /** @type {Map<string, OpenResult>} */
  #opened = new Map();
  /** @type {StartResult} */
  started = { variant: 'scalar', demoted: [], version: '', checks: 0, wasmBytes: 0, threads: 1, oneThread: '' };
  samples = 0;
  /** of models that are to be run otherwise than they were trained, by id
   * @type {Record<string, import('../engine/protocol.js').WhatIf>} */
  whatIf = {};

  /**
   * Start the worker, open the models, and have the board of `state`, if it names one, composed and answered.  All files are fetched at once, and every
   * request is made as soon as those before it have been made: the worker never waits for a reply to be read.
   * @param {import('./state.js').State} state
   * @param {InputSet} set  the one that `state` names
   * @param {OnProgress} onProgress
   * @param {(error: Error) => void} onDied  the worker was lost; this session is of no more use
   * @returns {Promise<Opened>}
   */
  static async open(state, set, onProgress, onDied) {
    const { seed, index } = state;
    const session = new Session();
    session.#client.addEventListener('died', (event) => onDied(/** @type {any} */ (event).error));
    const load = fetcher(onProgress);
    const module = fetchModule(state);
    const sheet = set.kind === 'board' && later(loadSheet(load));
    const weights = set.models.map((model) => later(load(URLS.weights(model))));
    /** @type {Promise<unknown>[]} */
    const replies = [];
    try {
      replies.push(later(session.start(state, await module)));
      if (sheet) replies.push(later(session.#openSheet(...(await sheet))));
      const composed = sheet ? later(session.board(set, seed, index)) : undefined;
      for (const [i, model] of set.models.entries()) replies.push(later(session.#openModel(model, await weights[i])));
      const board = await composed;
      const predictions = board && (await session.predict(set, board.pixels));
      await Promise.all(replies);
      return { session, asked: { set: set.id, seed, index }, board, predictions };
    } catch (error) {
      const [first = error] = (await Promise.allSettled(replies)).flatMap((reply) => ('reason' in reply ? [reply.reason] : []));
      session.#client.dispose();
      throw first;
    }
  }

  /**
   * Run this variant; models stay open.
   * @param {Engine} engine
   * @param {Partial<Record<Variant, ArrayBuffer>>} [wasmBytes]  modules that are here already; given up
   */
  async start(engine, wasmBytes = {}) {
    const transfer = Object.values(wasmBytes);
    const args = { variant: engine.wasm, threads: threadsOf(engine), wasmUrl: URLS.wasm, wasmBytes };
    this.started = await this.#client.call('start', args, { transfer });
  }

  /** @param {ArrayBuffer} images  @param {ArrayBuffer} labels */
  async #openSheet(images, labels) {
    this.samples = (await this.#client.call('samples', { images, labels }, { transfer: [images, labels] })).count;
  }

  /** @param {import('./models.js').ModelEntry} model  @param {ArrayBuffer} bytes */
  async #openModel(model, bytes) {
    const opened = await this.#client.call('open', { name: model.id, bytes }, { transfer: [bytes] });
    this.#opened.set(model.id, opened);
    if (opened.engine) this.started = opened.engine;
  }

  /** All that its inputs and answers need and that is not here.  @param {InputSet} set  @param {OnProgress} onProgress */
  async openSet(set, onProgress) {
    let waiting = true; /* once one has failed nobody waits for the others */
    const load = fetcher((got, all) => waiting && onProgress(got, all));
    const missing = set.models.filter((model) => !this.#opened.has(model.id));
    const sheet = set.kind === 'board' && !this.samples && loadSheet(load).then((files) => this.#openSheet(...files));
    await Promise.all([sheet, ...missing.map(async (model) => this.#openModel(model, await load(URLS.weights(model))))]).finally(() => (waiting = false));
  }

  /** @param {string} id  of an open model */
  model(id) {
    const opened = this.#opened.get(id);
    if (!opened) throw new Error(`model ${id} is not open`);
    return opened.model;
  }

  /** @param {string} id  of an open model  @returns {number|null} percent of test data that it is right on, as its file says; null: it does not */
  accuracy(id) {
    try {
      const { accuracy } = JSON.parse(this.model(id).metadata['pmoe.card']);
      return accuracy >= 0 && accuracy <= 100 ? Number(accuracy) : null;
    } catch {
      return null; /* any JSON may stand there, or none */
    }
  }

  /** @param {string} id  of an open model  @returns its first layer that sends whole images to experts, if it has one */
  mixture(id) {
    return this.model(id).layers.find(({ type }) => type === 'mixture');
  }

  /** @param {InputSet} set  @returns {number} models whose stored outputs were reproduced */
  golden(set) {
    return set.models.filter((model) => this.#opened.get(model.id)?.golden).length;
  }

  /** @param {InputSet} set  whether another thread would be worth starting for one of its models */
  threadsPay(set) {
    return set.models.some((model) => this.#opened.get(model.id)?.model.threads_pay);
  }

  /** @param {InputSet} set  @param {Uint8Array} pixels  answers in the order of the set's models */
  predict(set, pixels) {
    return this.#client.call('predict', { models: set.models.map((model) => model.id), pixels, whatIf: this.whatIf });
  }

  /** @param {InputSet} set  @param {Uint8Array} pixels  @param {AbortSignal} signal */
  time(set, pixels, signal) {
    return this.#client.call('time', { models: set.models.map((model) => model.id), pixels, whatIf: this.whatIf, budgetMs: 250 }, { signal });
  }

  /** @param {InputSet} set  @param {number} seed  @param {number} index */
  board(set, seed, index) {
    return this.#client.call('board', { set: boardSet(set), seed, index });
  }

  /** @param {number} index  in the sheet */
  sampleDigit(index) {
    return this.#client.call('sampleDigit', { index });
  }

  /** @param {{ink: Uint8Array<ArrayBuffer>, width: number, height: number}} drawing  given up */
  digit(drawing) {
    return this.#client.call('digit', drawing, { transfer: [drawing.ink.buffer] });
  }

  /** @param {InputSet} set  @param {Picture} picture  given up */
  boardFromRgba(set, picture) {
    return this.#client.call('boardFromRgba', { ...picture, set: boardSet(set) }, { transfer: [picture.rgba.buffer] });
  }

  /** @param {Picture} picture  given up */
  photoFromRgba(picture) {
    return this.#client.call('photoFromRgba', picture, { transfer: [picture.rgba.buffer] });
  }
}
