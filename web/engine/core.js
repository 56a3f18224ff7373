/**
 * One wasm instance: the C library as JavaScript sees it.
 *
 * Pointers never leave this file.  Views of the memory are made fresh for every use, because a call that allocates may
 * grow the memory and so detach them; results are copies, also of memory that threads share.  Layouts of structs come from the module itself
 * (web_describe).  Every call is synchronous.  Leaves out fetching, names and the choice of a variant (engine.js).
 *
 * @typedef {import('./protocol.js').Variant} Variant
 * @typedef {import('./protocol.js').ModelDescription} ModelDescription
 * @typedef {import('./protocol.js').Prediction} Prediction
 * @typedef {import('./protocol.js').Timing} Timing
 * @typedef {import('./protocol.js').WhatIf} WhatIf
 *
 * @typedef {object} Layout             web_describe, parsed: byte offsets, and constants of pmoe.h
 * @property {string} version
 * @property {number} cell              side of a digit
 * @property {number} photo             side of a photograph
 * @property {number} photo_channels
 * @property {Record<string, {number: number, grid: number}>} sets      of boards; grid: cells along a side
 * @property {{bytes: number, text: number}} error
 * @property {{bytes: number, first_ns: number, median_ns: number, low_ns: number, high_ns: number, samples: number,
 *   calls: number}} timing
 * @property {{bytes: number, kept: number, off: number}} what_if
 * @property {{bytes: number, label: number, patch: number, digits: number}} truth
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
import { looksLikeHtml } from './fetch.js';

const BEST = 0; // a NULL isa
const BRIEFLY = 0; // rounds
const SELF_TEST_SEED = 1n;
const OK = 0;
const POINTER_BYTES = 4;
const SHARED_MEMORY = { initial: 32, maximum: 4096, shared: true }; // pages, as the Makefile links them
const THREAD_START_MS = 20000; // errors come at once; this is for silence
const TEXT_BYTES = 1 << 14; // for most descriptions

const MISMATCH = 'checksum mismatch'; // pmoe_status_name(PMOE_E_CHECKSUM)

/** The engine computes something else than the golden outputs in a model's file. */
export class GoldenError extends EngineError {
    /** @param {string} message */
    constructor(message) {
        super(MISMATCH, message);
    }
}

/** @param {unknown} error */
const textOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * Why instantiating failed, as one of our errors.
 * @param {unknown} error @param {string} what
 */
function loadError(error, what) {
    const text = textOf(error);
    if (/content.security.policy|\bcsp\b|unsafe-eval/i.test(text)) {
        return new EngineError('csp', `${what}: the page's Content-Security-Policy forbids WebAssembly; script-src needs 'wasm-unsafe-eval'`);
    }
    if (error instanceof RangeError || /memory/i.test(text)) {
        return new EngineError('memory', `${what}: this browser has no memory left for it (${text})`);
    }
    return new EngineError('not-wasm', `${what}: this browser does not accept it (${text})`);
}

/** @param {Uint8Array} bytes @param {string} what */
function checkMagic(bytes, what) {
    if (bytes.length >= 8 && bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d) return;
    if (looksLikeHtml(bytes)) throw new EngineError('not-wasm', `${what}: the server sent a web page instead of this file`);
    const found = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new EngineError('not-wasm', `${what}: expected a WebAssembly module (00 61 73 6d), found ${found || 'an empty file'}`);
}

export class Core {
    /** @type {WebAssembly.Module} */ #module;
    /** @type {Record<string, Function>} */ #api;
    /** @type {WebAssembly.Memory} */ #memory;
    /** @type {Layout} */ #layout;
    /** @type {number} */ #error; // a pmoe_error for all calls
    /** @type {{images: number, labels: number, handle: number} | null} */ #sheet = null;
    /** @type {string | null} */ #dead = null; // why, after a trap: the instance's memory can't be trusted any more
    /** @type {Worker[]} */ #threads = [];
    #pool = 0; // theirs

    /**
     * @param {Uint8Array} bytes  the .wasm file
     * @param {string} what  its name in errors
     * @param {boolean} [threaded]  takes its memory from here
     * @returns {Promise<Core>}
     */
    static async load(bytes, what, threaded = false) {
        checkMagic(bytes, what);
        let loaded, memory;
        try {
            memory = new WebAssembly.Memory(threaded ? SHARED_MEMORY : { initial: 0 });
            const env = { memory, pmoe_now_ns: () => performance.now() * 1e6 };
            loaded = await WebAssembly.instantiate(/** @type {BufferSource} */ (bytes), { env });
        } catch (error) {
            throw loadError(error, what);
        }
        return new Core(loaded, memory);
    }

    /** @param {WebAssembly.WebAssemblyInstantiatedSource} loaded @param {WebAssembly.Memory} memory  unless it has its own */
    constructor({ module, instance }, memory) {
        this.#module = module;
        this.#api = /** @type {Record<string, Function>} */ (instance.exports);
        this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory ?? memory);
        this.#api._initialize?.();
        this.#layout = JSON.parse(this.#text((text, capacity) => this.#call('web_describe', text, capacity)));
        this.#error = this.#take(this.#layout.error.bytes, 'an error message');
    }

    get layout() {
        return this.#layout;
    }

    // ---- Calls and memory ----

    /**
     * One exported function.  A trap ends this instance: it stops in the middle of something.
     * @param {string} name @param {...(number | bigint)} args
     */
    #call(name, ...args) {
        if (this.#dead) throw new EngineError('worker', this.#dead);
        try {
            return this.#api[name](...args);
        } catch (error) {
            this.#dead = `the engine stopped in ${name} (${textOf(error)}); start it again`;
            throw new EngineError('worker', this.#dead);
        }
    }

    /**
     * A call that returns a status and takes a pmoe_error last.
     * @param {string} name @param {...(number | bigint)} args
     */
    #checked(name, ...args) {
        const status = this.#call(name, ...args, this.#error);
        if (status === OK) return;
        throw new EngineError(this.#statusName(status), this.#string(this.#error + this.#layout.error.text));
    }

    /** @param {number} status */
    #statusName(status) {
        return this.#string(this.#call('pmoe_status_name', status));
    }

    /** @param {number} bytes @param {string} what @returns {number} */
    #take(bytes, what) {
        const pointer = this.#call('malloc', bytes || 1) >>> 0;
        if (!pointer) throw new EngineError('memory', `no memory for ${what}: ${bytes} bytes are not to be had`);
        return pointer;
    }

    /**
     * Take blocks for the duration of `use`.
     * @template T
     * @param {number[]} sizes  bytes of each @param {string} what @param {(...blocks: number[]) => T} use @returns {T}
     */
    #with(sizes, what, use) {
        /** @type {number[]} */
        const blocks = [];
        try {
            for (const bytes of sizes) blocks.push(this.#take(bytes, what));
            return use(...blocks);
        } finally {
            if (!this.#dead) for (const block of blocks) this.#api.free(block);
        }
    }

    /** @param {number} pointer @param {number} count */
    #bytes(pointer, count) {
        return new Uint8Array(this.#memory.buffer, pointer >>> 0, count);
    }

    /** @param {number} pointer @param {number} count */
    #ints(pointer, count) {
        return new Int32Array(this.#memory.buffer, pointer >>> 0, count);
    }

    #view() {
        return new DataView(this.#memory.buffer);
    }

    /** @param {number} pointer  of 0-terminated UTF-8 */
    #string(pointer) {
        const bytes = new Uint8Array(this.#memory.buffer, pointer >>> 0);
        return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
    }

    /**
     * Text of a function that works like snprintf.
     * @param {(text: number, capacity: number) => number} print @param {number} [capacity]  of the first attempt
     * @returns {string}
     */
    #text(print, capacity = TEXT_BYTES) {
        const { length, text } = this.#with([capacity], 'a description', (at) => {
            const length = print(at, capacity);
            return { length, text: length < capacity ? new TextDecoder().decode(this.#bytes(at, length).slice()) : '' };
        });
        return length < capacity ? text : this.#text(print, length + 1);
    }

    /** What modules that add exports of their own call them with: bench.js. */
    lend() {
        /** @param {string} name @param {...(number | bigint)} args */
        const call = (name, ...args) => this.#call(name, ...args);
        /** @param {string} name @param {...(number | bigint)} args */
        const checked = (name, ...args) => this.#checked(name, ...args);
        /** @param {number[]} ints @param {(pointer: number) => void} use  reads and writes them there */
        const withInts = (ints, use) =>
            this.#with([4 * ints.length], 'a call', (pointer) => {
                this.#ints(pointer, ints.length).set(ints);
                use(pointer);
                return Array.from(this.#ints(pointer, ints.length));
            });
        /** @param {string} name @param {...number} args @returns {any} of a call that prints JSON like snprintf */
        const json = (name, ...args) => JSON.parse(this.#text((text, capacity) => this.#call(name, ...args, text, capacity)));
        return { call, checked, withInts, json, pool: this.#pool };
    }

    // ---- Threads ----

    /**
     * Start threads beside this one, which end with this instance.  One that does not come is one that takes no tasks.
     * @param {number} count @returns {Promise<string[]>} why, for each that did not come
     */
    async startThreads(count) {
        const pool = (this.#pool = this.#call('web_pool_open', count + 1) >>> 0);
        if (!pool) return Array(count).fill('no memory');
        const coming = Array.from({ length: count }, async (_, i) => {
            const stack = this.#call('web_pool_stack', pool, i + 1) >>> 0;
            const thread = new Worker(new URL('thread.js', import.meta.url), { type: 'module' });
            this.#threads.push(thread);
            return new Promise((resolve) => {
                thread.onmessage = ({ data }) => resolve(data);
                thread.onerror = ({ message }) => resolve(message || 'thread.js could not be loaded');
                setTimeout(resolve, THREAD_START_MS, 'thread.js does not answer');
                thread.postMessage({ module: this.#module, memory: this.#memory, pool, number: i + 1, stack });
            });
        });
        const said = await Promise.all(coming.map((thread) => thread.catch(textOf)));
        return said.filter(Boolean);
    }

    /** @param {number} run  may use the threads from now on */
    #useThreads(run) {
        if (this.#pool) this.#checked('web_run_use', run, this.#pool);
    }

    /** This instance is of no more use. */
    end() {
        for (const thread of this.#threads) thread.terminate();
    }

    // ---- Trust ----

    /** @returns {number} how many checks were made; throws if a kernel disagrees with the oracle */
    selfTest() {
        return this.#with([POINTER_BYTES], 'the self-test', (checks) => {
            this.#checked('pmoe_self_test', BEST, BRIEFLY, SELF_TEST_SEED, checks);
            return this.#ints(checks, 1)[0];
        });
    }

    // ---- Models ----

    /**
     * @param {Uint8Array} bytes  the file
     * @returns {Model}  throws a GoldenError if its golden outputs are not reproduced
     */
    openModel(bytes) {
        return this.#with([POINTER_BYTES, POINTER_BYTES], 'a model', (modelAt, runAt) => {
            this.#ints(modelAt, 1)[0] = this.#ints(runAt, 1)[0] = 0;
            try {
                this.#with([bytes.length], 'the model file', (file) => {
                    this.#bytes(file, bytes.length).set(bytes);
                    this.#checked('pmoe_model_open', file, bytes.length, 0, modelAt);
                });
                const handle = this.#ints(modelAt, 1)[0];
                this.#openRun(handle, 1, undefined, runAt);
                const golden = this.#checkGolden(handle);
                const description = JSON.parse(
                    this.#text((text, capacity) => this.#call('pmoe_model_describe', handle, text, capacity)),
                );
                return { handle, run: this.#ints(runAt, 1)[0], routing: '{}', description, golden };
            } catch (error) {
                if (!this.#dead) {
                    this.#call('pmoe_run_close', runAt);
                    this.#call('pmoe_model_close', modelAt);
                }
                throw error;
            }
        });
    }

    /** @param {number} handle */
    #checkGolden(handle) {
        return this.#with([POINTER_BYTES], 'the golden outputs', (checked) => {
            try {
                this.#checked('pmoe_model_check_golden', handle, checked);
            } catch (error) {
                if (error instanceof EngineError && error.code === MISMATCH) throw new GoldenError(error.message);
                throw error;
            }
            return this.#ints(checked, 1)[0] > 0;
        });
    }

    /** @param {number} handle @param {number} batch @param {WhatIf|undefined} whatIf @param {number} runAt  gets the run */
    #openRun(handle, batch, { kept = 0, off = [] } = {}, runAt) {
        const layout = this.#layout.what_if;
        this.#with([layout.bytes], 'a run', (whatIf) => {
            const view = this.#view();
            view.setInt32(whatIf + layout.kept, kept, true);
            view.setBigUint64(whatIf + layout.off, off.reduce((bits, expert) => bits | (1n << BigInt(expert)), 0n), true);
            this.#checked('pmoe_run_open_what_if', handle, batch, whatIf, runAt);
        });
    }

    /** The model's run becomes one of this what-if; a failure leaves the earlier one.  @param {Model} model @param {WhatIf} [whatIf] */
    #reroute(model, whatIf = {}) {
        const routing = JSON.stringify(whatIf);
        if (routing === model.routing) return;
        this.#with([POINTER_BYTES, POINTER_BYTES], 'a run', (runAt, oldAt) => {
            this.#openRun(model.handle, 1, whatIf, runAt);
            this.#ints(oldAt, 1)[0] = model.run;
            this.#call('pmoe_run_close', oldAt);
            model.run = this.#ints(runAt, 1)[0];
            model.routing = routing;
        });
    }

    /** @param {Model} model  not to be used afterwards */
    closeModel({ handle, run }) {
        this.#with([POINTER_BYTES], 'closing a model', (at) => {
            this.#ints(at, 1)[0] = run;
            this.#call('pmoe_run_close', at);
            this.#ints(at, 1)[0] = handle;
            this.#call('pmoe_model_close', at);
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
        return this.#with([count, 4 * count * batch], 'an image', (grey, images) => {
            this.#bytes(grey, count).set(pixels);
            for (let i = 0; i < batch; i++) this.#call('pmoe_bytes_to_floats', grey, count, images + 4 * count * i);
            return use(images);
        });
    }

    /** @param {Model} model @param {Uint8Array} pixels @param {WhatIf} [whatIf] @returns {Prediction} */
    predict(model, pixels, whatIf) {
        this.#reroute(model, whatIf);
        return this.#withImages(model, pixels, 1, (image) =>
            this.#with([4 * model.description.outputs], 'the outputs', (logits) => {
                this.#useThreads(model.run);
                const status = this.#call('pmoe_forward', model.run, image, 1, logits);
                if (status !== OK) throw new EngineError(this.#statusName(status), 'a forward pass was refused');
                return JSON.parse(
                    this.#text((text, capacity) => this.#call('pmoe_run_describe', model.run, 0, logits, text, capacity)),
                );
            }),
        );
    }

    // ---- Floats in, floats out ----

    /** @param {Model} model  stays open for as long @param {number} size @returns {Batch} */
    openBatch(model, size) {
        const { input, outputs } = model.description;
        const inputs = size * input.height * input.width * input.channels;
        return this.#with([POINTER_BYTES], 'a batch', (runAt) => {
            this.#openRun(model.handle, size, undefined, runAt);
            const run = this.#ints(runAt, 1)[0];
            /** @type {number[]} */
            const blocks = [];
            try {
                for (const floats of [inputs, size * outputs]) blocks.push(this.#take(4 * floats, 'a batch'));
                this.#useThreads(run);
            } catch (error) {
                if (!this.#dead) this.#closeBatch(run, blocks);
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
        new Float32Array(this.#memory.buffer, batch.images, batch.inputs).set(images);
        const status = this.#call('pmoe_forward', batch.run, batch.images, batch.size, batch.logits);
        if (status !== OK) throw new EngineError(this.#statusName(status), 'a forward pass was refused');
        return new Float32Array(this.#memory.buffer, batch.logits, batch.outputs).slice();
    }

    /** @param {Batch} batch  not to be used afterwards */
    closeBatch({ run, images, logits }) {
        this.#closeBatch(run, [images, logits]);
    }

    /** @param {number} run @param {number[]} blocks */
    #closeBatch(run, blocks) {
        for (const block of blocks) this.#call('free', block);
        this.#with([POINTER_BYTES], 'closing a batch', (at) => {
            this.#ints(at, 1)[0] = run;
            this.#call('pmoe_run_close', at);
        });
    }

    // ---- Time ----

    clockStepUs() {
        return this.#call('web_clock_step_ns') / 1e3;
    }

    /**
     * Interleaved timing of one pass of each model.
     * @param {Model[]} models @param {Uint8Array} pixels @param {number} batch @param {number} budgetMs
     * @param {(WhatIf|undefined)[]} whatIfs  one a model
     * @returns {Omit<Timing, 'model'>[]}
     */
    time(models, pixels, batch, budgetMs, whatIfs) {
        const layout = this.#layout.timing;
        const pointers = POINTER_BYTES * models.length;
        return this.#with([pointers, pointers, layout.bytes * models.length], 'timing', (runs, images, timings) => {
            const measure = () => {
                this.#checked('web_time_runs', runs, images, models.length, batch, budgetMs * 1e6, timings);
                const view = this.#view();
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
            this.#ints(images, models.length)[i] = image;
            this.#openRun(models[i].handle, batch, whatIfs[i], runAt);
            try {
                this.#useThreads(this.#ints(runAt, 1)[0]);
                return this.#withRuns(models, pixels, batch, whatIfs, runs, images, measure, i + 1);
            } finally {
                if (!this.#dead) this.#call('pmoe_run_close', runAt);
            }
        });
    }

    // ---- Images ----

    /** @param {Uint8Array} ink @param {number} width @param {number} height */
    digitFromInk(ink, width, height) {
        const count = this.#layout.cell ** 2;
        return this.#with([ink.length, count, 4], 'a drawing', (from, digit, empty) => {
            this.#bytes(from, ink.length).set(ink);
            this.#checked('pmoe_digit_from_ink', from, width, height, digit, empty);
            return { pixels: this.#bytes(digit, count).slice(), empty: this.#ints(empty, 1)[0] !== 0 };
        });
    }

    /** @param {Uint8Array} rgba @param {number} width @param {number} height @param {string} set  whose boards it is to be like */
    boardFromRgba(rgba, width, height, set) {
        const side = this.#layout.sets[set].grid * this.#layout.cell;
        return this.#with([rgba.length, side * side, 4], 'a picture', (from, grey, inverted) => {
            this.#bytes(from, rgba.length).set(rgba);
            this.#checked('pmoe_board_from_rgba', from, width, height, side, side, grey, inverted);
            return { pixels: this.#bytes(grey, side * side).slice(), inverted: this.#ints(inverted, 1)[0] !== 0 };
        });
    }

    /** @param {Uint8Array} rgba @param {number} width @param {number} height */
    photoFromRgba(rgba, width, height) {
        const { photo, photo_channels } = this.#layout;
        const count = photo * photo * photo_channels;
        return this.#with([rgba.length, count], 'a picture', (from, rgb) => {
            this.#bytes(from, rgba.length).set(rgba);
            this.#checked('pmoe_photo_from_rgba', from, width, height, photo, photo, rgb);
            return { pixels: this.#bytes(rgb, count).slice() };
        });
    }

    // ---- The sheet of digits, and boards made of it ----

    /**
     * Replaces the sheet; a failed open leaves the earlier one.
     * @param {Uint8Array} images @param {Uint8Array} labels  IDX files
     * @returns {number} digits
     */
    openSheet(images, labels) {
        const imagesAt = this.#take(images.length, 'the sheet of digits');
        let labelsAt = 0;
        try {
            labelsAt = this.#take(labels.length, 'the labels of the digits');
            this.#bytes(imagesAt, images.length).set(images);
            this.#bytes(labelsAt, labels.length).set(labels);
            const handle = this.#with([POINTER_BYTES], 'the sheet of digits', (at) => {
                this.#checked('pmoe_digits_open', imagesAt, images.length, labelsAt, labels.length, 0, at);
                return this.#ints(at, 1)[0];
            });
            this.#closeSheet();
            this.#sheet = { images: imagesAt, labels: labelsAt, handle };
            return this.#call('pmoe_digits_count', handle);
        } catch (error) {
            if (!this.#dead) {
                this.#call('free', labelsAt);
                this.#call('free', imagesAt);
            }
            throw error;
        }
    }

    #closeSheet() {
        const sheet = this.#sheet;
        if (!sheet) return;
        this.#sheet = null;
        this.#with([POINTER_BYTES], 'closing the sheet', (at) => {
            this.#ints(at, 1)[0] = sheet.handle;
            this.#call('pmoe_digits_close', at);
        });
        this.#call('free', sheet.images);
        this.#call('free', sheet.labels);
    }

    #openedSheet() {
        if (!this.#sheet) throw new EngineError('bad-args', "no sheet of digits is open; 'samples' opens one");
        return this.#sheet.handle;
    }

    /** @param {number} index */
    sampleDigit(index) {
        const handle = this.#openedSheet();
        const count = this.#call('pmoe_digits_count', handle);
        if (index >= count) throw new EngineError('bad-args', `index: expected 0 to ${count - 1}, found ${index}`);
        const pixels = this.#bytes(this.#call('pmoe_digits_pixels', handle, index), this.#layout.cell ** 2).slice();
        return { pixels, label: this.#call('pmoe_digits_label', handle, index) };
    }

    /** @param {string} set @param {number} seed @param {number} index */
    board(set, seed, index) {
        const handle = this.#openedSheet();
        const { cell, truth, sets } = this.#layout;
        const { number, grid } = sets[set];
        const board = grid * cell;
        return this.#with([board * board, truth.bytes], 'a board', (pixels, truthAt) => {
            this.#checked('pmoe_board', handle, number, BigInt(seed), BigInt(index), pixels, truthAt);
            const view = this.#view();
            return {
                pixels: this.#bytes(pixels, board * board).slice(),
                truth: {
                    label: view.getInt32(truthAt + truth.label, true),
                    patch: view.getInt32(truthAt + truth.patch, true),
                    digits: Array.from(this.#ints(truthAt + truth.digits, grid * grid)),
                },
            };
        });
    }
}
