/**
 * `pmoe eval --int8` and `pmoe bench --what int8` as people type them: accuracy beside that of floats, what it is
 * calibrated on, and what is refused.  That numbers are right is tests/units/test_int8.c's.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PMOE = resolve(process.env.PMOE ?? join(ROOT, 'build/pmoe'));
const BOARDS = ['eval', '--model', 'weights/board-deep-pmoe.safetensors', '--data', 'weights/samples', '--boards', '40'];

/** @type {string} */
let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pmoe-int8-'));
  for (let file = 0; file < 6; file++) {
    const rows = Buffer.from(Array.from({ length: 10 }, (_, row) => [row, ...Array.from({ length: 3072 }, (_, i) => (i * row * 7 + file * 31) % 256)]).flat());
    writeFileSync(join(folder, file ? `data_batch_${file}.bin` : 'test_batch.bin'), rows);
  }
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));

/** @param {string[]} args */
function run(args) {
  const { status, stdout, stderr } = spawnSync(PMOE, args, { cwd: ROOT, encoding: 'utf8', timeout: 120000, maxBuffer: 1 << 26 });
  return { status, stdout, stderr };
}

/** @param {string[]} args */
function succeed(args) {
  const { status, stdout, stderr } = run(args);
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
}

/** @param {string[]} args @param {RegExp} sentence */
function refuse(args, sentence) {
  const { status, stdout, stderr } = run(args);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, sentence);
}

test('boards: accuracy in int8 beside that in floats, and routing as ever', () => {
  const floats = JSON.parse(succeed([...BOARDS, '--json']));
  const int8 = JSON.parse(succeed([...BOARDS, '--int8', '--calibrate', '5', '--json']));
  assert.equal(floats.accuracy_float, undefined);
  assert.equal(floats.int8, undefined);
  assert.equal(int8.accuracy_float, floats.accuracy);
  assert.deepEqual(int8.int8, { calibrated_on: 5, layers: 3 });
  assert.equal(int8.accuracy, (100 * int8.correct) / 40);
  assert.equal(int8.multiply_adds, floats.multiply_adds);
  assert.equal(int8.experts, floats.experts);
  assert.ok(Math.abs(int8.accuracy - floats.accuracy) <= 10, `${int8.accuracy} and ${floats.accuracy}`);
  const text = succeed([...BOARDS, '--int8', '--calibrate', '5']);
  assert.match(text, /in int8: 3 convolutions, calibrated on 5 boards to train on; in floats \d+\.\d\d%\n/);
  assert.equal(succeed([...BOARDS, '--int8', '--threads', '1']), succeed([...BOARDS, '--int8', '--threads', '3']));
});

test('photographs: calibrated on those to train on alone', () => {
  const args = ['eval', '--model', 'weights/cifar-wrn.safetensors', '--data', folder, '--int8'];
  const found = JSON.parse(succeed([...args, '--calibrate', '50', '--json']));
  assert.deepEqual([found.boards, found.int8.calibrated_on, found.int8.layers], [10, 50, 16]);
  assert.match(succeed([...args, '--calibrate', '20']), /calibrated on 20 photographs to train on/);
  refuse([...args, '--calibrate', '51'], /--calibrate: there are 50 photographs, 51 were asked for/);
  refuse(args, /--calibrate: there are 50 photographs, 256 were asked for/);
  refuse([...args, '--calibrate', '0'], /--calibrate: expected/);
  rmSync(join(folder, 'data_batch_3.bin'));
  refuse([...args, '--calibrate', '20'], /expected a folder with data_batch_3\.bin, found none/);
  succeed(args.slice(0, -1));
});

test('a model without such convolutions is refused by name', () => {
  const args = ['eval', '--model', 'weights/mosaic-joint.safetensors', '--data', 'weights/samples', '--boards', '4', '--int8'];
  refuse(args, /^pmoe eval: weights\/mosaic-joint\.safetensors: int8: model "mosaic-joint" has no convolution that reads what another layer made/);
  refuse(['bench', '--what', 'int8', '--model', 'weights/mosaic-cnn.safetensors', '--seconds', '0'], /mosaic-cnn\.safetensors: int8: model/);
});

test('bench: floats and int8 of the same model side by side', () => {
  const args = ['bench', '--what', 'int8', '--model', 'weights/board-deep-pmoe.safetensors', '--batch', '1,2', '--seconds', '0'];
  const { rows } = JSON.parse(succeed([...args, '--json']));
  assert.deepEqual(rows.map((/** @type {any} */ row) => [row.group, row.model, row.batch, row.int8, row.compared_with]), [
    ['int8', 'board-deep-pmoe', 1, false, 0],
    ['int8', 'board-deep-pmoe', 1, true, 0],
    ['int8', 'board-deep-pmoe', 2, false, 2],
    ['int8', 'board-deep-pmoe', 2, true, 2],
  ]);
  assert.equal(rows[0].multiply_adds, rows[1].multiply_adds);
  for (const row of rows) assert.ok(row.time_ratio_low <= row.time_ratio && row.time_ratio <= row.time_ratio_high);
  assert.match(succeed(args), /int8 board-deep-pmoe on [a-z0-9]+, 1 thread, batch 1[^]*board-deep-pmoe, int8 /);
});
