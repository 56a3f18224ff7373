/**
 * The engine in node, with the real modules: answers against a double-precision reference, the choice and the
 * demotion of variants, failures that leave the earlier state, and the worker with its protocol.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { SMALL, VARIANTS, Worker, benchFiles, reference, smallImage, smallModel, wasmFile, wasmFiles } from './engine_support.mjs';
import { bench } from '../../web/engine/bench.js';
import { EngineClient } from '../../web/engine/client.js';
import { Core } from '../../web/engine/core.js';
import { PmoeEngine } from '../../web/engine/engine.js';
import { accepts, threadsRefused } from '../../web/engine/features.js';
import { denseModel, routedModel } from '../cli/model_file.mjs';

/** @param {typeof VARIANTS[number] | 'auto'} [variant] @param {Partial<Record<string, ArrayBuffer>>} [wasmBytes] */
async function started(variant = 'scalar', wasmBytes = wasmFiles()) {
  const engine = new PmoeEngine();
  const state = await engine.start({ variant, wasmBytes });
  return { engine, state };
}

const WORKER = new URL('../../web/engine/worker.js', import.meta.url);
const SHEET = new URL('../../weights/samples/', import.meta.url);
const sheetFile = (/** @type {string} */ kind) => new Uint8Array(readFileSync(new URL(`digits-${kind}`, SHEET)));

// ---- Modules ----

test('this node accepts the instructions of every variant, so that all are tested', () => {
  for (const variant of VARIANTS) assert.ok(accepts(variant), variant);
});

for (const variant of VARIANTS) {
  test(`the ${variant} module imports the clock alone and exports what exports.txt lists`, () => {
    const module = new WebAssembly.Module(wasmFile(variant));
    assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'env', name: 'pmoe_now_ns', kind: 'function' }]);
    const listed = readFileSync(new URL('../../src/wasm/exports.txt', import.meta.url), 'utf8').trim().split('\n');
    const exported = WebAssembly.Module.exports(module).map(({ name }) => name);
    assert.deepEqual(listed.filter((name) => !exported.includes(name)), []);
  });
}

// ---- Times: that they are there and of what, not how long they are ----

test('the benchmark runs in its own modules, a comparison at a time, and its result is that of the native one', async () => {
  const { engine } = await started('simd', benchFiles());
  await engine.open('mine', smallModel());
  const { titles } = bench(engine, { step: 'open', groups: ['models', 'kernels'], batches: [1, 2], seconds: 0, models: ['mine'] });
  assert.equal(titles.length, 3);
  assert.match(titles[1], /^models .*batch 1$/);
  titles.forEach((_, index) => bench(engine, { step: 'run', index }));
  const { measured, rows } = bench(engine, { step: 'result' });
  assert.ok(measured.clock_step_ns > 0);
  assert.deepEqual(measured.reference.map(({ isa }) => isa), ['scalar', 'simd128']);
  for (const row of rows) {
    assert.ok(row.samples_ns.length >= 7 && row.median_ns > 0 && row.peak_share > 0 && row.multiply_adds > 0);
    assert.ok(row.time_ratio_low <= row.time_ratio_high && row.threads === 1);
  }
  assert.deepEqual([...new Set(rows.map(({ group }) => group))], ['kernels', 'models']);
  assert.deepEqual([...new Set(rows.filter(({ what }) => what === 'kernel').map(({ isa }) => isa))], ['simd128', 'scalar']);
  assert.deepEqual(rows.filter(({ what }) => what === 'model').map(({ batch }) => batch), [1, 2]);
  bench(engine, { step: 'close' });
  assert.throws(() => bench(engine, { step: 'result' }), /open/);
});

test('the benchmark makes its networks itself', async () => {
  const { engine } = await started('simd', benchFiles());
  const { titles } = bench(engine, { step: 'open', groups: ['heads'], batches: [1], seconds: 0 });
  bench(engine, { step: 'run', index: titles.findIndex((title) => title === 'heads head, batch 1') });
  const { rows } = bench(engine, { step: 'result' });
  assert.deepEqual(rows.map(({ model, multiply_adds: macs }) => [model, macs]), [
    ['head_dense', 267264],
    ['head_soft', 271360],
    ['head_top2', 70912],
    ['head_hard', 37504],
  ]);
  assert.ok(rows[2].ledger.theory > 3.7 && rows[2].parts_ns.router > 0);
});

for (const variant of ['simd', 'relaxed']) {
  test(`the benchmark has networks in floats and in eight bits in the ${variant} variant`, async () => {
    const { engine } = await started(variant, benchFiles());
    const { titles } = bench(engine, { step: 'open', groups: ['int8'], batches: [1], seconds: 0 });
    assert.deepEqual(titles, ['int8 wrn10_2, batch 1', 'int8 wrn10_4, batch 1', 'int8 resnet18, batch 1']);
    bench(engine, { step: 'run', index: 0 });
    const { rows } = bench(engine, { step: 'result' });
    assert.deepEqual(rows.map(({ model, int8 }) => [model, int8]), [['wrn10_2', false], ['wrn10_2', true]]);
    assert.equal(rows[0].multiply_adds, rows[1].multiply_adds);
  });
}

test('what the benchmark is asked for is checked', async () => {
  const { engine } = await started('simd', benchFiles());
  const refused = (/** @type {object} */ args, /** @type {RegExp} */ sentence) => assert.throws(() => bench(engine, args), sentence);
  refused({ step: 'run', index: 0 }, /no benchmark is open/);
  refused({ step: 'open', groups: ['sorts'] }, /groups: expected a list of layers, networks/);
  refused({ step: 'open', batches: [0] }, /batches: expected a list of integers/);
  refused({ step: 'open', batches: [1, 2, 3, 4, 5, 6, 7, 8, 9], seconds: 0 }, /at most 8 batches/);
  refused({ step: 'open', seconds: -1 }, /seconds: expected 0 to 60/);
  refused({ step: 'open', models: ['other'] }, /there is no model "other"/);
  bench(engine, { step: 'open', groups: ['heads'], seconds: 0 });
  refused({ step: 'run', index: 99 }, /index: expected 0 to/);
  refused({ step: 'dance' }, /step: expected open, run, result or close/);
});

// ---- Answers ----

for (const variant of VARIANTS) {
  test(`the ${variant} variant agrees with the double-precision reference`, async () => {
    const { engine, state } = await started(variant);
    assert.equal(state.variant, variant);
    assert.deepEqual(state.demoted, []);
    assert.ok(state.checks > 100, `${state.checks} checks`);
    assert.equal(state.wasmBytes, wasmFile(variant).byteLength);
    const opened = await engine.open('mine', smallModel());
    assert.deepEqual(opened.model.classes, ['no', 'yes']);
    assert.equal(opened.golden, false);
    for (let seed = 1; seed <= 20; seed++) {
      const expected = reference(smallImage(seed));
      const [found] = engine.predict(['mine'], smallImage(seed));
      assert.equal(found.model, 'mine');
      assert.ok(Math.abs(found.logits[0] - expected.logit) < 1e-5, `${found.logits[0]}, expected ${expected.logit}`);
      assert.equal(found.class, expected.logit > 0 ? 'yes' : 'no');
      assert.deepEqual(found.experts?.map(({ picks }) => picks), expected.experts.map(({ picks }) => picks));
      found.experts?.forEach(({ gates, scores }, s) => {
        gates.forEach((gate, i) => assert.ok(Math.abs(gate - expected.experts[s].gates[i]) < 1e-5));
        assert.equal(scores.length, SMALL.patches);
        scores.forEach((score, j) => assert.ok(Math.abs(score - expected.experts[s].scores[j]) < 1e-5));
      });
    }
  });
}

test('several models answer in the order asked, a dense one without experts', async () => {
  const { engine } = await started();
  await engine.open('dense', new Uint8Array(denseModel()));
  await engine.open('routed', new Uint8Array(routedModel()));
  const pixels = new Uint8Array(112 * 112).fill(100);
  const answers = engine.predict(['routed', 'dense', 'routed'], pixels);
  assert.deepEqual(answers.map(({ model }) => model), ['routed', 'dense', 'routed']);
  assert.equal(answers[1].experts, undefined);
  assert.equal(answers[0].experts?.length, 2);
  assert.deepEqual(answers[0], answers[2]);
});

test('timing gives each model positive times in order of size', async () => {
  const { engine } = await started('simd');
  await engine.open('a', smallModel());
  await engine.open('b', smallModel());
  for (const batch of [1, 3]) {
    const { clockStepUs, timings } = engine.time(['b', 'a'], smallImage(1), { budgetMs: 20, batch });
    assert.ok(clockStepUs > 0);
    assert.deepEqual(timings.map(({ model }) => model), ['b', 'a']);
    for (const { firstUs, lowUs, medianUs, highUs, samples, calls } of timings) {
      assert.ok(firstUs > 0 && lowUs > 0 && lowUs <= medianUs && medianUs <= highUs);
      assert.ok(samples >= 7 && calls >= 1);
    }
  }
});

test('digits and boards come from the sheet; the same call gives the same board', async () => {
  const { engine } = await started();
  assert.throws(() => engine.sampleDigit(0), /no sheet of digits is open/);
  const count = engine.samples(sheetFile('images-idx3-ubyte'), sheetFile('labels-idx1-ubyte'));
  const labels = sheetFile('labels-idx1-ubyte').subarray(8);
  const images = sheetFile('images-idx3-ubyte').subarray(16);
  assert.equal(count, labels.length);
  const last = engine.sampleDigit(count - 1);
  assert.equal(last.label, labels[count - 1]);
  assert.deepEqual(last.pixels, images.slice((count - 1) * 784));
  assert.throws(() => engine.sampleDigit(count), new RegExp(`0 to ${count - 1}, found ${count}`));
  const board = engine.board('mosaic', 5, 8);
  assert.deepEqual(engine.board('mosaic', 5, 8), board);
  assert.notDeepEqual(engine.board('mosaic', 6, 8).pixels, board.pixels);
  const { label, patch, digits } = board.truth;
  assert.equal(labels[digits[patch]], label);
  digits.forEach((digit, cell) => cell !== patch && assert.ok(labels[digit] >= 2));
  assert.throws(() => engine.samples(sheetFile('images-idx3-ubyte').subarray(1), sheetFile('labels-idx1-ubyte')));
  assert.deepEqual(engine.board('mosaic', 5, 8), board, 'a refused sheet leaves the earlier one');
});

test('a drawing becomes a centred digit, and nothing stays nothing', async () => {
  const { engine } = await started();
  const ink = new Uint8Array(100 * 80);
  assert.equal(engine.digit(ink, 100, 80).empty, true);
  for (let y = 10; y < 50; y++) ink.fill(255, y * 100 + 60, y * 100 + 70); // upper right
  const { pixels, empty } = engine.digit(ink, 100, 80);
  assert.equal(empty, false);
  const total = pixels.reduce((sum, value) => sum + value, 0);
  const meanOf = (/** @type {(i: number) => number} */ at) => pixels.reduce((sum, value, i) => sum + value * at(i), 0) / total;
  assert.ok(Math.abs(meanOf((i) => i % 28) - 13.5) <= 1 && Math.abs(meanOf((i) => Math.floor(i / 28)) - 13.5) <= 1);
});

test('a light picture is inverted, a dark one is not', async () => {
  const { engine } = await started();
  const rgba = new Uint8Array(8 * 8 * 4).fill(255);
  const light = engine.boardFromRgba(rgba, 8, 8);
  assert.deepEqual([light.inverted, light.pixels.every((value) => value === 0)], [true, true]);
  for (let i = 0; i < rgba.length; i += 4) rgba.fill(10, i, i + 3);
  const dark = engine.boardFromRgba(rgba, 8, 8);
  assert.deepEqual([dark.inverted, dark.pixels.every((value) => value === 10)], [false, true]);
  assert.deepEqual(['mosaic10', 'mosaic64'].map((set) => engine.boardFromRgba(rgba, 8, 8, set).pixels.length), [112 * 112, 224 * 224]);
});

test('a picture becomes a photograph: cropped to a square, averaged, over black, never inverted', async () => {
  const { engine } = await started();
  const [width, height] = [66, 64];
  const rgba = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) - 1, Math.floor(i / width)]; // one column on either side is cropped
    rgba.set(x < 0 || x === 64 ? [255, 255, 255, 255] : [x % 2 ? 250 : 240, 4 * (y >> 1), 200, x < 32 ? 255 : 51], 4 * i);
  }
  const { pixels } = engine.photoFromRgba(rgba, width, height);
  const expected = Array.from({ length: 32 * 32 }, (_, i) => [245, 4 * (i >> 5), 200].map((v) => Math.floor((i % 32 < 16 ? v : v / 5) + 0.5)));
  assert.deepEqual(Array.from(pixels), expected.flat());
});

// ---- Variants that do not run ----

const encode = (/** @type {string} */ text) => /** @type {ArrayBuffer} */ (new TextEncoder().encode(text).buffer);

/** @type {[string, ArrayBuffer, RegExp][]} */
const BROKEN = [
  ['a web page', encode('<!DOCTYPE html><html><title>404</title></html>'), /relaxed variant: the server sent a web page/],
  ['some text', encode('not found, sorry'), /expected a WebAssembly module \(00 61 73 6d\), found 6e 6f 74 20/],
  ['nothing', new ArrayBuffer(0), /found an empty file/],
  ['half a module', wasmFile('relaxed').slice(0, 5000), /this browser does not accept it/],
];

for (const [what, bytes, sentence] of BROKEN) {
  test(`${what} in place of a module: the next variant runs and the sentence says why`, async () => {
    const { state } = await started('auto', { ...wasmFiles(), relaxed: bytes });
    assert.equal(state.variant, 'simd');
    assert.deepEqual(state.demoted.map(({ variant }) => variant), ['relaxed-threads', 'relaxed', 'simd-threads']);
    assert.match(state.demoted[1].reason, sentence);
  });
}

test('when no variant loads, the last error is told', async () => {
  await assert.rejects(started('auto', { relaxed: encode('x'), simd: encode('y'), scalar: encode('<html>') }), {
    code: 'not-wasm',
    message: /The scalar variant: the server sent a web page/,
  });
});

test('only what was asked for and what is below it is tried', async () => {
  const { state } = await started('simd', { relaxed: wasmFile('relaxed'), scalar: wasmFile('scalar') });
  assert.equal(state.variant, 'scalar');
  assert.deepEqual(state.demoted.map(({ variant }) => variant), ['simd']);
});

test('a module that computes wrongly fails its self-test and is demoted, kernel named', async () => {
  const wrong = new Uint8Array(wasmFile('simd'));
  let changed = 0;
  for (let i = 0; i + 2 < wrong.length; i++) {
    if (wrong[i] !== 0xfd || wrong[i + 1] !== 0xe6 || wrong[i + 2] !== 0x01) continue; // f32x4.mul
    wrong[i + 1] = 0xe4; // f32x4.add
    changed++;
  }
  assert.ok(changed > 0);
  const { state } = await started('simd', { ...wasmFiles(), simd: wrong.buffer });
  assert.equal(state.variant, 'scalar');
  assert.match(state.demoted[0].reason, /^The simd variant fails its self-test in this browser: .*(patch|gated|axpy|relu)/);
});

// ---- Golden outputs ----

/** Metadata with golden outputs. @param {number} seed @param {number} logit @param {number} bound @param {number[][]} picks */
const golden = (seed, logit, bound, picks) => ({
  'pmoe.golden': JSON.stringify({ seed, logits: [logit], bounds: [bound], picks }),
});

/**
 * What a variant makes of the test input, read from the sentence with which it refuses a wrong expectation.
 * @param {typeof VARIANTS[number]} variant @param {number} seed @returns {Promise<{logit: number, picks: number[][]}>}
 */
async function goldenOf(variant, seed) {
  const core = await Core.load(new Uint8Array(wasmFile(variant)), variant);
  /** @type {number[][]} */
  const picks = [[0, 0, 0], [0, 0, 0]];
  for (let tries = 0; tries <= SMALL.experts * SMALL.kept; tries++) {
    let sentence = '';
    try {
      core.openModel(smallModel(golden(seed, 1e6, 0, picks)));
    } catch (error) {
      sentence = /** @type {Error} */ (error).message;
    }
    const wrong = sentence.match(/expert (\d+) kept patch (\d+) as its number (\d+)/);
    if (!wrong) return { logit: Math.fround(Number(sentence.match(/logit 0 is (\S+),/)?.[1])), picks };
    picks[Number(wrong[1])][Number(wrong[3])] = Number(wrong[2]);
  }
  return assert.fail('no logit was named');
}

test('golden outputs that are reproduced are reported', async () => {
  const { engine } = await started('relaxed');
  const { logit, picks } = await goldenOf('relaxed', 1);
  const opened = await engine.open('good', smallModel(golden(1, logit, 1e-5, picks)));
  assert.equal(opened.golden, true);
  assert.equal(opened.engine, undefined);
});

test('a file whose golden outputs no variant reproduces is refused; the variant stays', async () => {
  const { engine } = await started('relaxed');
  await engine.open('mine', smallModel());
  const before = engine.predict(['mine'], smallImage(1));
  const { picks } = await goldenOf('relaxed', 1);
  await assert.rejects(engine.open('bad', smallModel(golden(1, 99, 0.5, picks))), {
    code: 'checksum mismatch',
    message: /model "bad".*logit 0 is .*, expected 99/,
  });
  const opened = await engine.open('mine', smallModel());
  assert.equal(opened.model.isa, 'relaxed');
  assert.deepEqual(engine.predict(['mine'], smallImage(1)), before);
});

test('a variant that alone disagrees with golden outputs is demoted; models and sheet move along', async () => {
  let seed = 1; // of an input on which rounding differs
  let exact = await goldenOf('scalar', seed);
  while ((await goldenOf('relaxed', seed)).logit === exact.logit) {
    assert.ok(++seed < 100, 'relaxed SIMD rounds differently, or this proves nothing');
    exact = await goldenOf('scalar', seed);
  }
  const { engine } = await started('relaxed');
  await engine.open('first', smallModel());
  engine.samples(sheetFile('images-idx3-ubyte'), sheetFile('labels-idx1-ubyte'));
  const opened = await engine.open('second', smallModel(golden(seed, exact.logit, 0, exact.picks)));
  assert.equal(opened.golden, true);
  const demoted = opened.engine?.demoted ?? [];
  assert.equal(demoted[0].variant, 'relaxed');
  assert.match(demoted[0].reason, /relaxed variant, model "second".*logit 0/);
  assert.notEqual(opened.engine?.variant, 'relaxed');
  assert.notEqual(opened.model.isa, 'relaxed');
  const [first, second] = engine.predict(['first', 'second'], smallImage(4));
  assert.deepEqual(first.logits, second.logits);
  assert.equal(engine.sampleDigit(0).pixels.length, 784);
});

// ---- State after failures ----

test('a failed open leaves the model that had the name', async () => {
  const { engine } = await started();
  await engine.open('mine', smallModel());
  const before = engine.predict(['mine'], smallImage(2));
  const file = smallModel();
  for (let bytes = 0; bytes < file.length; bytes += 97) {
    await assert.rejects(engine.open('mine', file.slice(0, bytes)), /^EngineError: model "mine": ./);
  }
  assert.deepEqual(engine.predict(['mine'], smallImage(2)), before);
});

test('a file beyond the memory of the engine is refused, and the engine goes on', async () => {
  const { engine } = await started();
  await engine.open('mine', smallModel());
  await assert.rejects(engine.open('huge', new Uint8Array(300 << 20)), { code: 'memory' });
  assert.equal(engine.predict(['mine'], smallImage(1)).length, 1);
});

test('opening and closing two hundred times takes no more memory than once', async () => {
  const { engine } = await started();
  const file = smallModel();
  await engine.open('mine', file);
  const huge = 100 << 20; // fits only as long as nothing of this size is kept
  for (let i = 0; i < 200; i++) {
    await engine.open('mine', file);
    if (i % 50 === 0) await assert.rejects(engine.open('huge', new Uint8Array(huge)), { code: 'not in the expected format' });
  }
  engine.close('mine');
  assert.throws(() => engine.predict(['mine'], smallImage(1)), /there is no model "mine"; open: none/);
});

test('starting again with another variant keeps the models; a failed start keeps the engine', async () => {
  const { engine } = await started('scalar');
  await engine.open('mine', smallModel());
  const before = engine.predict(['mine'], smallImage(3));
  await engine.start({ variant: 'simd', wasmBytes: wasmFiles() });
  assert.equal((await engine.open('other', smallModel())).model.isa, 'simd128');
  assert.equal(engine.predict(['mine'], smallImage(3))[0].index, before[0].index);
  await assert.rejects(engine.start({ variant: 'scalar', wasmBytes: { scalar: encode('<html>') } }), { code: 'not-wasm' });
  assert.equal(engine.predict(['mine', 'other'], smallImage(3)).length, 2);
});

// ---- The worker and its protocol ----

globalThis.Worker = /** @type {any} */ (Worker);

/** @type {EngineClient} */
let client;
before(() => {
  client = new EngineClient(WORKER);
});
after(() => client.dispose());

test('the worker starts, opens, predicts and closes', async () => {
  const state = await client.call('start', { variant: 'auto', wasmBytes: wasmFiles() });
  assert.equal(state.variant, 'relaxed');
  const file = smallModel();
  const bytes = /** @type {ArrayBuffer} */ (file.buffer.slice(0, file.length));
  const opened = await client.call('open', { name: 'mine', bytes }, { transfer: [bytes] });
  assert.equal(bytes.byteLength, 0, 'the file was transferred');
  assert.equal(opened.bytes, file.length);
  const [answer] = await client.call('predict', { models: ['mine'], pixels: smallImage(1) });
  assert.deepEqual(answer.experts?.[0].picks, reference(smallImage(1)).experts[0].picks);
  await client.call('close', { name: 'mine' });
  await assert.rejects(client.call('predict', { models: ['mine'], pixels: smallImage(1) }), { code: 'bad-args' });
});

/** @type {[string, any, RegExp][]} */
const REFUSED = [
  ['start', { variant: 'best', wasmUrl: '/w/' }, /variant: expected auto, relaxed-threads, relaxed, simd-threads, simd, scalar, found "best"/],
  ['start', { variant: 'auto', threads: 17, wasmUrl: '/w/' }, /threads: expected an integer from 0 to 16, found 17/],
  ['start', { variant: 'auto' }, /wasmUrl: expected a URL, found undefined/],
  ['open', { name: '', bytes: new ArrayBuffer(1) }, /name: expected 1 to 200 characters, found ""/],
  ['open', { name: 'x', bytes: 'text' }, /bytes: expected bytes, found "text"/],
  ['open', { name: 'x', bytes: new ArrayBuffer((64 << 20) + 1) }, /expected at most 67108864 bytes, found 67108865/],
  ['predict', { models: [], pixels: new Uint8Array(4) }, /models: expected 1 to 64 names, found an array/],
  ['predict', { models: ['small', 7], pixels: new Uint8Array(4) }, /1: expected 1 to 200 characters, found 7/],
  ['predict', { models: ['small'], pixels: new Uint8Array(4) }, /pixels for "small": expected 12 x 12 x 1 = 144 bytes, found 4/],
  ['time', { models: ['small'], pixels: new Uint8Array(144), budgetMs: 1e9 }, /budgetMs: expected an integer from 1 to 60000/],
  ['time', { models: ['small'], pixels: new Uint8Array(144), batch: 0 }, /batch: expected an integer from 1 to 256, found 0/],
  ['sampleDigit', { index: -1 }, /index: expected an integer from 0/],
  ['board', { set: 'chess', seed: 1, index: 1 }, /set: expected mosaic, mosaic10, mosaic64, found "chess"/],
  ['board', { set: 'mosaic', seed: 0.5, index: 1 }, /seed: expected an integer/],
  ['digit', { ink: new Uint8Array(5), width: 2, height: 3 }, /ink: expected 2 x 3 x 1 = 6 bytes, found 5/],
  ['boardFromRgba', { rgba: new Uint8Array(4), width: 1e6, height: 1 }, /width: expected an integer from 1 to 65536/],
  ['boardFromRgba', { rgba: new Uint8Array(4), width: 1, height: 1, set: 'cifar10' }, /set: expected mosaic, mosaic10, mosaic64, found "cifar10"/],
  ['photoFromRgba', { rgba: new Uint8Array(5), width: 1, height: 1 }, /rgba: expected 1 x 1 x 4 = 4 bytes, found 5/],
  ['close', null, /args: expected an object, found null/],
];

test('senseless arguments are refused with name, expectation and finding', async () => {
  await client.call('start', { variant: 'scalar', wasmBytes: wasmFiles() });
  await client.call('open', { name: 'small', bytes: /** @type {any} */ (smallModel()) });
  for (const [op, args, message] of REFUSED) {
    await assert.rejects(client.call(/** @type {any} */ (op), args), { code: 'bad-args', message }, `${op} ${message}`);
  }
  for (const op of ['launch', 'constructor', '__proto__', 7]) {
    await assert.rejects(client.call(/** @type {any} */ (op), {}), { code: 'unknown-op' });
  }
});

test('a request with a signal that was aborted before is not sent', async () => {
  await assert.rejects(client.call('close', { name: 'small' }, { signal: AbortSignal.abort() }), { code: 'aborted' });
  assert.equal((await client.call('predict', { models: ['small'], pixels: smallImage(1) })).length, 1);
});

test('what cannot be sent is refused at once', async () => {
  await assert.rejects(client.call('close', /** @type {any} */ ({ name: () => 1 })), { code: 'bad-args' });
});

test('disposing rejects what is pending and what comes later', async () => {
  const other = new EngineClient(WORKER);
  other.addEventListener('died', () => assert.fail('disposing is no accident'));
  const pending = other.call('start', { variant: 'auto', wasmBytes: wasmFiles() });
  other.dispose();
  await assert.rejects(pending, { code: 'worker' });
  await assert.rejects(other.call('close', { name: 'x' }), { code: 'worker', message: /disposed/ });
});

test('a worker that cannot be loaded is reported by an event, and by every call', async () => {
  const other = new EngineClient(new URL('no-such-worker.js', WORKER));
  const died = new Promise((resolve) => other.addEventListener('died', resolve));
  await assert.rejects(other.call('close', { name: 'x' }), { code: 'worker' });
  assert.equal(/** @type {any} */ (await died).error.code, 'worker');
  await assert.rejects(other.call('close', { name: 'x' }), { code: 'worker' });
});
