/**
 * One wasm instance: its functions, memory and threads.
 *
 * Views of the memory are made fresh for every use, because a call that allocates may grow the memory and so detach
 * them; what outlives a call is a copy, also of memory that threads share.  Layouts of structs come from the module
 * itself (web_describe).  Every call is synchronous.
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
 */
import { EngineError } from './error.js';
import { looksLikeHtml } from './fetch.js';

const OK = 0;
const SHARED_MEMORY = { initial: 32, maximum: 4096, shared: true }; // pages, as the Makefile links them
const THREAD_START_MS = 20000; // errors come at once; this is for silence
const TEXT_BYTES = 1 << 14; // for most descriptions

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

export class Instance {
  /** @type {WebAssembly.Module} */ #module;
  /** @type {Record<string, Function>} */ #api;
  /** @type {WebAssembly.Memory} */ #memory;
  /** @type {number} */ #error; // a pmoe_error for all calls
  /** @type {string | null} */ #dead = null; // why, after a trap: the memory can't be trusted any more
  /** @type {Worker[]} */ #threads = [];
  #pool = 0;
  /** @type {Layout} @readonly */ layout;

  /**
   * @param {Uint8Array} bytes  the .wasm file
   * @param {string} what  its name in errors
   * @param {boolean} [threaded]  takes its memory from here
   * @returns {Promise<Instance>}
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
    return new Instance(loaded, memory);
  }

  /** @param {WebAssembly.WebAssemblyInstantiatedSource} loaded @param {WebAssembly.Memory} memory  unless it has its own */
  constructor({ module, instance }, memory) {
    this.#module = module;
    this.#api = /** @type {Record<string, Function>} */ (instance.exports);
    this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory ?? memory);
    this.#api._initialize?.();
    this.layout = this.json('web_describe');
    this.#error = this.take(this.layout.error.bytes, 'an error message');
  }

  // ---- Calls and memory ----

  /** Of the threads beside this one; 0: there are none. */
  get pool() {
    return this.#pool;
  }

  /** Has a call trapped?  Then nothing can be given back any more. */
  get dead() {
    return this.#dead !== null;
  }

  /**
   * One exported function.  A trap ends this instance: it stops in the middle of something.
   * @param {string} name @param {...(number | bigint)} args
   */
  call(name, ...args) {
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
  checked(name, ...args) {
    const status = this.call(name, ...args, this.#error);
    if (status === OK) return;
    throw new EngineError(this.statusName(status), this.string(this.#error + this.layout.error.text));
  }

  /** @param {number} status */
  statusName(status) {
    return this.string(this.call('pmoe_status_name', status));
  }

  /** @param {number} bytes @param {string} what @returns {number} */
  take(bytes, what) {
    const pointer = this.call('malloc', bytes || 1) >>> 0;
    if (!pointer) throw new EngineError('memory', `no memory for ${what}: ${bytes} bytes are not to be had`);
    return pointer;
  }

  /**
   * Take blocks for the duration of `use`.
   * @template T
   * @param {number[]} sizes  bytes of each @param {string} what @param {(...blocks: number[]) => T} use @returns {T}
   */
  with(sizes, what, use) {
    /** @type {number[]} */
    const blocks = [];
    try {
      for (const bytes of sizes) blocks.push(this.take(bytes, what));
      return use(...blocks);
    } finally {
      if (!this.#dead) for (const block of blocks) this.#api.free(block);
    }
  }

  /** @param {number} pointer @param {number} count */
  bytes(pointer, count) {
    return new Uint8Array(this.#memory.buffer, pointer >>> 0, count);
  }

  /** @param {number} pointer @param {number} count */
  ints(pointer, count) {
    return new Int32Array(this.#memory.buffer, pointer >>> 0, count);
  }

  /** @param {number} pointer @param {number} count */
  floats(pointer, count) {
    return new Float32Array(this.#memory.buffer, pointer >>> 0, count);
  }

  view() {
    return new DataView(this.#memory.buffer);
  }

  /** @param {number} pointer  of 0-terminated UTF-8 */
  string(pointer) {
    const bytes = new Uint8Array(this.#memory.buffer, pointer >>> 0);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  /**
   * Text of a function that works like snprintf.
   * @param {(text: number, capacity: number) => number} print @param {number} [capacity]  of the first attempt
   * @returns {string}
   */
  text(print, capacity = TEXT_BYTES) {
    const { length, text } = this.with([capacity], 'a description', (at) => {
      const length = print(at, capacity);
      return { length, text: length < capacity ? new TextDecoder().decode(this.bytes(at, length).slice()) : '' };
    });
    return length < capacity ? text : this.text(print, length + 1);
  }

  /** @param {string} name @param {...number} args @returns {any} of a call that prints JSON like snprintf */
  json(name, ...args) {
    return JSON.parse(this.text((text, capacity) => this.call(name, ...args, text, capacity)));
  }

  // ---- Threads ----

  /**
   * Start threads beside this one, which end with this instance.  One that does not come is one that takes no tasks.
   * @param {number} count @returns {Promise<string[]>} why, for each that did not come
   */
  async startThreads(count) {
    const pool = (this.#pool = this.call('web_pool_open', count + 1) >>> 0);
    if (!pool) return Array(count).fill('no memory');
    const coming = Array.from({ length: count }, async (_, i) => {
      const stack = this.call('web_pool_stack', pool, i + 1) >>> 0;
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

  /** This instance is of no more use. */
  end() {
    for (const thread of this.#threads) thread.terminate();
  }
}
