/**
 * The engine in Chromium, where fetching, policies and workers are real: every variant over the network, and errors
 * that name their cause.  A server of its own answers with what goes wrong in the wild.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { HEADERS } from '../../build_scripts/serve.mjs';
import { openBrowser } from './browser.mjs';
import { SMALL, VARIANTS, reference, smallImage, smallModel, wasmFile } from './engine_support.mjs';

const ROOT = new URL('../../', import.meta.url);
const HTML = '<!DOCTYPE html>\n<html><title>Welcome</title></html>';

/** @typedef {{status?: number, type?: string, body?: string | Uint8Array, headers?: Record<string, string>}} Answer */

/** Paths with odd answers. @type {Record<string, Answer>} */
const ODD = {
  '/': { type: 'text/html', body: HTML },
  '/no-wasm/': { type: 'text/html', body: HTML, headers: { 'Content-Security-Policy': "script-src 'self'" } },
  '/models/small.safetensors': { body: smallModel() },
  '/models/held.safetensors': {},
  '/release': {},
  '/models/html.safetensors': { type: 'text/html', body: HTML },
  '/models/error.safetensors': { status: 503, body: 'later' },
  '/models/announced.safetensors': { body: 'x', headers: { 'Content-Length': String(2 ** 31) } },
  '/models/elsewhere.safetensors': { status: 302, headers: { Location: 'http://localhost:1/small.safetensors' } },
  '/html/pmoe-relaxed.wasm': { body: HTML },
  '/html/pmoe-simd.wasm': { body: new Uint8Array(wasmFile('simd').slice(0, 100)) },
  '/html/pmoe-scalar.wasm': { type: 'text/plain', body: new Uint8Array(wasmFile('scalar')) },
};

/** @type {import('node:http').Server} */
let server;
/** @type {Awaited<ReturnType<typeof openBrowser>>} */
let chromium;
let origin = '';
/** The answers to '/models/held.safetensors' and '/release' are sent once both are asked for. @type {import('node:http').ServerResponse[]} */
const held = [];

before(async () => {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const isWorker = path.endsWith('/worker.js');
    const file = new URL(`.${path}`, ROOT);
    const known = /^\/(web\/engine|build\/wasm(?:\/bench)?)\/[\w-]+\.(js|wasm)$/.test(path) && existsSync(file);
    /** @type {Answer} */
    const { status = 200, type, body, headers } = ODD[path] ?? (known ? { body: readFileSync(file) } : { status: 404, body: HTML });
    // A worker is under the policy it was served with, so the page without wasm gets workers without, too.
    const strict = isWorker && request.headers.referer?.endsWith('/no-wasm/') ? ODD['/no-wasm/'].headers : {};
    const guess = path.endsWith('.js') ? 'text/javascript' : 'application/octet-stream';
    response.writeHead(status, { ...HEADERS, 'Referrer-Policy': 'same-origin', 'Content-Type': type ?? guess, ...strict, ...headers });
    if (path !== '/models/held.safetensors' && path !== '/release') return response.end(body);
    held.push(response);
    if (held.length === 2) held.splice(0).forEach((waiting) => waiting.end(smallModel()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  origin = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  chromium = await openBrowser();
});
after(async () => {
  await chromium?.close();
  server?.closeAllConnections();
  server?.close();
});

/**
 * Calls of an engine in a fresh page, one after the other; of the first that fails its error, else all results.
 * @param {[string, any][]} calls @param {string} [page]
 * @returns {Promise<{results?: any[], code?: string, message?: string}>}
 */
async function inPage(calls, page = '/') {
  const tab = await chromium.browser.newPage();
  try {
    await tab.goto(origin + page);
    return await tab.evaluate(async (list) => {
      const { EngineClient } = await import(/** @type {string} */ ('/web/engine/client.js'));
      const client = new EngineClient('/build/wasm/worker.js');
      try {
        const results = [];
        for (const [op, args] of list) {
          if (args.pixels) args.pixels = new Uint8Array(args.pixels);
          results.push(await client.call(op, args));
        }
        return { results };
      } catch (error) {
        return { code: error.code, message: error.message };
      } finally {
        client.dispose();
      }
    }, calls);
  } finally {
    await tab.close();
  }
}

/** @param {string} variant @param {string} [wasmUrl] @returns {[string, any]} */
const start = (variant, wasmUrl = '/build/wasm/') => ['start', { variant, wasmUrl }];
const open = (/** @type {string} */ url) => /** @type {[string, any]} */ (['open', { name: 'small', url }]);

for (const variant of VARIANTS) {
  test(`${variant}: fetched, checked, and as right as in node`, async () => {
    const pixels = Array.from({ length: 5 }, (_, i) => Array.from(smallImage(i + 1)));
    const calls = pixels.map((image) => /** @type {[string, any]} */ (['predict', { models: ['small'], pixels: image }]));
    const { results, message } = await inPage([start(variant), open('/models/small.safetensors'), ...calls]);
    assert.ok(results, message);
    assert.equal(results[0].variant, variant);
    assert.deepEqual(results[0].demoted, []);
    assert.equal(results[1].bytes, smallModel().length);
    pixels.forEach((image, i) => {
      const expected = reference(Uint8Array.from(image));
      const [found] = results[2 + i];
      assert.ok(Math.abs(found.logits[0] - expected.logit) < 1e-5);
      assert.deepEqual(found.experts.map((/** @type {any} */ { picks }) => picks), expected.experts.map(({ picks }) => picks));
      assert.equal(found.experts[0].scores.length, SMALL.patches);
    });
  });
}

test('a web page and half a file in place of modules are named; the last variant needs no wasm type', async () => {
  const { results, message } = await inPage([start('auto', '/html/')]);
  assert.ok(results, message);
  assert.equal(results[0].variant, 'scalar');
  const reason = (/** @type {string} */ name) => results[0].demoted.find((/** @type {any} */ { variant }) => variant === name).reason;
  // A machine with one CPU is not offered the variants with threads.
  assert.match(reason('relaxed-threads'), /relaxed-threads variant(: .* one CPU| \(\/html\/pmoe-relaxed-threads.wasm\): the server answered 404)/);
  assert.match(reason('relaxed'), /relaxed variant \(\/html\/pmoe-relaxed.wasm\): the server sent a web page/);
  assert.match(reason('simd'), /simd variant: this browser does not accept it/);
});

test('a module that was given and is none gives way to the next, which is fetched', async () => {
  const { results, message } = await inPage([['start', { variant: 'relaxed', threads: 1, wasmUrl: '/build/wasm/', wasmBytes: { relaxed: [] } }]]);
  assert.ok(results, message);
  assert.equal(results[0].variant, 'simd');
  assert.match(results[0].demoted[0].reason, /relaxed variant: expected a WebAssembly module .*, found an empty file/);
});

test('requests are carried out in order; those withdrawn while another runs are not', async () => {
  const tab = await chromium.browser.newPage();
  try {
    await tab.goto(`${origin}/`);
    const found = await tab.evaluate(async () => {
      const { EngineClient } = await import(/** @type {string} */ ('/web/engine/client.js'));
      const client = new EngineClient('/build/wasm/worker.js');
      await client.call('start', { variant: 'simd', wasmUrl: '/build/wasm/' });
      /** @type {string[]} */
      const order = [];
      const open = (/** @type {string} */ name, /** @type {string} */ file, signal = AbortSignal.any([])) =>
        client.call('open', { name, url: `/models/${file}.safetensors` }, { signal }).then(
          () => order.push(name),
          (/** @type {any} */ { code }) => order.push(`${name}: ${code}`),
        );
      const controller = new AbortController();
      const long = open('long', 'held');
      const withdrawn = open('late', 'small', controller.signal);
      const next = open('next', 'small');
      controller.abort(); // the first cannot have ended: it waits for what is asked for below
      await withdrawn;
      await fetch('/release');
      await Promise.all([long, next]);
      const pixels = new Uint8Array(144);
      const late = await client.call('predict', { models: ['late'], pixels }).catch((/** @type {any} */ { message }) => message);
      const answers = await client.call('predict', { models: ['long', 'next'], pixels });
      client.dispose();
      return { order, late, answers: answers.length };
    });
    assert.deepEqual(found.order, ['late: aborted', 'long', 'next']);
    assert.match(found.late, /there is no model "late"; open: "long", "next"/);
    assert.equal(found.answers, 2);
  } finally {
    await tab.close();
  }
});

test('the benchmark is loaded by the worker in one file', async () => {
  const open = { step: 'open', groups: ['heads'], batches: [1], seconds: 0 };
  const { results, message } = await inPage([start('simd', '/build/wasm/bench/'), ['bench', open]]);
  assert.ok(results, message);
  assert.ok(results[1].titles.includes('heads head, batch 1'));
});

/** @type {[string, [string, any][], string, RegExp][]} */
const FAILURES = [
  ['a benchmark of nothing known', [start('simd', '/build/wasm/bench/'), ['bench', { step: 'open', groups: ['all'] }]], 'bad-args', /^groups: expected a list of layers/],
  ['modules that are not there', [start('auto', '/nowhere/')], 'fetch', /scalar variant \(\/nowhere\/pmoe-scalar.wasm\): the server answered 404/],
  ['modules of another origin', [start('auto', 'https://example.org/wasm/')], 'bad-args', /expected a URL of http:\/\/127.*, found one of https:\/\/example.org/],
  ['a model that is not there', [start('scalar'), open('/models/none')], 'fetch', /model "small" \(\/models\/none\): the server answered 404/],
  ['a server in trouble', [start('scalar'), open('/models/error.safetensors')], 'fetch', /the server answered 503/],
  ['a web page for a model', [start('scalar'), open('/models/html.safetensors')], 'fetch', /the server sent a web page instead of this file/],
  ['a model beyond the cap', [start('scalar'), open('/models/announced.safetensors')], 'fetch', /expected at most 64.0 MB, found 2048.0 MB or more/],
  ['a redirection to elsewhere', [start('scalar'), open('/models/elsewhere.safetensors')], 'fetch', /could not be fetched/],
  ['a model in a data URL', [start('scalar'), open('data:,x')], 'bad-args', /expected a URL of .*, found one of data:; pass bytes instead/],
];

for (const [what, calls, code, message] of FAILURES) {
  test(`${what}: refused with the cause`, async () => {
    const failure = await inPage(calls);
    assert.equal(failure.code, code, failure.message);
    assert.match(failure.message ?? '', message);
  });
}

test("a policy without 'wasm-unsafe-eval' is named, and not tried around", async () => {
  const failure = await inPage([start('auto')], '/no-wasm/');
  assert.equal(failure.code, 'csp', failure.message);
  assert.match(failure.message ?? '', /relaxed(-threads)? variant.*Content-Security-Policy.*'wasm-unsafe-eval'/);
});
