/**
 * What-ifs in the engine: every variant against the native program, in which they are tested against models written so.
 * The scalar variant must give the program's scalar answer to the last digit.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EngineClient } from '../../web/engine/client.js';
import { decodePng } from '../cli/png.mjs';
import { VARIANTS, Worker, wasmFiles } from './engine_support.mjs';

globalThis.Worker = /** @type {any} */ (Worker);
const ROOT = new URL('../../', import.meta.url);
const BOARD = 'weights/samples/board.png';
const MODELS = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint'];

/** @type {EngineClient} */
let engine;
/** @type {Uint8Array} */
let pixels;

before(() => {
  pixels = new Uint8Array(decodePng(readFileSync(new URL(BOARD, ROOT))).pixels);
  engine = new EngineClient(new URL('build/wasm/worker.js', ROOT));
});
after(() => engine?.dispose());

/** @param {string} variant */
async function start(variant) {
  await engine.call('start', { variant: /** @type {any} */ (variant), wasmBytes: wasmFiles() });
  for (const name of MODELS) {
    await engine.call('open', { name, bytes: new Uint8Array(readFileSync(new URL(`weights/${name}.safetensors`, ROOT))).buffer });
  }
}

/** The program's answers, as the engine names models. @param {string[]} args @returns {any[]} */
function natively(...args) {
  const out = execFileSync(fileURLToPath(new URL('build/pmoe', ROOT)), ['predict', BOARD, '--isa', 'scalar', '--json', ...args], { cwd: ROOT, encoding: 'utf8' });
  return JSON.parse(out).pictures[0].models.map((/** @type {any} */ model) => model.prediction);
}

const CHANGES = /** @type {[import('../../web/engine/protocol.js').WhatIf, string[]][]} */ ([
  [{ kept: 5, off: [1] }, ['--kept', '5', '--off', 'B']],
  [{ kept: 16 }, ['--kept', '16']],
  [{ off: [0] }, ['--off', 'A']],
  [{ kept: 1, off: [1, 0] }, ['--kept', '1', '--off', 'A,B']],
  [{}, []],
]);

for (const variant of VARIANTS) {
  test(`${variant}: the program's answers`, async () => {
    await start(variant);
    for (const [whatIf, args] of CHANGES) {
      const asked = { models: MODELS, pixels, whatIf: { 'mosaic-separate': whatIf, 'mosaic-joint': whatIf } };
      const found = await engine.call('predict', asked);
      const expected = natively(...args);
      if (variant === 'scalar') assert.deepEqual(found, expected);
      found.forEach((prediction, i) => {
        assert.equal(prediction.class, expected[i].class);
        assert.deepEqual(prediction.experts?.map(({ picks }) => picks), expected[i].experts?.map((/** @type {any} */ e) => e.picks));
        assert.ok(Math.abs(prediction.logits[0] - expected[i].logits[0]) <= 1e-4 * (1 + Math.abs(expected[i].logits[0])));
      });
      const { timings } = await engine.call('time', { ...asked, budgetMs: 1 });
      assert.ok(timings.every(({ medianUs, calls }) => medianUs > 0 && calls > 0));
    }
  });
}

test('a what-if is of its request alone, and a refused one changes nothing', async () => {
  await start('scalar');
  const plain = await engine.call('predict', { models: MODELS, pixels });
  const whatIf = { 'mosaic-separate': { kept: 3 } };
  assert.equal((await engine.call('predict', { models: MODELS, pixels, whatIf }))[1].what_if?.kept, 3);
  for (const [bad, sentence] of /** @type {[any, RegExp][]} */ ([
    [{ 'mosaic-separate': { kept: 17 } }, /what if: kept is 17, expected 1 to 16/],
    [{ 'mosaic-separate': { kept: -1 } }, /kept: expected an integer from 0 to 4096, found -1/],
    [{ 'mosaic-separate': { kept: 1.5 } }, /kept: expected an integer/],
    [{ 'mosaic-separate': { off: [2] } }, /an expert is off beyond the 2/],
    [{ 'mosaic-separate': { off: [64] } }, /expected an integer from 0 to 63/],
    [{ 'mosaic-separate': { off: Array(65).fill(0) } }, /off: expected at most 64 experts/],
    [{ 'mosaic-separate': { off: 'B' } }, /off: expected at most 64 experts/],
    [{ 'mosaic-separate': 5 }, /mosaic-separate: expected an object/],
    [[], /whatIf: expected an object/],
    [{ 'mosaic-cnn': { kept: 1 } }, /routes nothing/],
  ])) {
    await assert.rejects(engine.call('predict', { models: MODELS, pixels, whatIf: bad }), sentence);
    await assert.rejects(engine.call('time', { models: MODELS, pixels, whatIf: bad, budgetMs: 1 }), sentence);
  }
  assert.deepEqual(await engine.call('predict', { models: MODELS, pixels }), plain);
});
