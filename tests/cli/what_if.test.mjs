/**
 * `pmoe predict --kept --off` as people type it: what it says, counts and refuses.  That its numbers are those of models
 * written so is tests/units/test_what_if.c's; that the page says the same, tests/web's.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PMOE = resolve(process.env.PMOE ?? join(ROOT, 'build/pmoe'));
const BOARD = 'weights/samples/board.png';

/** @param {string[]} args */
function predict(...args) {
  const { status, stdout, stderr } = spawnSync(PMOE, ['predict', BOARD, ...args], { cwd: ROOT, encoding: 'utf8', timeout: 120000 });
  return { status, stdout, stderr };
}

/** The three models' answers. @param {string[]} args @returns {any[]} */
function answers(...args) {
  const { status, stdout, stderr } = predict('--json', ...args);
  assert.deepEqual([status, stderr], [0, '']);
  return JSON.parse(stdout).pictures[0].models;
}

test('kept and off change the models that route, and only them', () => {
  const [dense, separate, joint] = answers();
  const [denseToo, changed, jointChanged] = answers('--kept', '5', '--off', 'B');
  assert.deepEqual(denseToo, dense);
  assert.deepEqual(changed.prediction.what_if, { kept: 5, off: [1], multiply_adds: changed.multiply_adds });
  assert.deepEqual(changed.prediction.experts.map((/** @type {any} */ e) => e.picks.length), [5, 0]);
  assert.deepEqual(changed.prediction.experts[0].picks.slice(0, 2), separate.prediction.experts[0].picks);
  // one expert in place of two: 16 patches of 784 pixels less to score, and 5 kept ones by 20 filters in place of 4
  assert.equal(changed.multiply_adds, separate.multiply_adds - 16 * 784 + (5 - 4) * 784 * 20);
  assert.deepEqual(jointChanged.prediction.experts.map((/** @type {any} */ e) => e.picks.length), [5, 0, 5, 5, 5, 5, 5, 5]);
  assert.equal(separate.prediction.what_if, undefined);
  assert.ok(joint.multiply_adds > jointChanged.multiply_adds);
});

test('off alone keeps the models\' own l; with all off, the output layer is left', () => {
  const [, separate] = answers('--off', 'A,B', '--model', 'weights/mosaic-cnn.safetensors', '--model', 'weights/mosaic-separate.safetensors');
  assert.deepEqual(separate.prediction.what_if, { kept: 2, off: [0, 1], multiply_adds: separate.multiply_adds });
  assert.deepEqual(separate.prediction.logits, [0]);
  assert.equal(separate.prediction.probabilities[0].probability, 0.5);
});

test('text names an expert that is off', () => {
  const { stdout } = predict('--off', 'B', '--kept', '3', '--model', 'weights/mosaic-separate.safetensors');
  assert.match(stdout, /expert A( +\d+ \(1\.000\)){3}\n +expert B +off\n/);
});

test('what makes no sense is refused with one sentence', () => {
  for (const [args, sentence] of /** @type {[string[], RegExp][]} */ ([
    [['--kept', '17'], /mosaic-separate\.safetensors: what if: kept is 17, expected 1 to 16/],
    [['--kept', '-1'], /--kept: expected a whole number from 0 to 4096/],
    [['--off', 'C'], /mosaic-separate\.safetensors: what if: an expert is off beyond the 2 of layer "experts"/],
    [['--off', 'BM'], /--off: expected letters of experts/],
    [['--off', 'a'], /found "a"/],
    [['--off', 'A,,B'], /found "A,,B"/],
    [['--off', ''], /--off: expected a value/],
    [['--off', 'A'.repeat(5000)], /--off: expected letters/],
    [['--off', 'A', '--model', 'weights/mosaic-cnn.safetensors'], /--off: expected a model that routes, found none/],
    [['--kept', '2', '--model', 'weights/mosaic-cnn.safetensors'], /--kept: expected a model that routes, found none/],
  ])) {
    const { status, stdout, stderr } = predict(...args);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^pmoe predict: [^\n]+\n$/);
    assert.match(stderr, sentence);
  }
});
