/**
 * The C library as JavaScript sees it: models, runs, pictures and boards in one wasm instance.
 *
 * Pointers go no further than this file; results are copies.  Every call is synchronous.  Leaves out fetching, names and
 * the choice of a variant (engine.js).
 *
 * @typedef {import('./protocol.js').Variant} Variant
 * @typedef {import('./protocol.js').ModelDescription} ModelDescription
 * @typedef {import('./protocol.js').Prediction} Prediction
 * @typedef {import('./protocol.js').Timing} Timing
 * @typedef {import('./protocol.js').WhatIf} WhatIf
 *
 * @typedef {object} Model              a model opened in this instance; opaque to others
 * @property {number} handle
 * @property {number} run               working memory for one image ...
 * @property {string} routing           ... and of which what-if it is, as JSON
 * @property {ModelDescription} description
 * @property {boolean} golden
 *
 * @typedef {object} Batch              room for so many images of floats at a time; opaque to others
 * @property {number} run
 * @property {number} images
 * @property {number} logits
 * @property {number} size              images
 * @property {number} inputs            floats of all images
 * @property {number} outputs           floats of all logits
 */
import { EngineError } from './error.js';
import { Instance } from './instance.js';

const BEST = 0; // a NULL isa
const BRIEFLY = 0; // rounds
const SELF_TEST_SEED = 1n;
const POINTER_BYTES = 4;

const MISMATCH = 'checksum mismatch'; // pmoe_status_name(PMOE_E_CHECKSUM)

/** The engine computes something else than the golden outputs in a model's file. */
export class GoldenError extends EngineError {
  /** @param {string} message */
  constructor(message) {
    super(MISMATCH, message);
  }
}

export class Core {
  /** @type {{images: number, labels: number, handle: number} | null} */ #sheet = null;
  /** For modules that add exports of their own, such as bench.js.  @type {Instance} @readonly */ wasm;

  /**
   * @param {Uint8Array} bytes  the .wasm file
   * @param {string} what  its name in errors
   * @param {boolean} [threaded]  takes its memory from here
   * @returns {Promise<Core>}
   */
  static async load(bytes, what, threaded = false) {
    return new Core(await Instance.load(bytes, what, threaded));
  }

  /** @param {Instance} wasm */
  constructor(wasm) {
    this.wasm = wasm;
  }

  /** @param {number} run  may use the threads from now on */
  #useThreads(run) {
    if (this.wasm.pool) this.wasm.checked('web_run_use', run, this.wasm.pool);
  }

  // ---- Trust ----

  /** @returns {number} how many checks were made; throws if a kernel disagrees with the oracle */
  selfTest() {
    return this.wasm.with([POINTER_BYTES], 'the self-test', (checks) => {
      this.wasm.checked('pmoe_self_test', BEST, BRIEFLY, SELF_TEST_SEED, checks);
      return this.wasm.ints(checks, 1)[0];
    });
  }

  // ---- Models ----

  /**
   * @param {Uint8Array} bytes  the file
   * @returns {Model}  throws a GoldenError if its golden outputs are not reproduced
   */
  openModel(bytes) {
    return this.wasm.with([POINTER_BYTES, POINTER_BYTES], 'a model', (modelAt, runAt) => {
      this.wasm.ints(modelAt, 1)[0] = this.wasm.ints(runAt, 1)[0] = 0;
      try {
        this.wasm.with([bytes.length], 'the model file', (file) => {
          this.wasm.bytes(file, bytes.length).set(bytes);
          this.wasm.checked('pmoe_model_open', file, bytes.length, 0, modelAt);
        });
        const handle = this.wasm.ints(modelAt, 1)[0];
        this.#openRun(handle, 1, undefined, runAt);
        const golden = this.#checkGolden(handle);
        const description = this.wasm.json('pmoe_model_describe', handle);
        return { handle, run: this.wasm.ints(runAt, 1)[0], routing: '{}', description, golden };
      } catch (error) {
        if (!this.wasm.dead) {
          this.wasm.call('pmoe_run_close', runAt);
          this.wasm.call('pmoe_model_close', modelAt);
        }
        throw error;
      }
    });
  }

  /** @param {number} handle */
  #checkGolden(handle) {
    return this.wasm.with([POINTER_BYTES], 'the golden outputs', (checked) => {
      try {
        this.wasm.checked('pmoe_model_check_golden', handle, checked);
      } catch (error) {
        if (error instanceof EngineError && error.code === MISMATCH) throw new GoldenError(error.message);
        throw error;
      }
      return this.wasm.ints(checked, 1)[0] > 0;
    });
  }

  /** @param {number} handle @param {number} batch @param {WhatIf|undefined} whatIf @param {number} runAt  gets the run */
  #openRun(handle, batch, { kept = 0, off = [] } = {}, runAt) {
    const layout = this.wasm.layout.what_if;
    this.wasm.with([layout.bytes], 'a run', (whatIf) => {
      const view = this.wasm.view();
      view.setInt32(whatIf + layout.kept, kept, true);
      view.setBigUint64(whatIf + layout.off, off.reduce((bits, expert) => bits | (1n << BigInt(expert)), 0n), true);
      this.wasm.checked('pmoe_run_open_what_if', handle, batch, whatIf, runAt);
    });
  }

  /** The model's run becomes one of this what-if; a failure leaves the earlier one.  @param {Model} model @param {WhatIf} [whatIf] */
  #reroute(model, whatIf = {}) {
    const routing = JSON.stringify(whatIf);
    if (routing === model.routing) return;
    this.wasm.with([POINTER_BYTES, POINTER_BYTES], 'a run', (runAt, oldAt) => {
      this.#openRun(model.handle, 1, whatIf, runAt);
      this.wasm.ints(oldAt, 1)[0] = model.run;
      this.wasm.call('pmoe_run_close', oldAt);
      model.run = this.wasm.ints(runAt, 1)[0];
      model.routing = routing;
    });
  }

  /** @param {Model} model  not to be used afterwards */
  closeModel({ handle, run }) {
    this.wasm.with([POINTER_BYTES], 'closing a model', (at) => {
      this.wasm.ints(at, 1)[0] = run;
      this.wasm.call('pmoe_run_close', at);
      this.wasm.ints(at, 1)[0] = handle;
      this.wasm.call('pmoe_model_close', at);
    });
  }

  /**
   * @template T
   * @param {Model} model @param {Uint8Array} pixels @param {number} batch  the image so many times
   * @param {(images: number) => T} use
   */
  #withImages(model, pixels, batch, use) {
    const { height, width, channels } = model.description.input;
    const count = height * width * channels;
    if (pixels.length !== count) {
      const expected = `${height} x ${width} x ${channels} = ${count}`;
      throw new EngineError('bad-args', `pixels for "${model.description.name}": expected ${expected} bytes, found ${pixels.length}`);
    }
    return this.wasm.with([count, 4 * count * batch], 'an image', (grey, images) => {
      this.wasm.bytes(grey, count).set(pixels);
      for (let i = 0; i < batch; i++) this.wasm.call('pmoe_bytes_to_floats', grey, count, images + 4 * count * i);
      return use(images);
    });
  }

  /** @param {number} run @param {number} images @param {number} batch @param {number} logits */
  #forward(run, images, batch, logits) {
    const status = this.wasm.call('pmoe_forward', run, images, batch, logits);
    if (status) throw new EngineError(this.wasm.statusName(status), 'a forward pass was refused');
  }

  /** @param {Model} model @param {Uint8Array} pixels @param {WhatIf} [whatIf] @returns {Prediction} */
  predict(model, pixels, whatIf) {
    this.#reroute(model, whatIf);
    return this.#withImages(model, pixels, 1, (image) =>
      this.wasm.with([4 * model.description.outputs], 'the outputs', (logits) => {
        this.#useThreads(model.run);
        this.#forward(model.run, image, 1, logits);
        return this.wasm.json('pmoe_run_describe', model.run, 0, logits);
      }),
    );
  }

  // ---- Floats in, floats out ----

  /** @param {Model} model  stays open for as long @param {number} size @returns {Batch} */
  openBatch(model, size) {
    const { input, outputs } = model.description;
    const inputs = size * input.height * input.width * input.channels;
    return this.wasm.with([POINTER_BYTES], 'a batch', (runAt) => {
      this.#openRun(model.handle, size, undefined, runAt);
      const run = this.wasm.ints(runAt, 1)[0];
      /** @type {number[]} */
      const blocks = [];
      try {
        for (const floats of [inputs, size * outputs]) blocks.push(this.wasm.take(4 * floats, 'a batch'));
        this.#useThreads(run);
      } catch (error) {
        if (!this.wasm.dead) this.#closeBatch(run, blocks);
        throw error;
      }
      return { run, images: blocks[0], logits: blocks[1], size, inputs, outputs: size * outputs };
    });
  }

  /**
   * @param {Batch} batch @param {Float32Array} images  [size][height][width][channels], 0 to 1
   * @returns {Float32Array} [size][outputs], a copy
   */
  forward(batch, images) {
    if (images.length !== batch.inputs) {
      throw new EngineError('bad-args', `images: expected ${batch.inputs} floats, found ${images.length}`);
    }
    this.wasm.floats(batch.images, batch.inputs).set(images);
    this.#forward(batch.run, batch.images, batch.size, batch.logits);
    return this.wasm.floats(batch.logits, batch.outputs).slice();
  }

  /** @param {Batch} batch  not to be used afterwards */
  closeBatch({ run, images, logits }) {
    this.#closeBatch(run, [images, logits]);
  }

  /** @param {number} run @param {number[]} blocks */
  #closeBatch(run, blocks) {
    for (const block of blocks) this.wasm.call('free', block);
    this.wasm.with([POINTER_BYTES], 'closing a batch', (at) => {
      this.wasm.ints(at, 1)[0] = run;
      this.wasm.call('pmoe_run_close', at);
    });
  }

  // ---- Time ----

  clockStepUs() {
    return this.wasm.call('web_clock_step_ns') / 1e3;
  }

  /**
   * Interleaved timing of one pass of each model.
   * @param {Model[]} models @param {Uint8Array} pixels @param {number} batch @param {number} budgetMs
   * @param {(WhatIf|undefined)[]} whatIfs  one a model
   * @returns {Omit<Timing, 'model'>[]}
   */
  time(models, pixels, batch, budgetMs, whatIfs) {
    const layout = this.wasm.layout.timing;
    const pointers = POINTER_BYTES * models.length;
    return this.wasm.with([pointers, pointers, layout.bytes * models.length], 'timing', (runs, images, timings) => {
      const measure = () => {
        this.wasm.checked('web_time_runs', runs, images, models.length, batch, budgetMs * 1e6, timings);
        const view = this.wasm.view();
        return models.map((_, i) => {
          const at = timings + i * layout.bytes;
          const us = (/** @type {number} */ offset) => view.getFloat64(at + offset, true) / 1e3;
          return {
            firstUs: us(layout.first_ns),
            medianUs: us(layout.median_ns),
            lowUs: us(layout.low_ns),
            highUs: us(layout.high_ns),
            samples: view.getInt32(at + layout.samples, true),
            calls: view.getInt32(at + layout.calls, true),
          };
        });
      };
      return this.#withRuns(models, pixels, batch, whatIfs, runs, images, measure);
    });
  }

  /**
   * Fill runs[i] and images[i] for each model, measure, and give all back.
   * @template T
   * @param {Model[]} models @param {Uint8Array} pixels @param {number} batch @param {(WhatIf|undefined)[]} whatIfs
   * @param {number} runs @param {number} images @param {() => T} measure @returns {T}
   */
  #withRuns(models, pixels, batch, whatIfs, runs, images, measure, i = 0) {
    if (i === models.length) return measure();
    const runAt = runs + POINTER_BYTES * i;
    return this.#withImages(models[i], pixels, batch, (image) => {
      this.wasm.ints(images, models.length)[i] = image;
      this.#openRun(models[i].handle, batch, whatIfs[i], runAt);
      try {
        this.#useThreads(this.wasm.ints(runAt, 1)[0]);
        return this.#withRuns(models, pixels, batch, whatIfs, runs, images, measure, i + 1);
      } finally {
        if (!this.wasm.dead) this.wasm.call('pmoe_run_close', runAt);
      }
    });
  }

  // ---- Images ----

  /** @param {Uint8Array} ink @param {number} width @param {number} height */
  digitFromInk(ink, width, height) {
    const count = this.wasm.layout.cell ** 2;
    return this.wasm.with([ink.length, count, 4], 'a drawing', (from, digit, empty) => {
      this.wasm.bytes(from, ink.length).set(ink);
      this.wasm.checked('pmoe_digit_from_ink', from, width, height, digit, empty);
      return { pixels: this.wasm.bytes(digit, count).slice(), empty: this.wasm.ints(empty, 1)[0] !== 0 };
    });
  }

  /** @param {Uint8Array} rgba @param {number} width @param {number} height @param {string} set  whose boards it is to be like */
  boardFromRgba(rgba, width, height, set) {
    const side = this.wasm.layout.sets[set].grid * this.wasm.layout.cell;
    return this.wasm.with([rgba.length, side * side, 4], 'a picture', (from, grey, inverted) => {
      this.wasm.bytes(from, rgba.length).set(rgba);
      this.wasm.checked('pmoe_board_from_rgba', from, width, height, side, side, grey, inverted);
      return { pixels: this.wasm.bytes(grey, side * side).slice(), inverted: this.wasm.ints(inverted, 1)[0] !== 0 };
    });
  }

  /** @param {Uint8Array} rgba @param {number} width @param {number} height */
  photoFromRgba(rgba, width, height) {
    const { photo, photo_channels } = this.wasm.layout;
    const count = photo * photo * photo_channels;
    return this.wasm.with([rgba.length, count], 'a picture', (from, rgb) => {
      this.wasm.bytes(from, rgba.length).set(rgba);
      this.wasm.checked('pmoe_photo_from_rgba', from, width, height, photo, photo, rgb);
      return { pixels: this.wasm.bytes(rgb, count).slice() };
    });
  }

  // ---- The sheet of digits, and boards made of it ----

  /**
   * Replaces the sheet; a failed open leaves the earlier one.
   * @param {Uint8Array} images @param {Uint8Array} labels  IDX files
   * @returns {number} digits
   */
  openSheet(images, labels) {
    const imagesAt = this.wasm.take(images.length, 'the sheet of digits');
    let labelsAt = 0;
    try {
      labelsAt = this.wasm.take(labels.length, 'the labels of the digits');
      this.wasm.bytes(imagesAt, images.length).set(images);
      this.wasm.bytes(labelsAt, labels.length).set(labels);
      const handle = this.wasm.with([POINTER_BYTES], 'the sheet of digits', (at) => {
        this.wasm.checked('pmoe_digits_open', imagesAt, images.length, labelsAt, labels.length, 0, at);
        return this.wasm.ints(at, 1)[0];
      });
      this.#closeSheet();
      this.#sheet = { images: imagesAt, labels: labelsAt, handle };
      return this.wasm.call('pmoe_digits_count', handle);
    } catch (error) {
      if (!this.wasm.dead) {
        this.wasm.call('free', labelsAt);
        this.wasm.call('free', imagesAt);
      }
      throw error;
    }
  }

  #closeSheet() {
    const sheet = this.#sheet;
    if (!sheet) return;
    this.#sheet = null;
    this.wasm.with([POINTER_BYTES], 'closing the sheet', (at) => {
      this.wasm.ints(at, 1)[0] = sheet.handle;
      this.wasm.call('pmoe_digits_close', at);
    });
    this.wasm.call('free', sheet.images);
    this.wasm.call('free', sheet.labels);
  }

  #openedSheet() {
    if (!this.#sheet) throw new EngineError('bad-args', "no sheet of digits is open; 'samples' opens one");
    return this.#sheet.handle;
  }

  /** @param {number} index */
  sampleDigit(index) {
    const handle = this.#openedSheet();
    const count = this.wasm.call('pmoe_digits_count', handle);
    if (index >= count) throw new EngineError('bad-args', `index: expected 0 to ${count - 1}, found ${index}`);
    const pixels = this.wasm.bytes(this.wasm.call('pmoe_digits_pixels', handle, index), this.wasm.layout.cell ** 2).slice();
    return { pixels, label: this.wasm.call('pmoe_digits_label', handle, index) };
  }

  /** @param {string} set @param {number} seed @param {number} index */
  board(set, seed, index) {
    const handle = this.#openedSheet();
    const { cell, truth, sets } = this.wasm.layout;
    const { number, grid } = sets[set];
    const board = grid * cell;
    return this.wasm.with([board * board, truth.bytes], 'a board', (pixels, truthAt) => {
      this.wasm.checked('pmoe_board', handle, number, BigInt(seed), BigInt(index), pixels, truthAt);
      const view = this.wasm.view();
      return {
        pixels: this.wasm.bytes(pixels, board * board).slice(),
        truth: {
          label: view.getInt32(truthAt + truth.label, true),
          patch: view.getInt32(truthAt + truth.patch, true),
          digits: Array.from(this.wasm.ints(truthAt + truth.digits, grid * grid)),
        },
      };
    });
  }
}
