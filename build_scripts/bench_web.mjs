#!/usr/bin/env node
/**
 * The comparisons of `pmoe bench` in Chromium, carried out by the same C code in the engine's worker: prints the tables
 * and keeps the results in weights/results.
 *
 *     node build_scripts/bench_web.mjs [GROUP...] [--variants relaxed,simd,relaxed-threads,simd-threads] [--threads 2]
 *                                      [--batch 1,32] [--seconds 2] [--json]
 *
 * Without groups all of them; variants with threads have layers and networks only.  --json prints the results and keeps
 * none.  Needs the modules of `make bench-web`.  Close other programs: what runs beside it is measured too.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { openBrowser, openPage } from '../tests/web/browser.mjs';
import { tables } from './bench_tables.mjs';
import { GROUPS, keep } from './results.mjs';
import { serve } from './serve.mjs';

const MODELS = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint'];
const VARIANTS = ['relaxed', 'simd', 'scalar', 'relaxed-threads', 'simd-threads'];
const THREADED_GROUPS = ['layers', 'networks'];

/** @param {string} sentence @returns {never} */
function refuse(sentence) {
  console.error(`bench_web: ${sentence}`);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    variants: { type: 'string', default: 'relaxed,simd,relaxed-threads,simd-threads' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const groups = positionals.length ? positionals : GROUPS;
const variants = values.variants.split(',');
const batches = values.batch ? values.batch.split(',').map(Number) : [];
const [seconds, threads] = [Number(values.seconds), Number(values.threads)];
if (!groups.every((group) => GROUPS.includes(group))) refuse(`expected groups of ${GROUPS.join(', ')}, found "${groups.join(' ')}"`);
if (!variants.every((variant) => VARIANTS.includes(variant))) refuse(`--variants: expected some of ${VARIANTS.join(',')}, found "${values.variants}"`);
if (!(seconds >= 0) || !Number.isInteger(threads) || threads < 2) refuse('--seconds takes a number from 0 on, --threads one from 2 on');

/** In the page: a worker with the engine, for the steps that follow. @param {any} args */
async function open({ base, variant, threads, models, options }) {
  const at = (/** @type {string} */ path) => new URL(path, base).href;
  const { EngineClient } = await import(at('web/engine/client.js'));
  const client = new EngineClient(at('web/engine/worker.js'));
  const state = await client.call('start', { variant, threads: variant.endsWith('-threads') ? threads : 0, wasmUrl: at('build/wasm/bench/') });
  for (const name of models) await client.call('open', { name, url: at(`weights/${name}.safetensors`) });
  const { titles } = await client.call('bench', { step: 'open', models, ...options });
  Object.assign(globalThis, { client });
  const { userAgent, hardwareConcurrency } = navigator;
  return { titles, state, userAgent, hardwareConcurrency, isolated: crossOriginIsolated };
}

/** In the page. @param {object} args */
const step = (args) => /** @type {any} */ (globalThis).client.call('bench', args);

/**
 * @param {import('puppeteer-core').Browser} browser @param {string} base @param {string} variant @param {string} group
 */
async function measure(browser, base, variant, group) {
  // A document of the same origin that runs nothing: index.html would time its own engine beside ours.
  const { page } = await openPage(browser, new URL('web/tokens.css', base).href);
  page.setDefaultTimeout(0);
  const models = group === 'models' ? MODELS : [];
  const found = await page.evaluate(open, { base, variant, threads, models, options: { groups: [group], batches, seconds } });
  if (found.state.variant !== variant) refuse(`the ${variant} variant does not run here: ${found.state.demoted[0]?.reason}`);
  for (const [index, title] of found.titles.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${variant}: ${title}, ${index + 1} of ${found.titles.length}`);
    await page.evaluate(step, { step: 'run', index });
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const { measured, rows } = await page.evaluate(step, { step: 'result' });
  await page.close();
  const { version, threads: running, oneThread } = found.state;
  const environment = {
    host: 'wasm', cpu: cpus()[0].model, cpus_reported: found.hardwareConcurrency, isa: measured.reference.at(-1).isa, variant,
    engine: found.userAgent, isolated: found.isolated, threads: running, one_thread: oneThread,
  };
  return {
    version: 1, kind: 'bench', pmoe: version, build: readFileSync('build/id', 'utf8').trim(),
    command: `node build_scripts/bench_web.mjs ${process.argv.slice(2).join(' ')}`.trim(),
    environment, seed: 1, seconds, measured, rows,
  };
}

const server = await serve({ port: 0 });
const chromium = await openBrowser();
try {
  const results = [];
  for (const variant of variants) {
    for (const group of groups.filter((one) => !variant.endsWith('-threads') || THREADED_GROUPS.includes(one))) {
      const result = await measure(chromium.browser, server.url, variant, group);
      if (values.json) {
        results.push(result);
        continue;
      }
      keep(result);
      console.log(tables(result));
    }
  }
  if (values.json) console.log(JSON.stringify(results));
} finally {
  await chromium.close();
  await server.close();
}
