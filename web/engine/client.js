/**
 * The page's end of the engine: calls as promises, and a worker that can be lost.
 *
 *     const engine = new EngineClient(new URL('./engine/worker.js', import.meta.url));
 *     await engine.call('start', { variant: 'auto', wasmUrl: '/build/wasm/' });
 *     const [answer] = await engine.call('predict', { models: ['cnn'], pixels }, { signal });
 *     engine.dispose();                                                  // ends the worker; memory goes back
 *
 * Fires 'died' (its `error` says why) when the worker is lost: all pending calls are rejected with that error, as are
 * later ones; make a new client.  Leaves out retrying.
 */
import { EngineError } from './error.js';

/**
 * @typedef {import('./protocol.js').StartArgs} StartArgs
 * @typedef {import('./protocol.js').StartResult} StartResult
 * @typedef {import('./protocol.js').OpenArgs} OpenArgs
 * @typedef {import('./protocol.js').OpenResult} OpenResult
 * @typedef {import('./protocol.js').PredictArgs} PredictArgs
 * @typedef {import('./protocol.js').Prediction} Prediction
 * @typedef {import('./protocol.js').TimeArgs} TimeArgs
 * @typedef {import('./protocol.js').TimeResult} TimeResult
 * @typedef {import('./protocol.js').SamplesArgs} SamplesArgs
 * @typedef {import('./protocol.js').Truth} Truth
 *
 * @typedef {object} Operations         what each operation takes and gives
 * @property {[StartArgs, StartResult]} start
 * @property {[OpenArgs, OpenResult]} open
 * @property {[{name: string}, {}]} close
 * @property {[PredictArgs, Prediction[]]} predict
 * @property {[TimeArgs, TimeResult]} time
 * @property {[SamplesArgs, {count: number}]} samples
 * @property {[{index: number}, {pixels: Uint8Array<ArrayBuffer>, label: number}]} sampleDigit
 * @property {[{set: 'mosaic' | 'mosaic10' | 'mosaic64', seed: number, index: number}, {pixels: Uint8Array<ArrayBuffer>, truth: Truth}]} board
 * @property {[{ink: Uint8Array, width: number, height: number}, {pixels: Uint8Array<ArrayBuffer>, empty: boolean}]} digit
 * @property {[{rgba: Uint8Array, width: number, height: number, set?: 'mosaic' | 'mosaic10' | 'mosaic64'}, {pixels: Uint8Array<ArrayBuffer>, inverted: boolean}]} boardFromRgba
 * @property {[{rgba: Uint8Array, width: number, height: number}, {pixels: Uint8Array<ArrayBuffer>}]} photoFromRgba
 */

/** The event of a worker's end. */
export class DiedEvent extends Event {
  /** @param {EngineError} error */
  constructor(error) {
    super('died');
    this.error = error;
  }
}

export class EngineClient extends EventTarget {
  /** @type {Worker} */ #worker;
  /** @type {EngineError | null} */ #lost = null;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: EngineError) => void}>} */ #pending = new Map();
  #lastId = 0;

  /** @param {string | URL} workerUrl  of worker.js */
  constructor(workerUrl) {
    super();
    this.#worker = new Worker(workerUrl, { type: 'module' });
    this.#worker.onmessage = ({ data }) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      this.#die(event.message ? `the engine's worker failed: ${event.message}` : "the engine's worker could not be loaded");
    };
    this.#worker.onmessageerror = () => this.#die("a message of the engine's worker could not be read");
  }

  /**
   * Carry out one operation.  `transfer` lists buffers of `args` that the page gives up.  Withdrawing by `signal`
   * rejects at once with code 'aborted'.
   * @template {keyof Operations} Op
   * @param {Op} op @param {Operations[Op][0]} args @param {{transfer?: Transferable[], signal?: AbortSignal}} [options]
   * @returns {Promise<Operations[Op][1]>}
   */
  call(op, args, { transfer = [], signal } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      if (signal?.aborted) return reject(withdrawn());
      const id = ++this.#lastId;
      const onAbort = () => {
        if (!this.#pending.delete(id)) return;
        this.#worker.postMessage({ abort: id });
        reject(withdrawn());
      };
      const settled = () => signal?.removeEventListener('abort', onAbort);
      this.#pending.set(id, {
        resolve: (result) => (settled(), resolve(result)),
        reject: (error) => (settled(), reject(error)),
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        this.#worker.postMessage({ id, op, args }, transfer);
      } catch (error) {
        this.#pending.delete(id);
        settled();
        reject(new EngineError('bad-args', `${op}: ${error instanceof Error ? error.message : error}`));
      }
    });
  }

  /** End the worker.  Pending and later calls are rejected; no event is fired. */
  dispose() {
    this.#end(new EngineError('worker', 'the engine was disposed of'));
  }

  /** @param {any} reply */
  #answered({ id, result, error }) {
    const call = this.#pending.get(id);
    if (!call) return; // withdrawn
    this.#pending.delete(id);
    if (error) call.reject(new EngineError(error.code, error.message));
    else call.resolve(result);
  }

  /** @param {string} why */
  #die(why) {
    if (this.#lost) return;
    const error = new EngineError('worker', why);
    this.#end(error);
    this.dispatchEvent(new DiedEvent(error));
  }

  /** @param {EngineError} error */
  #end(error) {
    if (this.#lost) return;
    this.#lost = error;
    this.#worker.terminate();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of pending) call.reject(error);
  }
}

function withdrawn() {
  return new EngineError('aborted', 'the request was withdrawn');
}
