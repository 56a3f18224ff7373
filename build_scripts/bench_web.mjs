// The models of `pmoe bench` in Chromium: dense against routed, interleaved by the same C code, one thread.
//
//     node build_scripts/bench_web.mjs [--batch 1,32] [--variants relaxed,simd,scalar] [--seconds 2] [--json]
//
// `kept` is the share of the multiply-adds saved that arrives on the clock: time ratio / multiply-add ratio.  Close
// other programs: what runs beside it is measured too.
import { parseArgs } from 'node:util';
import { openBrowser, openPage } from '../tests/web/browser.mjs';
import { serve } from './serve.mjs';

const MODELS = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint'];

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '1,32' },
    variants: { type: 'string', default: 'relaxed,simd,scalar' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const batches = values.batch.split(',').map(Number);
const variants = values.variants.split(',');
const seconds = Number(values.seconds);
if (![...batches, seconds].every((value) => Number.isFinite(value) && value > 0)) {
  console.error('bench_web: --batch and --seconds take numbers above 0');
  process.exit(1);
}

/** Runs in the page. */
async function measure({ base, variant, models, batches, seconds }) {
  const at = (path) => new URL(path, base).href;
  const { EngineClient } = await import(at('web/engine/client.js'));
  const client = new EngineClient(at('web/engine/worker.js'));
  const state = await client.call('start', { variant, wasmUrl: at('build/wasm/') });
  const sheet = (kind) => at(`weights/samples/digits-${kind}-ubyte`);
  await client.call('samples', { imagesUrl: sheet('images-idx3'), labelsUrl: sheet('labels-idx1') });
  const macs = [];
  for (const name of models)
    macs.push((await client.call('open', { name, url: at(`weights/${name}.safetensors`) })).model.multiply_adds);
  const { pixels } = await client.call('board', { set: 'mosaic', seed: 1, index: 0 });
  const rows = [];
  for (const batch of batches) {
    const { clockStepUs, timings } = await client.call('time', { models, pixels, batch, budgetMs: 1000 * seconds });
    timings.forEach((timing, i) => rows.push({ ...timing, variant: state.variant, batch, clockStepUs, macs: batch * macs[i] }));
  }
  const kernels = await client.call('timeKernels', { models, budgetMs: 200 * seconds });
  client.dispose();
  return { rows, kernels, variant: state.variant, userAgent: navigator.userAgent, version: state.version };
}

const server = await serve({ port: 0 });
const chromium = await openBrowser();
try {
  const results = [];
  for (const variant of variants) {
    // A document of the same origin that runs nothing: index.html would time its own engine beside ours.
    const { page } = await openPage(chromium.browser, new URL('web/tokens.css', server.url).href);
    results.push(await page.evaluate(measure, { base: server.url, variant, models: MODELS, batches, seconds }));
    await page.close();
  }
  const rows = results.flatMap((result) => result.rows);
  for (const row of rows) {
    const dense = rows.find((other) => other.variant === row.variant && other.batch === row.batch);
    row.macRatio = dense.macs / row.macs;
    row.timeRatio = dense.medianUs / row.medianUs;
    row.kept = row.timeRatio / row.macRatio;
  }
  if (values.json) {
    console.log(JSON.stringify({ version: 1, kind: 'bench web', pmoe: results[0].version, userAgent: results[0].userAgent, rows,
      kernels: results.map(({ variant, kernels }) => ({ variant, kernels })) }, null, 1));
  } else {
    console.log(results[0].userAgent);
    console.log('variant  batch  model             median, us  quartiles           multiply-adds  GMAC/s   kept  time ratio');
    for (const row of rows)
      console.log(
        `${row.variant.padEnd(8)} ${String(row.batch).padStart(5)}  ${row.model.padEnd(16)} ${row.medianUs.toFixed(2).padStart(11)}  ` +
          `${row.lowUs.toFixed(2).padStart(8)} - ${row.highUs.toFixed(2).padEnd(8)} ${String(row.macs).padStart(12)}  ` +
          `${(row.macs / row.medianUs / 1000).toFixed(2).padStart(6)}  ${row.kept.toFixed(2).padStart(5)}  ${row.timeRatio.toFixed(2).padStart(10)}`,
      );
    for (const { variant, kernels } of results) {
      console.log(`\nkernels of ${variant}     rows  outputs  multiply-adds   ${kernels[0].sets.map(({ isa }) => `${isa}, us`.padStart(12)).join('')}`);
      for (const one of kernels)
        console.log(
          `  ${one.layer.padEnd(18)} ${String(one.rows).padStart(5)}  ${String(one.outs).padStart(7)}  ${String(one.multiply_adds).padStart(13)}   ` +
            one.sets.map(({ median_us: us }) => us.toFixed(2).padStart(12)).join(''),
        );
    }
  }
} finally {
  await chromium.close();
  await server.close();
}
