/**
 * Result files of the benchmark, from runs on several hosts.
 *
 *   weights/results/bench-{native,web}.json  {version, kind, runs: [{host, group, ..., rows}]}: one run for each host and
 *                                            group of comparisons, without the single samples
 *   weights/results/routing.json             {version, kind, hosts: {name: how it was measured}, rows, sweep}: routed
 *                                            networks beside their dense twins, all hosts
 *
 * A run replaces that of the same host and group, and leaves the others.  A host is where the code ran and on which
 * instruction set or in which variant of the engine: native-avx512, wasm-relaxed.  avx512vnni is avx512 but for int8.
 * Pure functions but for `keep`.
 *
 * @typedef {Record<string, any>} Result   what `pmoe bench --json` prints, or the page's engine gives
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const GROUPS = ['layers', 'networks', 'routed', 'heads', 'kernels', 'models', 'int8'];

/** The instruction set that floats ran on. @param {Result} result */
export const floatIsa = ({ environment }) => environment.isa.replace('vnni', '');

/** @param {Result} result */
export const hostOf = (result) => `${result.environment.host}-${result.environment.variant ?? floatIsa(result)}`;

/** What is said once about all rows. @param {Result} result */
function preface({ pmoe, build, command, seed, seconds, environment, measured }) {
  return { pmoe, build, command, seed, seconds, environment, measured };
}

/** @param {Result} row */
function withoutSamples({ samples_ns: samples, compared_with: _, group: __, ...row }) {
  return { ...row, samples: samples.length };
}

/** A result as runs, one a group. @param {Result} result */
export function runsOf(result) {
  const host = hostOf(result);
  const groups = GROUPS.filter((group) => result.rows.some((/** @type {Result} */ row) => row.group === group));
  return groups.map((group) => ({
    host,
    group,
    ...preface(result),
    rows: result.rows.filter((/** @type {Result} */ row) => row.group === group).map(withoutSamples),
  }));
}

/** @param {Result | null} kept @param {Result} result @returns {Result} */
export function mergeRuns(kept, result) {
  const fresh = runsOf(result);
  const replaced = (/** @type {Result} */ run) => fresh.some(({ host, group }) => host === run.host && group === run.group);
  const runs = [...(kept?.runs ?? []).filter((/** @type {Result} */ run) => !replaced(run)), ...fresh];
  const order = (/** @type {Result} */ run) => GROUPS.indexOf(run.group);
  return { version: 1, kind: 'bench', runs: runs.sort((a, b) => a.host.localeCompare(b.host) || order(a) - order(b)) };
}

/** Rows of routed networks beside the dense one that their comparison begins with. @param {Result} result */
export function routingRows(result) {
  const host = hostOf(result);
  return result.rows
    .filter((/** @type {Result} */ row) => row.group === 'routed' && row.ledger)
    .map((/** @type {Result} */ row) => {
      const dense = result.rows[row.compared_with];
      return {
        model: row.model, host, batch: row.batch, n: row.n, l: row.l, k: row.k,
        macs_dense: dense.multiply_adds, macs_routed: row.multiply_adds,
        ms_dense: dense.median_ns / 1e6, ms_routed: row.median_ns / 1e6,
        kept: dense.median_ns / row.median_ns / (dense.multiply_adds / row.multiply_adds),
        dense: dense.model,
        time_ratio: row.time_ratio, time_ratio_low: row.time_ratio_low, time_ratio_high: row.time_ratio_high,
        ledger: row.ledger,
      };
    });
}

/** Rows of the sweep over n at fixed l, in milliseconds. @param {Result} result */
export function sweepRows(result) {
  const host = hostOf(result);
  return result.rows
    .filter((/** @type {Result} */ row) => row.comparison === 'sweep')
    .map((/** @type {Result} */ row) => ({
      model: row.model, host, batch: row.batch, n: row.n, l: row.l, k: row.k, macs: row.multiply_adds,
      ms: row.median_ns / 1e6, ms_low: row.low_ns / 1e6, ms_high: row.high_ns / 1e6,
      ...Object.fromEntries(Object.entries(row.parts_ns).map(([part, ns]) => [`ms_${part}`, ns / 1e6])),
    }));
}

/** @param {Result | null} kept @param {Result} result @returns {Result} */
export function mergeRouting(kept, result) {
  const host = hostOf(result);
  const others = (/** @type {Result[] | undefined} */ rows) => (rows ?? []).filter((row) => row.host !== host);
  const byHost = (/** @type {Result} */ a, /** @type {Result} */ b) => a.host.localeCompare(b.host);
  return {
    version: 1,
    kind: 'routing',
    hosts: { ...kept?.hosts, [host]: preface(result) },
    rows: [...others(kept?.rows), ...routingRows(result)].sort(byHost),
    sweep: [...others(kept?.sweep), ...sweepRows(result)].sort(byHost),
  };
}

/** @param {string} _ @param {unknown} value */
const rounded = (_, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value);

/**
 * JSON with a line for each member down to `depth`, so that a difference between two results can be read.
 * @param {unknown} value @param {number} depth @param {string} [indent] @returns {string}
 */
export function lines(value, depth, indent = '') {
  if (!depth || typeof value !== 'object' || !value || !Object.keys(value).length) return JSON.stringify(value, rounded);
  const inner = indent + ' ';
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const members = Object.entries(value).map(([key, member]) =>
    inner + (Array.isArray(value) ? '' : `${JSON.stringify(key)}: `) + lines(member, depth - 1, inner));
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

/** @param {string} file @param {number} depth  of its rows @param {(kept: Result | null) => Result} merge */
function update(file, depth, merge) {
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
  writeFileSync(file, lines(merge(kept), depth) + '\n');
}

/** Put a result into the files that are kept. @param {Result} result @param {string} [folder] */
export function keep(result, folder = 'weights/results') {
  const name = result.environment.host === 'native' ? 'native' : 'web';
  update(`${folder}/bench-${name}.json`, 4, (kept) => mergeRuns(kept, result));
  if (routingRows(result).length) update(`${folder}/routing.json`, 2, (kept) => mergeRouting(kept, result));
}
