/**
 * The engine: one wasm variant, chosen and distrusted, and the models opened in it by name.
 *
 * Runs in a worker, in a page and in node; knows no DOM.  A variant is used only if this browser accepts its
 * instructions, its file loads, and its kernels pass the self-test; a model whose golden outputs it fails to reproduce
 * unmasks it later.  Each time the next variant takes over and a sentence says why.  To do so all models can be opened
 * again at any time: their files are kept.  Threads are started when there is a model for which they pay.  Leaves out
 * messages, order and aborting of calls (service.js).
 *
 * @typedef {import('./protocol.js').Variant} Variant
 * @typedef {import('./protocol.js').StartArgs} StartArgs
 * @typedef {import('./protocol.js').StartResult} StartResult
 * @typedef {import('./protocol.js').OpenResult} OpenResult
 * @typedef {import('./protocol.js').Prediction} Prediction
 * @typedef {import('./protocol.js').TimeResult} TimeResult
 * @typedef {import('./protocol.js').Truth} Truth
 * @typedef {import('./protocol.js').WhatIf} WhatIf
 * @typedef {import('./core.js').Model} Model
 *
 * @typedef {object} Running            a variant at work
 * @property {Variant} variant
 * @property {Core} core
 * @property {number} checks
 * @property {number} wasmBytes
 * @property {Map<string, Model>} models
 * @property {number} threads
 * @property {string} oneThread         why there is only one
 * @property {number} more              threads that it may start yet
 */
import { Core, GoldenError } from './core.js';
import { EngineError } from './error.js';
import { accepts, candidates, isThreaded, threadsRefused } from './features.js';
import { fetchBytes } from './fetch.js';

const WASM_CAP = 4 << 20;
const MOST_UNASKED = 4; // threads, unless more are asked for

/** @param {string} what @param {unknown} error */
function within(what, error) {
  if (error instanceof EngineError) error.message = `${what}: ${error.message}`;
  return error;
}

export class PmoeEngine {
  /** @type {Running | null} */ #running = null;
  /** @type {{variant: Variant, reason: string}[]} */ #demoted = [];
  /** @type {Map<string, Uint8Array>} */ #files = new Map();
  /** @type {{images: Uint8Array, labels: Uint8Array} | null} */ #sheet = null;
  /** @type {Omit<StartArgs, 'variant'>} */ #source = {};

  /**
   * Load the variant asked for, or the best one below it that runs; open again what was open.  On failure what ran
   * before goes on.
   * @param {StartArgs} args @param {AbortSignal} [signal]
   * @returns {Promise<StartResult>}
   */
  async start({ variant, ...source }, signal) {
    /** @type {{variant: Variant, reason: string}[]} */
    const demoted = [];
    const running = await this.#firstThatRuns(candidates(variant, source.threads ?? 0), source, demoted, signal, async (candidate) => this.#reopen(candidate));
    this.#source = source;
    await this.#replace(running, demoted);
    return this.#state(running);
  }

  /**
   * @param {readonly Variant[]} variants  best first
   * @param {Omit<StartArgs, 'variant'>} source
   * @param {{variant: Variant, reason: string}[]} demoted  gets a sentence for each that does not run
   * @param {AbortSignal | undefined} signal
   * @param {(candidate: Running) => Promise<void>} prove  throws if the candidate is not to be used
   * @returns {Promise<Running>}
   */
  async #firstThatRuns(variants, source, demoted, signal, prove) {
    for (const variant of variants) {
      try {
        const candidate = await this.#load(variant, source, signal);
        await prove(candidate);
        return candidate;
      } catch (error) {
        const last = variant === variants[variants.length - 1];
        const hopeless = error instanceof EngineError && ['aborted', 'csp', 'bad-args'].includes(error.code);
        if (last || hopeless || !(error instanceof EngineError)) throw error;
        demoted.push({ variant, reason: error.message });
      }
    }
    throw new EngineError('bad-args', 'no variant was asked for');
  }

  /**
   * @param {Variant} variant @param {Omit<StartArgs, 'variant'>} source @param {AbortSignal} [signal]
   * @returns {Promise<Running>}
   */
  async #load(variant, { wasmUrl, wasmBytes, threads = 0 }, signal) {
    const what = `The ${variant} variant`;
    if (!accepts(variant)) throw new EngineError('not-wasm', `${what}: this browser does not have its instructions`);
    const threaded = isThreaded(variant);
    const refused = threaded && threadsRefused(threads);
    if (refused) throw new EngineError('not-wasm', `${what}: ${refused}`);
    const given = wasmBytes?.[variant];
    if (!given && wasmUrl === undefined) throw new EngineError('fetch', `${what}: its file was not given`);
    const bytes = given
      ? new Uint8Array(given)
      : await fetchBytes(`${wasmUrl}pmoe-${variant}.wasm`, { what, cap: WASM_CAP, signal });
    const core = await Core.load(bytes, what, threaded);
    const oneThread = threaded ? 'no model is open for which more would pay' : 'this variant has no more';
    const more = threaded ? (threads || Math.min(navigator.hardwareConcurrency, MOST_UNASKED)) - 1 : 0;
    try {
      return { variant, core, checks: core.selfTest(), wasmBytes: bytes.length, models: new Map(), threads: 1, oneThread, more };
    } catch (error) {
      throw within(`${what} fails its self-test in this browser`, error);
    }
  }

  /**
   * Open in a new instance all that is open, except what is about to be replaced.
   * @param {Running} candidate @param {string} [replaced]
   */
  #reopen({ variant, core, models }, replaced) {
    for (const [name, file] of this.#files) {
      if (name === replaced) continue;
      try {
        models.set(name, core.openModel(file));
      } catch (error) {
        throw within(`The ${variant} variant, model "${name}"`, error);
      }
    }
    if (this.#sheet) core.openSheet(this.#sheet.images, this.#sheet.labels);
  }

  /** @param {Running} running @param {{variant: Variant, reason: string}[]} demoted */
  async #replace(running, demoted) {
    this.#running?.core.wasm.end();
    this.#running = running;
    this.#demoted = demoted;
    await this.#startThreads();
  }

  /** @returns {Promise<boolean>} whether they have been started: if their number was asked for, or if they pay for a model */
  async #startThreads() {
    const running = this.#started();
    const { core, models, more } = running;
    const pay = this.#source.threads || [...models.values()].some(({ description }) => description.threads_pay);
    if (!more || !pay) return false;
    running.more = 0;
    const absent = await core.wasm.startThreads(more);
    running.threads += more - absent.length;
    running.oneThread = running.threads > 1 ? '' : `no other could be started (${absent[0]})`;
    return true;
  }

  /** @param {Running} running @returns {StartResult} */
  #state({ core, models, more, ...facts }) {
    return { ...facts, demoted: this.#demoted.map((entry) => ({ ...entry })), version: core.wasm.layout.version };
  }

  #started() {
    if (!this.#running) throw new EngineError('bad-args', "the engine is not started; 'start' comes first");
    return this.#running;
  }

  /** @param {string} name */
  #model(name) {
    const model = this.#started().models.get(name);
    if (model) return model;
    const open = [...this.#started().models.keys()].map((other) => `"${other}"`).join(', ') || 'none';
    throw new EngineError('bad-args', `there is no model "${name}"; open: ${open}`);
  }

  /**
   * Open a model under a name.  A failure leaves the model that had the name before.
   * @param {string} name @param {Uint8Array} file @param {AbortSignal} [signal]
   * @returns {Promise<OpenResult>}
   */
  async open(name, file, signal) {
    const { core, models } = this.#started();
    let changed = false;
    try {
      const model = core.openModel(file);
      this.#drop(name);
      models.set(name, model);
    } catch (error) {
      if (!(error instanceof GoldenError)) throw within(`model "${name}"`, error);
      await this.#demote(name, file, error, signal);
      changed = true;
    }
    this.#files.set(name, file);
    if (await this.#startThreads()) changed = true;
    const { description, golden } = this.#model(name);
    const result = { model: description, golden, bytes: file.length };
    return changed ? { ...result, engine: this.#state(this.#started()) } : result;
  }

  /**
   * A model's golden outputs were not reproduced.  If a lower variant reproduces them, the variant was wrong and the
   * lower one takes over; if none does, the file is.
   * @param {string} name @param {Uint8Array} file @param {GoldenError} disagreement @param {AbortSignal} [signal]
   */
  async #demote(name, file, disagreement, signal) {
    const { variant } = this.#started();
    const [, ...lower] = candidates(variant, this.#source.threads ?? 0);
    const reason = `The ${variant} variant, model "${name}": ${disagreement.message}`;
    const demoted = [...this.#demoted, { variant, reason }];
    if (lower.length === 0) throw within(`model "${name}" in the scalar variant`, disagreement);
    const running = await this.#firstThatRuns(lower, this.#source, demoted, signal, async (candidate) => {
      try {
        candidate.models.set(name, candidate.core.openModel(file));
      } catch (error) {
        throw within(`The ${candidate.variant} variant, model "${name}"`, error);
      }
      this.#reopen(candidate, name);
    });
    await this.#replace(running, demoted);
  }

  /** @param {string} name  of a model to close, if there is one */
  #drop(name) {
    const { core, models } = this.#started();
    const model = models.get(name);
    if (!model) return;
    models.delete(name);
    this.#files.delete(name);
    core.closeModel(model);
  }

  /** @param {string} name */
  close(name) {
    this.#model(name);
    this.#drop(name);
  }

  /** @param {string[]} names @param {Uint8Array} pixels @param {Map<string, WhatIf>} [whatIfs] @returns {Prediction[]} named as they were opened */
  predict(names, pixels, whatIfs) {
    const models = names.map((name) => this.#model(name));
    const { core } = this.#started();
    return models.map((model, i) => ({ ...core.predict(model, pixels, whatIfs?.get(names[i])), model: names[i] }));
  }

  /**
   * @param {string[]} names @param {Uint8Array} pixels
   * @param {{budgetMs?: number, batch?: number, whatIfs?: Map<string, WhatIf>}} [options]
   * @returns {TimeResult}
   */
  time(names, pixels, { budgetMs = 400, batch = 1, whatIfs } = {}) {
    const models = names.map((name) => this.#model(name));
    const { core } = this.#started();
    const timings = core.time(models, pixels, batch, budgetMs, names.map((name) => whatIfs?.get(name)));
    return { clockStepUs: core.clockStepUs(), timings: timings.map((timing, i) => ({ model: names[i], ...timing })) };
  }

  /** For bench.js. @param {string[]} names */
  lend(names) {
    const { core } = this.#started();
    return { core, handles: names.map((name) => this.#model(name).handle) };
  }

  /** @param {Uint8Array} images @param {Uint8Array} labels  IDX files @returns {number} digits in the sheet */
  samples(images, labels) {
    const count = this.#started().core.openSheet(images, labels);
    this.#sheet = { images, labels };
    return count;
  }

  /** @param {number} index */
  sampleDigit(index) {
    return this.#started().core.sampleDigit(index);
  }

  /** @param {'mosaic' | 'mosaic10' | 'mosaic64'} set @param {number} seed @param {number} index @returns {{pixels: Uint8Array, truth: Truth}} */
  board(set, seed, index) {
    return this.#started().core.board(set, seed, index);
  }

  /** @param {Uint8Array} ink  [height][width], 0 to 255 @param {number} width @param {number} height */
  digit(ink, width, height) {
    return this.#started().core.digitFromInk(ink, width, height);
  }

  /** @param {Uint8Array} rgba @param {number} width @param {number} height @param {'mosaic' | 'mosaic10' | 'mosaic64'} [set] */
  boardFromRgba(rgba, width, height, set = 'mosaic') {
    return this.#started().core.boardFromRgba(rgba, width, height, set);
  }

  /** @param {Uint8Array} rgba @param {number} width @param {number} height */
  photoFromRgba(rgba, width, height) {
    return this.#started().core.photoFromRgba(rgba, width, height);
  }
}
