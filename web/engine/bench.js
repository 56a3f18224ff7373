/**
 * The benchmark of `pmoe bench` in this engine's instance, a comparison at a time.
 *
 * Loaded when it is asked for: no page needs it to begin with, and the modules with its exports are other files than a
 * page's (build/wasm/bench/, for 'start').  One benchmark an instance at a time.
 *
 * @typedef {import('./core.js').Core} Core
 * @typedef {import('./engine.js').PmoeEngine} PmoeEngine
 */
import { EngineError } from './error.js';

/** In the order of enum suite_group. */
export const GROUPS = ['layers', 'networks', 'routed', 'heads', 'kernels', 'models', 'int8'];

const MOST_BATCH = 4096;
const MOST_SECONDS = 60;

/** @type {WeakMap<Core, {suite: number, count: number}>} */
const running = new WeakMap();

/** @param {string} name @param {unknown} list @param {(value: any) => boolean} fits @param {string} expected @returns {any[]} */
function listOf(name, list, fits, expected) {
  if (Array.isArray(list) && list.every(fits)) return list;
  throw new EngineError('bad-args', `${name}: expected a list of ${expected}`);
}

/** @param {unknown} value @param {number} low @param {number} high */
const isInteger = (value, low, high) => Number.isInteger(value) && Number(value) >= low && Number(value) <= high;

/** @param {PmoeEngine} engine @param {any} args */
function open(engine, { groups = GROUPS, batches = [], seconds = 1, models = [] }) {
  listOf('groups', groups, (group) => GROUPS.includes(group), GROUPS.join(', '));
  listOf('batches', batches, (batch) => isInteger(batch, 1, MOST_BATCH), `integers from 1 to ${MOST_BATCH}`);
  listOf('models', models, (name) => typeof name === 'string', 'names');
  if (!(seconds >= 0 && seconds <= MOST_SECONDS)) throw new EngineError('bad-args', `seconds: expected 0 to ${MOST_SECONDS}`);
  const { core, handles } = engine.lend(models);
  close(core);
  const { wasm } = core;
  const bits = groups.reduce((/** @type {number} */ sum, /** @type {string} */ group) => sum | (1 << GROUPS.indexOf(group)), 0);
  const ints = [...batches, ...handles, 0];
  const suite = wasm.with([4 * ints.length], 'a benchmark', (batchesAt) => {
    const modelsAt = batchesAt + 4 * batches.length;
    const suiteAt = modelsAt + 4 * handles.length;
    wasm.ints(batchesAt, ints.length).set(ints);
    wasm.checked('web_bench_open', bits, batchesAt, batches.length, seconds, modelsAt, handles.length, wasm.pool, suiteAt);
    return wasm.ints(suiteAt, 1)[0];
  });
  const count = wasm.call('web_bench_count', suite);
  running.set(core, { suite, count });
  return { titles: Array.from({ length: count }, (_, i) => wasm.json('web_bench_title', suite, i)) };
}

/** @param {Core} core */
function close(core) {
  const found = running.get(core);
  if (found) core.wasm.call('web_bench_close', found.suite);
  running.delete(core);
  return {};
}

/**
 * step 'open'    {groups?, batches?, seconds?, models?} -> {titles}: what there is to be compared
 * step 'run'     {index} -> {}: carry one comparison out; they may go in any order
 * step 'result'  {} -> {measured, rows} of all that were carried out, as `pmoe bench --json` has them
 * step 'close'   {} -> {}
 * @param {PmoeEngine} engine @param {any} args
 */
export function bench(engine, args) {
  if (args.step === 'open') return open(engine, args);
  const { core } = engine.lend([]);
  if (args.step === 'close') return close(core);
  const found = running.get(core);
  if (!found) throw new EngineError('bad-args', "no benchmark is open; step 'open' comes first");
  if (args.step === 'result') return core.wasm.json('web_bench_write', found.suite);
  if (args.step !== 'run') throw new EngineError('bad-args', 'step: expected open, run, result or close');
  if (!isInteger(args.index, 0, found.count - 1)) throw new EngineError('bad-args', `index: expected 0 to ${found.count - 1}`);
  core.wasm.checked('web_bench_run', found.suite, args.index);
  return {};
}
