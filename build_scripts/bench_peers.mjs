// The same models and weights in our engine and in others, interleaved: ONNX Runtime Web and TensorFlow.js (wasm) in one
// worker of Chromium, onnxruntime-node in this process.
//
//     node build_scripts/bench_peers.mjs [--models wrn10_2,...] [--hosts wasm,native] [--threads 1,2] [--batch 1]
//                                        [--seconds 4] [--out FILE]
//
// Every contender first gives our logits to within TOLERANCE.  Ratios are a peer's median over ours, with an interval
// that holds it with a probability of 95 %.  Close other programs: what runs beside it is measured too.  `make
// bench-peers` builds what this needs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, machine, release, type } from 'node:os';
import { parseArgs } from 'node:util';
import { openBrowser, openPage } from '../tests/web/browser.mjs';
import { compete } from './peers/native.mjs';
import { clockStep } from './peers/measure.js';
import { median, ratioOf } from './peers/statistics.mjs';
import { HEADERS, serve } from './serve.mjs';

const FOLDER = 'build/peers';
const MODELS = ['wrn10_2', 'wrn10_4', 'resnet18', 'conv64_32', 'conv128_16', 'patch_cnn', 'patch_moe', 'head_dense', 'head_top2'];
/** How a peer is given a routed model: suffix of its name to an option of `pmoe export`. @type {Record<string, Record<string, string[]>>} */
const FORMS = { patch_moe: { ' naive': ['--naive'], ' shared': [], ' batched': ['--batched'] } };
/** Another network of ours on the same images, timed beside. @type {Record<string, string>} */
const ALSO = { patch_moe: 'patch_cnn' };
const TOLERANCE = 1e-4; // of the largest logit: Winograd and another order of summation on both sides
const REST_MS = 50; // thread pools of others spin after their work
const PEERS = ['onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'];

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: MODELS.join(',') },
    hosts: { type: 'string', default: 'wasm,native' },
    threads: { type: 'string', default: '1,2' },
    batch: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '4' },
    out: { type: 'string' },
  },
});
const list = (/** @type {string} */ text) => text.split(',');
const [models, hosts, threads, batches] = [list(values.models), list(values.hosts), list(values.threads).map(Number), list(values.batch).map(Number)];
const seconds = Number(values.seconds);
if (![...threads, ...batches, seconds].every((value) => value > 0) || !hosts.every((host) => ['wasm', 'native'].includes(host))) {
  console.error('bench_peers: --threads, --batch and --seconds take numbers above 0, --hosts wasm and native');
  process.exit(1);
}

const pmoe = (/** @type {string[]} */ ...args) => execFileSync('build/pmoe', args, { encoding: 'utf8' });

/** The files of one network. @param {string} name */
function files(name) {
  const weights = `${FOLDER}/${name}.safetensors`;
  pmoe('export', '--safetensors', '--network', name, '--out', weights);
  /** @type {Record<string, string>} */
  const forms = {};
  for (const [form, options] of Object.entries(FORMS[name] ?? { '': [] })) {
    forms[form] = `${FOLDER}/${name}${form.replace(' ', '-')}.onnx`;
    pmoe('export', '--onnx', ...options, '--network', name, '--out', forms[form]);
  }
  const also = ALSO[name] && { name: `pmoe ${ALSO[name]}`, weights: `${FOLDER}/${ALSO[name]}.safetensors` };
  if (also) pmoe('export', '--safetensors', '--network', ALSO[name], '--out', also.weights);
  return { weights, forms, also };
}

/** @param {any} place model, host, threads, batch @param {any} result of compete */
function rowOf(place, { samples, differences, skipped, multiplyAdds, isa }) {
  const ms = (/** @type {string} */ name) => Number(median(samples[name]).toPrecision(5));
  const others = Object.keys(samples).filter((name) => name !== 'pmoe');
  const isPeer = (/** @type {string} */ name) => !name.startsWith('pmoe');
  const ratios = Object.fromEntries(others.map((name) => [name, ratioOf(samples[name], samples.pmoe)]));
  const peers = others.filter(isPeer);
  const best = peers.reduce((one, other) => (ratios[other].ratio < ratios[one].ratio ? other : one));
  return {
    ...place,
    ...(isa && { isa }),
    multiply_adds: multiplyAdds,
    rounds: samples.pmoe.length,
    ours_ms: ms('pmoe'),
    peers: Object.fromEntries(peers.map((name) => [name, ms(name)])),
    best,
    ratio_to_best: ratios[best].ratio,
    ratio_low: ratios[best].low,
    ratio_high: ratios[best].high,
    ratios,
    ours_else_ms: Object.fromEntries(others.filter((name) => !isPeer(name)).map((name) => [name, ms(name)])),
    largest_difference: Math.max(...Object.values(differences)),
    skipped,
  };
}

/** @param {any} row */
function print(row) {
  const time = (/** @type {number} */ ms) => (ms < 1 ? `${(1000 * ms).toFixed(1)} us` : `${ms.toFixed(2)} ms`);
  const gflops = ((2 * row.multiply_adds * row.batch) / row.ours_ms / 1e6).toFixed(1);
  console.log(`${row.model}, ${row.host}, ${row.threads} thread${row.threads > 1 ? 's' : ''}, batch ${row.batch}: ${time(row.ours_ms)} (${gflops} GFLOP/s)`);
  for (const [name, { ratio, low, high }] of Object.entries(row.ratios))
    console.log(`    ${name.padEnd(26)} ${time(row.peers[name] ?? row.ours_else_ms[name]).padStart(10)}   ${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})${name === row.best ? '  best' : ''}`);
  for (const reason of row.skipped) console.log(`    left out: ${reason}`);
}

/** Runs in the page: one worker, kept in `window`. */
function inWorker({ url, op, args }) {
  /** @type {any} */
  const scope = window;
  scope.worker ??= new Worker(url);
  return new Promise((resolve, reject) => {
    scope.worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
    scope.worker.onerror = (event) => reject(new Error(event.message));
    scope.worker.postMessage({ op, args });
  });
}

/** @param {Record<string, any>} sources @param {(row: any) => void} keep */
async function inChromium(sources, keep) {
  const folders = ['/node_modules/onnxruntime-web/dist/', '/node_modules/@tensorflow/', '/build_scripts/peers/', `/${FOLDER}/`];
  // TensorFlow.js starts its threads from a blob, which the page's own policy forbids.
  const headers = Object.fromEntries(Object.entries(HEADERS).filter(([name]) => name !== 'Content-Security-Policy'));
  const server = await serve({ port: 0, folders, headers });
  const chromium = await openBrowser();
  try {
    let about;
    for (const count of threads) {
      // A document of the same origin that runs nothing.
      const { page } = await openPage(chromium.browser, new URL('web/tokens.css', server.url).href);
      const url = new URL('build_scripts/peers/worker.js', server.url).href;
      const call = (/** @type {string} */ op, /** @type {any} */ args) => page.evaluate(inWorker, { url, op, args });
      about = await call('start', { base: server.url, threads: count });
      for (const [model, source] of Object.entries(sources))
        for (const batch of batches)
          keep(rowOf({ model, host: 'wasm', threads: count, batch }, await call('compete', { ...source, batch, seconds, restMs: REST_MS, tolerance: TOLERANCE })));
      await page.close();
    }
    return about;
  } finally {
    await chromium.close();
    await server.close();
  }
}

/** @param {string} name */
const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;

mkdirSync(FOLDER, { recursive: true });
const sources = Object.fromEntries(models.map((name) => [name, files(name)]));
/** @type {any[]} */
const rows = [];
const keep = (/** @type {any} */ row) => {
  rows.push(row);
  print(row);
};
const chromium = hosts.includes('wasm') ? await inChromium(sources, keep) : undefined;
if (hosts.includes('native'))
  for (const count of threads)
    for (const [model, source] of Object.entries(sources))
      for (const batch of batches)
        keep(rowOf({ model, host: 'native', threads: count, batch }, await compete({ ...source, batch, threads: count, seconds, restMs: REST_MS, tolerance: TOLERANCE })));

const [, version, build] = pmoe('--version').match(/^pmoe (\S+), build (\S+)/) ?? [];
const result = {
  version: 1,
  kind: 'bench peers',
  pmoe: version,
  build,
  command: ['node build_scripts/bench_peers.mjs', ...process.argv.slice(2)].join(' '),
  environment: {
    cpu: cpus()[0].model,
    cpus_reported: availableParallelism(),
    system: `${type()} ${release()} ${machine()}`,
    node: process.version,
    native_clock_step_ms: clockStep(),
    ...(chromium && { user_agent: chromium.userAgent, isolated: chromium.isolated, variants: chromium.variants, wasm_clock_step_ms: chromium.clockStepMs }),
  },
  versions: Object.fromEntries(PEERS.map((name) => [name, versionOf(name)])),
  seconds,
  rest_ms: REST_MS,
  tolerance: TOLERANCE,
  rows,
};
if (values.out) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`);
