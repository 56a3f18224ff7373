/**
 * `make bench-peers` end to end, for so short a time that its figures mean nothing: every runtime starts, gives our
 * logits (the script ends with an error otherwise) and has its place in every row.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { median, ratioOf } from '../../build_scripts/peers/statistics.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

test('a routed and a dense network in every runtime, on two threads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pmoe-peers-'));
  try {
    const out = join(folder, 'peers.json');
    const args = ['build_scripts/bench_peers.mjs', '--models', 'patch_moe,wrn10_2', '--threads', '2', '--seconds', '0.001', '--out', out];
    const { status, stderr } = spawnSync('node', args, { cwd: ROOT, encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const { kind, rows, environment } = JSON.parse(readFileSync(out, 'utf8'));
    assert.equal(kind, 'bench peers');
    assert.equal(environment.isolated, true);
    const forms = (/** @type {string} */ name) => ['naive', 'shared', 'batched'].map((form) => `${name} ${form}`);
    const found = rows.map((/** @type {any} */ row) => [row.model, row.host, row.threads, Object.keys(row.peers)]);
    const expected = [
      ['patch_moe', 'wasm', 2, [...forms('onnxruntime-web'), 'tfjs-wasm']],
      ['wrn10_2', 'wasm', 2, ['onnxruntime-web', 'tfjs-wasm']],
      ['patch_moe', 'native', 2, forms('onnxruntime-node')],
      ['wrn10_2', 'native', 2, ['onnxruntime-node']],
    ];
    assert.deepEqual(found, expected);
    for (const row of rows) {
      assert.ok(row.best in row.peers);
      assert.equal(row.ratio_to_best, Math.min(...Object.keys(row.peers).map((name) => row.ratios[name].ratio)));
      assert.ok(row.largest_difference <= 1e-4 && row.ours_ms > 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a ratio is that of the medians, inside its interval, and drift that hits both does not widen it', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  const drift = Array.from({ length: 41 }, (_, i) => 1 + i / 10);
  const { ratio, low, high } = ratioOf(drift.map((value) => 3 * value), drift);
  assert.ok([ratio, low, high].every((value) => Math.abs(value - 3) < 1e-12));
  const noise = drift.map((_, i) => 1 + ((i * 17) % 41) / 100);
  const apart = ratioOf(noise, [...noise].reverse());
  assert.ok(apart.low < apart.ratio && apart.ratio < apart.high);
  assert.deepEqual(ratioOf(noise, drift), ratioOf(noise, drift));
});
