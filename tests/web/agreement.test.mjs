/**
 * One core, many hosts: native C on every instruction set, the wasm variants in node and in Chromium must give the same
 * class and the same routes on 1,000 boards (20 of the large ones) and on photographs, and logits within what rounding
 * does.  A difference is allowed only where rounding decides (scores or logits within their bounds of each other), and
 * counted.  Scalar C, scalar wasm and wasm SIMD sum in the same order and must agree to the bit.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from '../../build_scripts/serve.mjs';
import { PmoeEngine } from '../../web/engine/engine.js';
import { VARIANTS } from '../../web/engine/features.js';
import { decodePng } from '../cli/png.mjs';
import { openBrowser, openPage } from './browser.mjs';
import { VARIANTS as VARIANTS_IN_NODE, wasmFiles } from './engine_support.mjs';

const BOARDS = 1000;
const LARGE_BOARDS = 20; // the oracle takes a second for one
const PHOTOS = 8;
const SIDE = 32; // of a photograph
const SHEET = ['images-idx3', 'labels-idx1'].map((kind) => `weights/samples/digits-${kind}-ubyte`);

/** What each model is asked about, for models there are.  @type {{name: string, set: string, count: number}[]} */
const MODELS = [
  ...['mosaic-cnn', 'mosaic-separate', 'mosaic-joint'].map((name) => ({ name, set: 'mosaic', count: BOARDS })),
  ...['mosaic10-cnn', 'mosaic10-pmoe'].map((name) => ({ name, set: 'mosaic10', count: BOARDS })),
  ...['board-deep-pmoe', 'board-cnn'].map((name) => ({ name, set: 'mosaic64', count: LARGE_BOARDS })),
  ...['wrn', 'wrn-pmoe', 'deep-pmoe', 'head-dense', 'head-soft', 'head-sparse', 'head-hard'].map((name) => ({ name: `cifar-${name}`, set: 'cifar10', count: PHOTOS })),
  ...['vehicles-wrn', 'vehicles-wrn-pmoe'].map((name) => ({ name, set: 'vehicles', count: PHOTOS })),
].filter(({ name }) => existsSync(`weights/${name}.safetensors`));

/** Photographs of a committed sheet, one line of it after the other.  @param {string} sheet  @returns {Uint8Array[]} */
function photographs(sheet) {
  const { width, channels, pixels } = decodePng(readFileSync(`weights/samples/${sheet}.png`));
  const columns = width / SIDE;
  return Array.from({ length: PHOTOS }, (_, i) => {
    const [left, top] = [(i % columns) * SIDE, Math.floor(i / columns) * SIDE];
    const rows = Array.from({ length: SIDE }, (_, y) => {
      const from = ((top + y) * width + left) * channels;
      return pixels.subarray(from, from + SIDE * channels);
    });
    return new Uint8Array(Buffer.concat(rows));
  });
}

const photos = new Map(['cifar10', 'vehicles'].map((sheet) => [sheet, photographs(sheet)]));
const folder = mkdtempSync(join(tmpdir(), 'pmoe-agreement-'));
for (const [sheet, of] of photos) writeFileSync(join(folder, sheet), Buffer.concat(of));
after(() => rmSync(folder, { recursive: true }));

/**
 * @typedef {{logits: number[], picks: number[][]}} Answer
 * @typedef {Answer & {bounds: number[], margin: number}} Judgement
 */

/** What C answers, [model][input].  @param {string} isa  @returns {any[][]} */
function native(isa) {
  const options = { encoding: /** @type {const} */ ('utf8'), maxBuffer: 1 << 28 };
  return MODELS.map(({ name, set, count }) => {
    const inputs = photos.has(set) ? ['pixels', join(folder, set)] : ['boards', ...SHEET];
    const args = [isa, String(count), ...inputs, `weights/${name}.safetensors`];
    const lines = execFileSync('build/native/hosts/answers', args, options).trim().split('\n');
    return lines.map((line) => JSON.parse(line)).map(({ picks = [], ...rest }) => ({ ...rest, picks: sorted(set, picks) }));
  });
}

/** In which order the experts of a mixture are kept decides nothing.  @param {string} set  @param {number[][]} picks */
const sorted = (set, picks) => (set === 'cifar10' && picks.length === 1 ? [[...picks[0]].sort((a, b) => a - b)] : picks);

/** The instruction sets of this build and CPU.  @returns {string[]} */
function nativeSets() {
  const all = ['scalar', 'avx2', 'avx512', 'neon'];
  return all.filter((isa) => {
    try {
      execFileSync('build/pmoe', ['self-test', '--isa', isa], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** May rounding change the class?  @param {Judgement} judge */
function roundingDecides({ logits, bounds }) {
  if (logits.length === 1) return Math.abs(logits[0]) <= bounds[0];
  const best = classOf(logits);
  return logits.some((logit, i) => i !== best && logits[best] - logit <= bounds[best] + bounds[i]);
}

/** @param {number[]} logits */
const classOf = (logits) => (logits.length === 1 ? Number(logits[0] > 0) : logits.indexOf(Math.max(...logits)));

/** @type {Judgement[][]} */
let oracle;
/** @type {Answer[][]} */
let scalar;

before(() => {
  oracle = native('oracle');
  scalar = native('scalar');
});

/** @param {string} host  @param {Answer[][]} answers  @param {import('node:test').TestContext} t */
function compare(host, answers, t) {
  let otherPicks = 0;
  let otherClasses = 0;
  let worst = 0;
  MODELS.forEach(({ name, count }, m) => {
    assert.equal(answers[m].length, count, `${host}: ${name}`);
    answers[m].forEach(({ logits, picks }, input) => {
      const where = `${host}, ${name}, input ${input}`;
      const judge = oracle[m][input];
      if (JSON.stringify(picks) !== JSON.stringify(judge.picks)) {
        assert.ok(judge.margin <= 0, `${where}: other routes, and no rounding explains it`);
        otherPicks++;
        return;
      }
      logits.forEach((logit, i) => {
        const share = Math.abs(logit - judge.logits[i]) / judge.bounds[i];
        assert.ok(share <= 1, `${where}: logit ${logit}, expected ${judge.logits[i]} within ${judge.bounds[i]}`);
        worst = Math.max(worst, share);
      });
      if (classOf(logits) !== classOf(judge.logits)) {
        assert.ok(roundingDecides(judge), `${where}: another class, and no rounding explains it`);
        otherClasses++;
      }
    });
  });
  const compared = MODELS.reduce((sum, { count }) => sum + count, 0);
  t.diagnostic(`${host}: ${compared} answers; other than in double precision: ${otherPicks} routes, ${otherClasses} ` +
    `classes; largest error ${worst.toExponential(1)} of its bound`);
  assert.ok(otherPicks + otherClasses <= compared / 100, 'rounding decides hardly ever');
}

/** @param {string} host  @param {Answer[][]} answers */
function sameBits(host, answers) {
  MODELS.forEach(({ name }, m) =>
    answers[m].forEach(({ logits, picks }, input) => {
      assert.deepEqual(logits.map(Math.fround), scalar[m][input].logits, `${host}, ${name}, input ${input}`);
      assert.deepEqual(picks, scalar[m][input].picks, `${host}, ${name}, input ${input}`);
    }),
  );
}

/** @param {string} set  @param {import('../../web/engine/protocol.js').Prediction} prediction  @returns {Answer} */
const toAnswer = (set, { logits, experts = [], mixture }) => ({ logits, picks: sorted(set, mixture ? [mixture.picks] : experts.map(({ picks }) => picks)) });

const SETS = nativeSets();
for (const isa of SETS) {
  test(`native ${isa}`, (t) => compare(`native ${isa}`, native(isa), t));
}

test('every set of this CPU took part', () => {
  assert.ok(SETS.includes('scalar') && SETS.length >= 2, SETS.join(', '));
});

for (const variant of VARIANTS_IN_NODE) {
  test(`node, ${variant}`, async (t) => {
    const engine = new PmoeEngine();
    const state = await engine.start({ variant, wasmBytes: wasmFiles() });
    assert.equal(state.variant, variant);
    engine.samples(...SHEET.map((path) => new Uint8Array(readFileSync(path))));
    /** @type {Answer[][]} */
    const answers = [];
    for (const { name, set, count } of MODELS) {
      await engine.open(name, new Uint8Array(readFileSync(`weights/${name}.safetensors`)));
      const pixels = (/** @type {number} */ i) => photos.get(set)?.[i] ?? engine.board(set, 1, i).pixels;
      answers.push(Array.from({ length: count }, (_, i) => toAnswer(set, engine.predict([name], pixels(i))[0])));
    }
    compare(`node, ${variant}`, answers, t);
    if (!variant.startsWith('relaxed')) sameBits(`node, ${variant}`, answers);
  });
}

// ---- Chromium ----

/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {Awaited<ReturnType<typeof openBrowser>>} */
let chromium;

before(async () => {
  server = await serve({ port: 0 });
  chromium = await openBrowser();
});
after(async () => {
  await chromium?.close();
  await server?.close();
});

for (const variant of VARIANTS) {
  test(`Chromium, ${variant}`, async (t) => {
    const { page } = await openPage(chromium.browser, server.url);
    const given = MODELS.map((model) => ({ ...model, photos: photos.get(model.set)?.map((pixels) => Array.from(pixels)) }));
    const predictions = await page.evaluate(askPage, { variant, models: given, sheet: SHEET });
    await page.close();
    const answers = predictions.map((of, m) => of.map((prediction) => toAnswer(MODELS[m].set, prediction)));
    compare(`Chromium, ${variant}`, answers, t);
    if (!variant.startsWith('relaxed')) sameBits(`Chromium, ${variant}`, answers);
  });
}

/**
 * Runs in the page, through the worker, as a visitor's input does.
 * @param {{variant: string, models: {name: string, set: string, count: number, photos?: number[][]}[], sheet: string[]}} args
 * @returns {Promise<import('../../web/engine/protocol.js').Prediction[][]>}
 */
async function askPage({ variant, models, sheet }) {
  const at = (/** @type {string} */ path) => new URL(path, document.baseURI).href;
  const { EngineClient } = await import(at('web/engine/client.js'));
  const client = new EngineClient(at('web/engine/worker.js'));
  const state = await client.call('start', { variant, threads: variant.endsWith('-threads') ? 2 : 1, wasmUrl: at('build/wasm/') });
  if (state.variant !== variant) throw new Error(`runs ${state.variant}`);
  await client.call('samples', { imagesUrl: at(sheet[0]), labelsUrl: at(sheet[1]) });
  const answers = [];
  for (const { name, set, count, photos } of models) {
    await client.call('open', { name, url: at(`weights/${name}.safetensors`) });
    const ofModel = [];
    for (let index = 0; index < count; index++) {
      const pixels = photos ? new Uint8Array(photos[index]) : (await client.call('board', { set, seed: 1, index })).pixels;
      const [prediction] = await client.call('predict', { models: [name], pixels });
      ofModel.push(prediction);
    }
    answers.push(ofModel);
  }
  client.dispose();
  return answers;
}
