/**
 * One core, many hosts: native C on every instruction set, the wasm variants in node and in Chromium must give the same
 * class and the same routed patches on 1,000 boards (20 of the large ones), and logits within the bound that the summed magnitude gives.  A
 * difference is allowed only where rounding decides (scores or logits within their bounds of each other), and counted.
 * Scalar C, scalar wasm and wasm SIMD sum in the same order and must agree to the bit.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { serve } from '../../build_scripts/serve.mjs';
import { PmoeEngine } from '../../web/engine/engine.js';
import { VARIANTS } from '../../web/engine/features.js';
import { openBrowser, openPage } from './browser.mjs';
import { VARIANTS as VARIANTS_IN_NODE, wasmFiles } from './engine_support.mjs';

const BOARDS = 1000;
const LARGE_BOARDS = 20; // the oracle takes a second for one
const SHEET = ['images-idx3', 'labels-idx1'].map((kind) => `weights/samples/digits-${kind}-ubyte`);
const MODELS = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint', 'mosaic10-cnn', 'mosaic10-pmoe', 'board-deep-pmoe', 'board-cnn'].filter(
    (name) => existsSync(`weights/${name}.safetensors`),
);

/** @param {string} model */
const boardsOf = (model) => (model.startsWith('board-') ? LARGE_BOARDS : BOARDS);

/** Of a model's name: the set that it knows.  @param {string} model */
const setOf = (model) => (model.startsWith('board-') ? 'mosaic64' : model.startsWith('mosaic10') ? 'mosaic10' : 'mosaic');

/**
 * @typedef {{logits: number[], picks: number[][]}} Answer
 * @typedef {Answer & {bounds: number[], margin: number}} Judgement
 */

/** What C answers, [model][board].  @param {string} isa  @returns {any[][]} */
function native(isa) {
    const options = { encoding: /** @type {const} */ ('utf8'), maxBuffer: 1 << 28 };
    return MODELS.map((name) => {
        const args = [isa, String(boardsOf(name)), ...SHEET, `weights/${name}.safetensors`];
        const lines = execFileSync('build/native/hosts/answers', args, options).trim().split('\n');
        return lines.map((line) => JSON.parse(line)).map(({ picks = [], ...rest }) => ({ picks, ...rest }));
    });
}

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
    MODELS.forEach((model, m) => {
        assert.equal(answers[m].length, boardsOf(model), `${host}: ${model}`);
        answers[m].forEach(({ logits, picks }, board) => {
            const where = `${host}, ${model}, board ${board}`;
            const judge = oracle[m][board];
            if (JSON.stringify(picks) !== JSON.stringify(judge.picks)) {
                assert.ok(judge.margin <= 0, `${where}: other patches, and no rounding explains it`);
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
    const compared = MODELS.reduce((sum, model) => sum + boardsOf(model), 0);
    t.diagnostic(`${host}: ${compared} answers; other than in double precision: ${otherPicks} routes, ${otherClasses} ` +
        `classes; largest error ${worst.toExponential(1)} of its bound`);
    assert.ok(otherPicks + otherClasses <= compared / 100, 'rounding decides hardly ever');
}

/** @param {string} host  @param {Answer[][]} answers */
function sameBits(host, answers) {
    MODELS.forEach((model, m) =>
        answers[m].forEach(({ logits, picks }, board) => {
            assert.deepEqual(logits.map(Math.fround), scalar[m][board].logits, `${host}, ${model}, board ${board}`);
            assert.deepEqual(picks, scalar[m][board].picks, `${host}, ${model}, board ${board}`);
        }),
    );
}

/** @param {import('../../web/engine/protocol.js').Prediction} prediction  @returns {Answer} */
const toAnswer = ({ logits, experts = [] }) => ({ logits, picks: experts.map(({ picks }) => picks) });

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
        for (const name of MODELS) {
            await engine.open(name, new Uint8Array(readFileSync(`weights/${name}.safetensors`)));
            const pixels = (/** @type {number} */ board) => engine.board(setOf(name), 1, board).pixels;
            answers.push(Array.from({ length: boardsOf(name) }, (_, b) => toAnswer(engine.predict([name], pixels(b))[0])));
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
        const answers = await page.evaluate(askPage, { variant, models: MODELS.map((name) => ({ name, set: setOf(name), boards: boardsOf(name) })), sheet: SHEET });
        await page.close();
        compare(`Chromium, ${variant}`, answers, t);
        if (!variant.startsWith('relaxed')) sameBits(`Chromium, ${variant}`, answers);
    });
}

/**
 * Runs in the page, through the worker, as a visitor's board does.
 * @param {{variant: string, models: {name: string, set: string, boards: number}[], sheet: string[]}} args
 */
async function askPage({ variant, models, sheet }) {
    const at = (/** @type {string} */ path) => new URL(path, document.baseURI).href;
    const { EngineClient } = await import(at('web/engine/client.js'));
    const client = new EngineClient(at('web/engine/worker.js'));
    const state = await client.call('start', { variant, threads: variant.endsWith('-threads') ? 2 : 1, wasmUrl: at('build/wasm/') });
    if (state.variant !== variant) throw new Error(`runs ${state.variant}`);
    await client.call('samples', { imagesUrl: at(sheet[0]), labelsUrl: at(sheet[1]) });
    const answers = [];
    for (const { name, set, boards } of models) {
        await client.call('open', { name, url: at(`weights/${name}.safetensors`) });
        const ofModel = [];
        for (let index = 0; index < boards; index++) {
            const { pixels } = await client.call('board', { set, seed: 1, index });
            const [{ logits, experts = [] }] = await client.call('predict', { models: [name], pixels });
            ofModel.push({ logits, picks: experts.map((/** @type {{picks: number[]}} */ expert) => expert.picks) });
        }
        answers.push(ofModel);
    }
    client.dispose();
    return answers;
}
