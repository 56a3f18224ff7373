/**
 * Threads of the engine: that they change no answer; when they are started; what is said where they cannot be had; that
 * one which is missing, late or lost hangs nothing.  In node with a stand-in for the browser's Worker, in Chromium on a
 * server that isolates its pages and on one that does not.  threads.c holds what the pool itself has to stand.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { HEADERS } from '../../build_scripts/serve.mjs';
import { PmoeEngine } from '../../web/engine/engine.js';
import { SETS } from '../../web/page/models.js';
import { openBrowser, openPage, untilLive } from './browser.mjs';
import { Worker, largeModel, smallImage, smallModel, threadedFiles } from './engine_support.mjs';

const ROOT = new URL('../../', import.meta.url);
const LARGE_PIXELS = 24 * 24;
const large = (/** @type {number} */ seed) => smallImage(seed, LARGE_PIXELS);

// ---- In node ----

/** @type {Worker[]} */
let workers = [];

class CountedWorker extends Worker {
  /** @param {URL} url */
  constructor(url) {
    super(url);
    workers.push(this);
  }
}

/** Make this place look like a worker of an isolated page. @param {any} worker @param {number} cpus */
function isolated(worker = CountedWorker, cpus = 3) {
  Object.assign(globalThis, { crossOriginIsolated: true, Worker: worker });
  Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: cpus }, configurable: true });
}

afterEach(async () => {
  Object.assign(globalThis, { crossOriginIsolated: undefined, Worker: undefined });
  Object.defineProperty(globalThis, 'navigator', { value: undefined, configurable: true });
  await Promise.all(workers.map((worker) => worker.terminate()));
  workers = [];
});

/** @param {import('../../web/engine/protocol.js').Variant | 'auto'} variant @param {number} threads */
async function started(variant, threads) {
  const engine = new PmoeEngine();
  const state = await engine.start({ variant, threads, wasmBytes: threadedFiles() });
  return { engine, state };
}

/** Logits of ten images. @param {PmoeEngine} engine */
const answers = (engine) => Array.from({ length: 10 }, (_, i) => engine.predict(['large'], large(i))[0].logits);

for (const isa of /** @type {const} */ (['relaxed', 'simd'])) {
  test(`${isa}: any number of threads gives the same bytes`, async () => {
    const { engine: one, state: alone } = await started(isa, 0);
    assert.deepEqual([alone.variant, alone.threads, alone.oneThread], [isa, 1, 'this variant has no more']);
    await one.open('large', largeModel());
    const expected = answers(one);
    isolated();
    for (const threads of [2, 3, 7]) {
      const { engine, state } = await started(`${isa}-threads`, threads);
      assert.deepEqual([state.variant, state.threads, state.oneThread], [`${isa}-threads`, threads, '']);
      await engine.open('large', largeModel());
      assert.deepEqual(answers(engine), expected);
      assert.equal(engine.time(['large'], large(1), { budgetMs: 5, batch: 3 }).timings.length, 1);
    }
  });
}

test('unasked, threads are started for the first model that is worth them', async () => {
  isolated(CountedWorker, 9);
  const { engine, state } = await started('auto', 0);
  assert.deepEqual([state.variant, state.threads], ['relaxed-threads', 1]);
  assert.match(state.oneThread, /no model is open for which more would pay/);
  const small = await engine.open('small', smallModel());
  assert.deepEqual([small.model.threads_pay, small.engine, workers.length], [false, undefined, 0]);
  const first = await engine.open('large', largeModel());
  assert.deepEqual([first.model.threads_pay, first.engine?.threads, first.engine?.oneThread, workers.length], [true, 4, '', 3]);
  assert.equal((await engine.open('again', largeModel())).engine, undefined);
  const second = await engine.start({ variant: 'simd-threads', wasmBytes: threadedFiles() }); // its models move along
  assert.deepEqual([second.threads, workers.length], [4, 6]);
});

/** @type {[string, () => void, number, RegExp][]} */
const REFUSED = [
  ['where pages are not isolated', () => {}, 0, /relaxed-threads variant: the page is not cross-origin isolated/],
  ['with one CPU', () => isolated(CountedWorker, 1), 0, /this browser reports one CPU/],
  ['where workers have no workers', () => isolated(null), 0, /only workers can have threads/],
];

for (const [where, arrange, threads, reason] of REFUSED) {
  test(`${where} one thread runs, and a sentence says why`, async () => {
    arrange();
    const { engine, state } = await started('auto', threads);
    assert.deepEqual([state.variant, state.threads], ['relaxed', 1]);
    assert.equal(state.demoted.length, 1);
    assert.match(state.demoted[0].reason, reason);
    await engine.open('large', largeModel());
    assert.equal(answers(engine).length, 10);
  });
}

test('who asks for one thread gets the best variant without, and nothing was passed over', async () => {
  isolated();
  const { state } = await started('auto', 1);
  assert.deepEqual([state.variant, state.threads, state.demoted], ['relaxed', 1, []]);
  const named = await started('simd-threads', 1);
  assert.equal(named.state.variant, 'simd');
  assert.match(named.state.demoted[0].reason, /one thread was asked for/);
});

test('no model of boards of 4 x 4 is worth another thread, which is why the page, which begins with them, asks for one', async () => {
  const { engine } = await started('auto', 1);
  for (const { file } of SETS.flatMap(({ id, models }) => (id === 'mosaic' || id === 'mosaic10' ? models : []))) {
    const { model } = await engine.open(file, new Uint8Array(readFileSync(new URL(`weights/${file}`, ROOT))));
    assert.equal(model.threads_pay, false, file);
  }
});

/** Starts as a browser's does, and then? */
class Stillborn {
  onmessage = (/** @type {any} */ _event) => {};
  onerror = (/** @type {any} */ _event) => {};
  terminate() {}
  postMessage() {
    setTimeout(() => this.onerror({ message: '' }));
  }
}
class Refusing extends Stillborn {
  postMessage() {
    setTimeout(() => this.onmessage({ data: 'RangeError: out of memory' }));
  }
}
class Forbidden {
  constructor() {
    throw new Error('workers are forbidden here');
  }
}
let spared = false;
class HalfStillborn {
  /** @param {URL} url */
  constructor(url) {
    spared = !spared;
    return spared ? new CountedWorker(url) : new Stillborn();
  }
}

/** @type {[string, any, number, RegExp][]} */
const MISSING = [
  ['cannot be loaded', Stillborn, 1, /^no other could be started \(thread.js could not be loaded\)$/],
  ['cannot take the memory', Refusing, 1, /RangeError: out of memory/],
  ['must not be made', Forbidden, 1, /workers are forbidden here/],
  ['partly fail', HalfStillborn, 2, /^$/],
];

for (const [what, worker, threads, reason] of MISSING) {
  test(`threads that ${what} are counted as missing; the engine answers`, async () => {
    isolated(worker);
    const { engine, state } = await started('relaxed-threads', 3);
    assert.deepEqual([state.variant, state.threads], ['relaxed-threads', threads]);
    assert.match(state.oneThread, reason);
    await engine.open('large', largeModel());
    assert.equal(answers(engine).length, 10);
  });
}

test('a thread that is ended while it waits hangs nothing', async () => {
  isolated();
  const { engine } = await started('relaxed-threads', 3);
  await engine.open('large', largeModel());
  const expected = answers(engine);
  await workers[0].terminate();
  assert.deepEqual(answers(engine), expected);
  await workers[1].terminate();
  assert.deepEqual(answers(engine), expected);
});

// ---- In Chromium ----

const OUT = 'build/tests/web';

/** What a worker of the page does with threads.c, given a call of it. */
const HARNESS = `
    self.onmessage = async ({ data: { call, args, threads } }) => {
        const memory = new WebAssembly.Memory({ initial: 32, maximum: 4096, shared: true });
        const env = { memory, pmoe_now_ns: () => performance.now() * 1e6 };
        const { module, instance } = await WebAssembly.instantiate(await (await fetch('/threads.wasm')).arrayBuffer(), { env });
        const pool = instance.exports.web_pool_open(threads);
        await Promise.all(Array.from({ length: threads - 1 }, (_, i) => new Promise((resolve) => {
            const stack = instance.exports.web_pool_stack(pool, i + 1);
            const worker = new Worker('/web/engine/thread.js', { type: 'module' });
            worker.onmessage = resolve;
            worker.postMessage({ module, memory, pool, number: i + 1, stack });
        })));
        try {
            postMessage({ result: instance.exports[call](pool, ...args) });
        } catch (error) {
            postMessage({ error: String(error) });
        }
    };`;

/** @returns {string} the module's file */
function compilePoolTests() {
  const root = `${execFileSync('em-config', ['CACHE']).toString().trim()}/sysroot`;
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-matomics', '-mbulk-memory', '-Isrc'];
  mkdirSync(OUT, { recursive: true });
  const objects = ['tests/web/threads.c', 'src/base/pool.c', 'src/wasm/pool_threads.c'].map((source) => {
    const object = `${OUT}/${source.replaceAll('/', '-')}.o`;
    execFileSync('clang-19', ['--target=wasm32-unknown-emscripten', `--sysroot=${root}`, ...flags, '-c', source, '-o', object]);
    return object;
  });
  const names = ['__stack_pointer', 'web_pool_open', 'web_pool_stack', 'pool_serve', 'pool_lose', 'tiny_runs', 'meet_all', 'nest', 'trap_in_a_task'];
  const link = ['--no-entry', '--shared-memory', '--import-memory', '--initial-memory=2097152', '--max-memory=268435456'];
  const libraries = [`-L${root}/lib/wasm32-emscripten`, '-lstandalonewasm-memgrow', '-lc', '-lcompiler_rt', '-ldlmalloc'];
  const file = `${OUT}/threads.wasm`;
  execFileSync('wasm-ld-19', [...link, ...names.map((name) => `--export=${name}`), ...objects, ...libraries, '-o', file]);
  return file;
}

/** A server of this checkout. @param {Record<string, string>} headers */
async function serveWith(headers) {
  /** @type {Record<string, [string, string | Uint8Array]>} */
  const made = {
    '/harness.js': ['text/javascript', HARNESS],
    '/threads.wasm': ['application/wasm', readFileSync(`${OUT}/threads.wasm`)],
    '/large.safetensors': ['application/octet-stream', largeModel()],
    '/empty': ['text/html', '<!doctype html><title>empty</title>'],
  };
  const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png' };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/^\/$/, '/index.html');
    const file = new URL(`.${path}`, ROOT);
    const known = /^\/(index\.html|(web|weights|build\/wasm)\/[\w/.-]+)$/.test(path) && existsSync(file);
    const [type, body] = made[path] ?? [types[/** @type {'js'} */ (path.split('.').pop())] ?? 'application/octet-stream', known ? readFileSync(file) : ''];
    response.writeHead(made[path] || known ? 200 : 404, { ...headers, 'Content-Type': type });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return { server, url: `http://127.0.0.1:${/** @type {any} */ (server.address()).port}/` };
}

/** @type {Awaited<ReturnType<typeof openBrowser>>} */
let chromium;
/** @type {Awaited<ReturnType<typeof serveWith>>} */
let isolating;
/** @type {Awaited<ReturnType<typeof serveWith>>} */
let plain;

before(async () => {
  compilePoolTests();
  isolating = await serveWith(HEADERS);
  plain = await serveWith({});
  chromium = await openBrowser();
});
after(async () => {
  await chromium?.close();
  for (const at of [isolating, plain]) {
    at?.server.closeAllConnections();
    at?.server.close();
  }
});

/** One call of threads.c. @param {string} call @param {number} threads @param {number[]} args @returns {Promise<{result?: number, error?: string}>} */
async function inPool(call, threads, ...args) {
  const { page } = await openPage(chromium.browser, `${isolating.url}empty`);
  try {
    return await page.evaluate(
      (message) =>
        new Promise((resolve) => {
          const worker = new window.Worker('/harness.js', { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => resolve({ error: message });
          worker.postMessage(message);
        }),
      { call, args, threads },
    );
  } finally {
    await page.close();
  }
}

test('Chromium: thousands of tiny jobs lose and repeat nothing', async () => {
  for (const threads of [2, 4]) assert.deepEqual(await inPool('tiny_runs', threads, 20000), { result: 0 });
});

test('Chromium: every thread takes part, awake or woken', async () => {
  for (const threads of [2, 3, 6]) assert.deepEqual(await inPool('meet_all', threads, 20), { result: threads });
});

test('Chromium: a job within a job, and a thread that traps, stop the engine and hang nothing', async () => {
  assert.match((await inPool('nest', 2)).error ?? '', /unreachable/);
  assert.match((await inPool('trap_in_a_task', 2)).error ?? '', /unreachable/);
});

/**
 * The engine on a page of a server: how it starts, and what it says of both models.
 * @param {string} url @param {any} start
 */
async function ask(url, start) {
  const { page } = await openPage(chromium.browser, `${url}empty`);
  try {
    return await page.evaluate(
      async ({ start, pixels }) => {
        const { EngineClient } = await import(/** @type {string} */ ('/web/engine/client.js'));
        const client = new EngineClient('/build/wasm/worker.js');
        const state = await client.call('start', { wasmUrl: '/build/wasm/', ...start });
        const large = await client.call('open', { name: 'large', url: '/large.safetensors' });
        await client.call('open', { name: 'cnn10', url: '/weights/mosaic10-cnn.safetensors' });
        const answers = await client.call('predict', { models: ['large'], pixels: new Uint8Array(pixels) });
        const board = new Uint8Array(112 * 112).map((_, i) => (i * i) % 251);
        answers.push(...(await client.call('predict', { models: ['cnn10'], pixels: board })));
        const { timings } = await client.call('time', { models: ['large'], pixels: new Uint8Array(pixels), budgetMs: 5 });
        client.dispose();
        return { state, engine: large.engine, logits: answers.map(({ logits }) => logits), timed: timings.length };
      },
      { start, pixels: Array.from(large(5)) },
    );
  } finally {
    await page.close();
  }
}

test('Chromium, isolated: two threads, the bytes of one', async () => {
  for (const isa of ['relaxed', 'simd']) {
    const one = await ask(isolating.url, { variant: isa });
    const two = await ask(isolating.url, { variant: `${isa}-threads`, threads: 2 });
    assert.deepEqual([one.state.threads, two.state.threads, two.state.oneThread], [1, 2, '']);
    assert.equal(two.state.variant, `${isa}-threads`);
    assert.deepEqual(two.logits, one.logits);
    assert.equal(two.timed, 1);
  }
});

test('Chromium, isolated: the best variant is one for threads; they come with the model that is worth them', async () => {
  const cpus = await chromium.browser.newPage().then((page) => page.evaluate(() => navigator.hardwareConcurrency));
  const { state, engine } = await ask(isolating.url, { variant: 'auto' });
  assert.equal(state.threads, 1);
  if (cpus > 1) assert.deepEqual([state.variant, engine?.threads], ['relaxed-threads', Math.min(cpus, 4)]);
  else assert.match(state.demoted[0].reason, /reports one CPU/);
});

test('Chromium, not isolated: one thread, and a sentence says why', async () => {
  const { state, engine, logits } = await ask(plain.url, { variant: 'auto', threads: 2 });
  assert.deepEqual([state.variant, state.threads, engine], ['relaxed', 1, undefined]);
  assert.deepEqual(state.demoted.map((/** @type {any} */ { variant }) => variant), ['relaxed-threads']);
  assert.match(state.demoted[0].reason, /not cross-origin isolated/);
  assert.equal(logits.length, 2);
});

test('the page works where it is not isolated, and says why it has one thread', async () => {
  for (const [hash, reason] of /** @type {[string, RegExp][]} */ ([
    ['', /too small for more to pay/],
    ['#threads=2', /relaxed-threads does not run here: .*not cross-origin isolated/],
  ])) {
    const { page, complaints } = await openPage(chromium.browser, plain.url + hash);
    await untilLive(page);
    const line = await page.$eval('#engine-line', (element) => element.textContent);
    assert.match(line ?? '', /^engine: wasm relaxed, 1 thread, self-test ok/);
    assert.match((await page.$eval('#engine-more', (element) => element.textContent)) ?? '', reason);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
