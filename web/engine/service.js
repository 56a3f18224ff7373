/**
 * The engine behind a message port: arguments checked, one request at a time, in order, abortable.
 *
 * Whatever arrives is checked here once, so that engine.js may rely on it.  Nothing that fails in here is left without
 * a reply.  Leaves out what the operations do (engine.js).
 *
 * @typedef {{result: unknown, transfer?: Transferable[]}} Answer
 */
import { PmoeEngine } from './engine.js';
import { EngineError } from './error.js';
import { VARIANTS } from './features.js';
import { fetchBytes } from './fetch.js';

const MODEL_CAP = 64 << 20;
const SHEET_CAP = 64 << 20;
const PICTURE_CAP = 4 * (1 << 28); // bytes of rgba that pmoe_board_from_rgba and pmoe_photo_from_rgba accept
const MOST_MODELS = 64;
const MOST_NAME = 200;
const MOST_BATCH = 256;
const MOST_THREADS = 16;
const MOST_BUDGET_MS = 60000;
const BOARD_SETS = /** @type {const} */ (['mosaic', 'mosaic10', 'mosaic64']);
const MOST_KEPT = 4096;
const MOST_OFF = 64;

// ---- Arguments ----

/** @param {string} name @param {string} expected @param {unknown} found @returns {never} */
function refuse(name, expected, found) {
  const kind = found === null ? 'null' : Array.isArray(found) ? 'an array' : typeof found;
  const text = ['string', 'number', 'boolean'].includes(typeof found) ? JSON.stringify(found).slice(0, 80) : kind;
  throw new EngineError('bad-args', `${name}: expected ${expected}, found ${text}`);
}

/** @param {any} args @param {string} name @returns {string} */
function string(args, name) {
  const value = args[name];
  return typeof value === 'string' && value && value.length <= MOST_NAME ? value : refuse(name, `1 to ${MOST_NAME} characters`, value);
}

/** @param {any} args @param {string} name @returns {string} */
function url(args, name) {
  const value = args[name];
  return typeof value === 'string' && value && value.length <= 4096 ? value : refuse(name, 'a URL', value);
}

/** @param {any} args @param {string} name @param {number} low @param {number} high @returns {number} */
function integer(args, name, low, high) {
  const value = args[name];
  return Number.isSafeInteger(value) && value >= low && value <= high ? value : refuse(name, `an integer from ${low} to ${high}`, value);
}

/** @param {any} args @param {string} name @param {number} cap @returns {Uint8Array} */
function bytes(args, name, cap) {
  const value = args[name];
  const array = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  if (!(array instanceof Uint8Array)) return refuse(name, 'bytes', value);
  if (array.length > cap) throw new EngineError('bad-args', `${name}: expected at most ${cap} bytes, found ${array.length}`);
  return array;
}

/** @param {any} args @returns {string[]} */
function modelNames(args) {
  const { models } = args;
  if (!Array.isArray(models) || models.length < 1 || models.length > MOST_MODELS) {
    return refuse('models', `1 to ${MOST_MODELS} names`, models);
  }
  return models.map((_, i) => string(models, String(i)));
}

/** @param {unknown} value @param {string} name @returns {Record<string, unknown>} */
const object = (value, name) => (typeof value === 'object' && value && !Array.isArray(value) ? /** @type {any} */ (value) : refuse(name, 'an object', value));

/** @param {any} args @returns {Map<string, import('./protocol.js').WhatIf>} */
function whatIfs({ whatIf = {} }) {
  return new Map(
    Object.entries(object(whatIf, 'whatIf')).map(([name, given]) => {
      const { kept = 0, off = [] } = object(given, name);
      if (!Array.isArray(off) || off.length > MOST_OFF) return refuse('off', `at most ${MOST_OFF} experts`, off);
      return [name, { kept: integer({ kept }, 'kept', 0, MOST_KEPT), off: off.map((_, i) => integer(off, String(i), 0, MOST_OFF - 1)) }];
    }),
  );
}

/** @template {string} T @param {any} args @param {string} name @param {readonly T[]} known @returns {T} */
function oneOf(args, name, known) {
  const value = args[name];
  return known.includes(value) ? value : refuse(name, known.join(', '), value);
}

/**
 * Bytes that were passed, or are to be fetched.
 * @param {any} args @param {string} given @param {string} from @param {string} what @param {number} cap
 * @param {AbortSignal} signal
 */
async function file(args, given, from, what, cap, signal) {
  if (args[given] !== undefined) return bytes(args, given, cap);
  return fetchBytes(url(args, from), { what, cap, signal });
}

// ---- Operations ----

/** @type {Record<string, (engine: PmoeEngine, args: any, signal: AbortSignal) => Answer | Promise<Answer>>} */
const OPERATIONS = {
  async start(engine, args, signal) {
    const variant = oneOf(args, 'variant', /** @type {const} */ (['auto', ...VARIANTS]));
    const { wasmBytes, threads = 0 } = args;
    integer({ threads }, 'threads', 0, MOST_THREADS);
    if (wasmBytes !== undefined && (typeof wasmBytes !== 'object' || !wasmBytes)) refuse('wasmBytes', 'files by variant', wasmBytes);
    const wasmUrl = wasmBytes && args.wasmUrl === undefined ? undefined : url(args, 'wasmUrl');
    return { result: await engine.start({ variant, threads, wasmUrl, wasmBytes }, signal) };
  },
  async open(engine, args, signal) {
    const name = string(args, 'name');
    const model = await file(args, 'bytes', 'url', `model "${name}"`, MODEL_CAP, signal);
    return { result: await engine.open(name, model, signal) };
  },
  close(engine, args) {
    engine.close(string(args, 'name'));
    return { result: {} };
  },
  predict(engine, args) {
    return { result: engine.predict(modelNames(args), bytes(args, 'pixels', MODEL_CAP), whatIfs(args)) };
  },
  time(engine, args) {
    const { budgetMs = 400, batch = 1 } = args;
    const options = {
      budgetMs: integer({ budgetMs }, 'budgetMs', 1, MOST_BUDGET_MS),
      batch: integer({ batch }, 'batch', 1, MOST_BATCH),
      whatIfs: whatIfs(args),
    };
    return { result: engine.time(modelNames(args), bytes(args, 'pixels', MODEL_CAP), options) };
  },
  async bench(engine, args) {
    const { bench } = await import('./bench.js'); // no page needs it to begin with
    return { result: bench(engine, args) };
  },
  async samples(engine, args, signal) {
    const images = await file(args, 'images', 'imagesUrl', 'the sheet of digits', SHEET_CAP, signal);
    const labels = await file(args, 'labels', 'labelsUrl', 'the labels of the digits', SHEET_CAP, signal);
    return { result: { count: engine.samples(images, labels) } };
  },
  sampleDigit(engine, args) {
    return withPixels(engine.sampleDigit(integer(args, 'index', 0, 2 ** 31 - 1)));
  },
  board(engine, args) {
    const set = oneOf(args, 'set', BOARD_SETS);
    const seed = integer(args, 'seed', 0, Number.MAX_SAFE_INTEGER);
    return withPixels(engine.board(set, seed, integer(args, 'index', 0, Number.MAX_SAFE_INTEGER)));
  },
  digit(engine, args) {
    const [ink, width, height] = picture(args, 'ink', 1);
    return withPixels(engine.digit(ink, width, height));
  },
  boardFromRgba(engine, args) {
    const [rgba, width, height] = picture(args, 'rgba', 4);
    const set = args.set === undefined ? undefined : oneOf(args, 'set', BOARD_SETS);
    return withPixels(engine.boardFromRgba(rgba, width, height, set));
  },
  photoFromRgba(engine, args) {
    const [rgba, width, height] = picture(args, 'rgba', 4);
    return withPixels(engine.photoFromRgba(rgba, width, height));
  },
};

/** @param {any} args @param {string} name @param {number} channels @returns {[Uint8Array, number, number]} */
function picture(args, name, channels) {
  const width = integer(args, 'width', 1, 1 << 16);
  const height = integer(args, 'height', 1, 1 << 16);
  const pixels = bytes(args, name, PICTURE_CAP);
  const expected = width * height * channels;
  if (pixels.length !== expected) {
    const form = `${width} x ${height} x ${channels} = ${expected}`;
    throw new EngineError('bad-args', `${name}: expected ${form} bytes, found ${pixels.length}`);
  }
  return [pixels, width, height];
}

/** @param {{pixels: Uint8Array}} result @returns {Answer} */
function withPixels(result) {
  return { result, transfer: [/** @type {ArrayBuffer} */ (result.pixels.buffer)] };
}

// ---- Messages ----

/**
 * Answer the requests that arrive at a port.
 * @param {{postMessage: (message: any, transfer: Transferable[]) => void,
 *   onmessage: ((event: MessageEvent) => void) | null}} port
 */
export function serve(port) {
  const engine = new PmoeEngine();
  /** @type {Map<number, AbortController>} requests without a reply */
  const pending = new Map();
  let last = Promise.resolve();
  const messagesRead = taskAfterMessages();

  /** @param {any} message @param {AbortSignal} signal */
  async function carryOut({ id, op, args }, signal) {
    try {
      const stopped = () => signal.throwIfAborted();
      await messagesRead(); // a withdrawal that arrived during the request before takes effect now
      stopped();
      if (typeof op !== 'string' || !Object.hasOwn(OPERATIONS, op)) {
        throw new EngineError('unknown-op', `there is no operation ${JSON.stringify(op) ?? typeof op}`);
      }
      if (typeof args !== 'object' || args === null) refuse('args', 'an object', args);
      const { result, transfer = [] } = await OPERATIONS[op](engine, args, signal);
      stopped();
      port.postMessage({ id, result }, transfer);
    } catch (error) {
      port.postMessage({ id, error: signal.aborted ? ABORTED : describe(error) }, []);
    } finally {
      pending.delete(id);
    }
  }

  port.onmessage = ({ data }) => {
    if (typeof data?.abort === 'number') {
      pending.get(data.abort)?.abort();
    } else if (typeof data?.id === 'number' && !pending.has(data.id)) {
      const controller = new AbortController();
      pending.set(data.id, controller);
      last = last.then(() => carryOut(data, controller.signal));
    }
  };
}

/**
 * A promise for a task behind the messages that have arrived: a channel of our own, since timers are slowed down.
 * @returns {() => Promise<void>}
 */
function taskAfterMessages() {
  const { port1, port2 } = new MessageChannel();
  return () =>
    new Promise((resolve) => {
      port1.onmessage = () => resolve();
      port2.postMessage(null);
    });
}

const ABORTED = { code: 'aborted', message: 'the request was withdrawn' };

/**
 * By name: bench.js beside a worker in one file has the class from another file.
 * @param {unknown} error @returns {error is EngineError}
 */
function isOurs(error) {
  return error instanceof Error && error.name === 'EngineError';
}

/** @param {unknown} error */
function describe(error) {
  if (isOurs(error)) return { code: error.code, message: error.message };
  const text = error instanceof Error ? error.message : String(error);
  return { code: 'worker', message: `the engine failed unexpectedly: ${text}` };
}
