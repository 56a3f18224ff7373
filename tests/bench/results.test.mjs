/**
 * Result files: what a run replaces and what it leaves, and routing.json's arithmetic.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tables } from '../../build_scripts/bench_tables.mjs';
import { hostOf, keep, lines, mergeRouting, mergeRuns, routingRows, runsOf, sweepRows } from '../../build_scripts/results.mjs';

/** @param {string} model @param {number} median @param {number} macs @param {object} [more] */
const row = (model, median, macs, more) => ({
  group: 'routed', comparison: 'stack16', what: 'model', model, batch: 1, isa: 'avx512', threads: 1, multiply_adds: macs,
  median_ns: median, low_ns: median, high_ns: median, time_ratio: 1000 / median, time_ratio_low: 1, time_ratio_high: 9,
  compared_with: 0, samples_ns: [median, median], ...more,
});

/** @param {string} host @param {string} isa @param {number} routedNs */
function result(host, isa, routedNs) {
  const ledger = { theory: 8, measured: 1000 / routedNs, kept: 1000 / routedNs / 8 };
  return {
    version: 1, kind: 'bench', pmoe: '0.1.0', build: 'b', command: `on ${host}`, seed: 1, seconds: 1,
    environment: { host, isa, cpu: 'some' }, measured: { clock_step_ns: 20 },
    rows: [
      row('stack16_dense', 1000, 800),
      row('stack16_l2', routedNs, 100, { n: 16, k: 4, l: 2, ledger, parts_ns: { router: 5 } }),
      row('sweep64', 5000, 300, { comparison: 'sweep', n: 64, k: 4, l: 4, compared_with: 2, parts_ns: { before: 2000, router: 1000 } }),
      row('wrn10_2', 7000, 900, { group: 'networks', comparison: 'wrn10_2', compared_with: 3 }),
    ],
  };
}

test('a result becomes a run for each group, without samples', () => {
  const runs = runsOf(result('native', 'avx512', 250));
  assert.equal(runsOf(result('native', 'avx512vnni', 250))[0].host, 'native-avx512'); /* the same kernels but for int8 */
  assert.deepEqual(runs.map(({ host, group, rows }) => [host, group, rows.length]), [
    ['native-avx512', 'networks', 1],
    ['native-avx512', 'routed', 3],
  ]);
  assert.equal(runs[1].command, 'on native');
  assert.equal(runs[1].rows[1].samples, 2);
  assert.ok(!('samples_ns' in runs[1].rows[1]) && !('compared_with' in runs[1].rows[1]));
});

test('a run replaces that of its host and group and leaves the others', () => {
  let kept = mergeRuns(null, result('native', 'avx512', 250));
  kept = mergeRuns(kept, result('native', 'avx2', 300));
  const again = result('native', 'avx512', 200);
  again.rows = again.rows.filter(({ group }) => group === 'routed');
  kept = mergeRuns(kept, again);
  const medians = kept.runs.map((/** @type {any} */ { host, group, rows }) => [host, group, rows.at(1)?.median_ns ?? rows[0].median_ns]);
  assert.deepEqual(medians, [
    ['native-avx2', 'networks', 7000],
    ['native-avx2', 'routed', 300],
    ['native-avx512', 'networks', 7000],
    ['native-avx512', 'routed', 200],
  ]);
});

test('routing rows hold a routed network beside its dense twin', () => {
  const [only, ...others] = routingRows(result('wasm', 'relaxed', 250));
  assert.equal(others.length, 0);
  assert.deepEqual(
    [only.model, only.host, only.batch, only.n, only.l, only.k, only.macs_dense, only.macs_routed, only.dense],
    ['stack16_l2', 'wasm-relaxed', 1, 16, 2, 4, 800, 100, 'stack16_dense'],
  );
  assert.deepEqual([only.ms_dense, only.ms_routed], [0.001, 0.00025]);
  assert.equal(only.kept, only.ms_dense / only.ms_routed / (only.macs_dense / only.macs_routed));
  assert.equal(only.kept, 0.5);
  assert.equal(only.kept, only.ledger.kept);
});

test('the sweep has its parts in milliseconds', () => {
  const [only] = sweepRows(result('native', 'avx512', 250));
  assert.deepEqual([only.n, only.ms, only.ms_before, only.ms_router], [64, 0.005, 0.002, 0.001]);
});

test('routing.json has both hosts, and a rewrite of one leaves the other', () => {
  let kept = mergeRouting(null, result('native', 'avx512', 250));
  kept = mergeRouting(kept, result('wasm', 'relaxed', 400));
  kept = mergeRouting(kept, result('native', 'avx512', 125));
  assert.deepEqual(kept.rows.map((/** @type {any} */ one) => [one.host, one.kept]), [
    ['native-avx512', 1],
    ['wasm-relaxed', 0.3125],
  ]);
  assert.deepEqual(kept.sweep.map((/** @type {any} */ one) => one.host), ['native-avx512', 'wasm-relaxed']);
  assert.deepEqual(Object.keys(kept.hosts), ['native-avx512', 'wasm-relaxed']);
  assert.equal(kept.hosts['wasm-relaxed'].command, 'on wasm');
});

test('files are JSON with a line for each row, and keep what is not measured again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pmoe-results-'));
  try {
    const read = (/** @type {string} */ name) => readFileSync(join(folder, name), 'utf8');
    keep(result('native', 'avx512', 250), folder);
    keep(result('wasm', 'relaxed', 400), folder);
    assert.equal(JSON.parse(read('bench-native.json')).runs.length, 2);
    assert.equal(JSON.parse(read('bench-web.json')).runs[0].host, hostOf(result('wasm', 'relaxed', 400)));
    assert.equal(JSON.parse(read('routing.json')).rows.length, 2);
    assert.equal(read('routing.json').match(/^ {2}\{"model":"stack16_l2".*\},?$/gm)?.length, 2);
    const onlyNetworks = result('native', 'avx512', 1);
    onlyNetworks.rows = onlyNetworks.rows.slice(3);
    keep(onlyNetworks, folder);
    assert.equal(JSON.parse(read('routing.json')).rows[0].kept, 0.5);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('lines round to seven digits and keep empty and plain values', () => {
  const value = { a: 1 / 3, b: [], c: {}, d: null, e: ['x', { f: 2 }] };
  assert.equal(lines(value, 9), '{\n "a": 0.3333333,\n "b": [],\n "c": {},\n "d": null,\n "e": [\n  "x",\n  {\n   "f": 2\n  }\n ]\n}');
  assert.equal(lines(value, 0), '{"a":0.3333333,"b":[],"c":{},"d":null,"e":["x",{"f":2}]}');
});

test('tables name every row, the ledger and the drift', () => {
  const shown = result('wasm', 'relaxed', 250);
  for (const one of shown.rows) Object.assign(one, { open_ns: 3e6, first_ns: 2e3, gmac_per_s: 1.5, peak_share: 0.5 });
  Object.assign(shown.rows[1], { multiply_add_ratio: 8, kept: 0.5 });
  Object.assign(shown.rows[0], { multiply_add_ratio: 1, kept: 1 });
  Object.assign(/** @type {any} */ (shown.rows[1]).ledger, { router: 0.1, top_l: 0.1, gather: 0.1, experts: 0.1, rest: 0.1 });
  Object.assign(shown.measured, { reference: [{ isa: 'relaxed', gmac_per_s: [20, 25] }], drifted: true, drift: 0.25 });
  const text = tables(shown);
  assert.match(text, /relaxed 20\.0 - 25\.0/);
  assert.match(text, /DRIFT: that is 25% apart/);
  assert.match(text, /routed stack16, batch 1, 2 samples each\n.*kept.*\n {2}stack16_dense .*1\.00\n? .*\n {2}stack16_l2 +3\.00 ms +2\.00 us +250 ns .*50\.0% +8\.00 +0\.50/);
  assert.match(text, /of the time .*rest\n {2}stack16_l2 +8\.00 +4\.00 +50\.0% +10\.0%/);
  assert.match(text, /parts +before +router.*\n {2}sweep64 +2\.00 us +1\.00 us/);
});
