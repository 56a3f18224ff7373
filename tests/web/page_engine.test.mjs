/**
 * How the page starts: the address and what is wrong in it, every wasm variant and number of threads, what is fetched
 * ahead, what does not come.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, untilLive } from './browser.mjs';
import { chromium, pageTest, said, server, tablePicks, textOf, untilText } from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

pageTest('what the address says and the page does not know is reported and ignored', { hash: '#wasm=warp&sead=4' }, async (page) => {
  const alert = await textOf(page, '#alert');
  assert.match(alert, /wasm=warp; expected is auto, scalar, simd, simd-threads, relaxed, relaxed-threads/);
  assert.match(alert, /\u201csead\u201d/);
  assert.equal(await page.$eval('#wasm', (select) => select.value), 'auto');
});

for (const [variant, threads] of [['scalar', '1 thread'], ['simd', '1 thread'], ['simd-threads', '2 threads'], ['relaxed', '1 thread'], ['relaxed-threads', '2 threads']])
  pageTest(`#wasm=${variant} runs that variant and says so`, { hash: `#wasm=${variant}&threads=2` }, async (page) => {
    assert.match(await textOf(page, '#engine-line'), new RegExp(`^engine: wasm ${variant}, ${threads}, self-test ok \\([1-9][0-9]* checks\\)$`));
    assert.match(await textOf(page, '#engine-more'), /Stored outputs reproduced by 3 of 3 models\./);
  });

pageTest('every variant gives the same classes and picks; the choice can be made on the page', { hash: '#threads=2' }, async (page) => {
  const before = [await said(page), await tablePicks(page)];
  for (const variant of ['scalar', 'simd', 'relaxed-threads', 'simd-threads', 'relaxed']) {
    await page.select('#wasm', variant);
    await page.waitForSelector(`html[data-engine="${variant}"]`);
    await page.waitForSelector('html[data-state="live"]');
    assert.deepEqual([await said(page), await tablePicks(page)], before);
    assert.equal(new URL(page.url()).hash, `#wasm=${variant}&threads=2`);
  }
});

pageTest('threads can be chosen in the address of an open page', { hash: '#wasm=simd-threads&threads=1' }, async (page) => {
  assert.match(await textOf(page, '#engine-line'), /^engine: wasm simd, 1 thread,/);
  assert.match(await textOf(page, '#engine-more'), /simd-threads does not run here: .*one thread was asked for/);
  const before = [await said(page), await tablePicks(page)];
  await page.evaluate(() => (location.hash = '#wasm=simd-threads&threads=3'));
  await untilText(page, '#engine-line', (text) => text.startsWith('engine: wasm simd-threads, 3 threads,'));
  await page.waitForSelector('html[data-state="live"]');
  assert.deepEqual([await said(page), await tablePicks(page)], before);
});

for (const hash of ['', '#threads=1', '#threads=2', '#wasm=simd-threads&threads=1', '#wasm=simd-threads&threads=2', '#wasm=scalar'])
  pageTest(`the module that is fetched ahead is the one that runs: "${hash}"`, { hash }, async (page) => {
    const [modules, variant] = await page.evaluate(() => [
      performance.getEntriesByType('resource').flatMap(({ name }) => /[^/]*\.wasm$/.exec(name) ?? []),
      document.documentElement.dataset.engine,
    ]);
    assert.deepEqual(modules, [`pmoe-${variant}.wasm`]);
  });

test('a module that the page cannot fetch is fetched by the worker', async () => {
  const page = await chromium.browser.newPage();
  await page.evaluateOnNewDocument(() => {
    const real = window.fetch;
    window.fetch = (url, ...more) => (String(url).endsWith('.wasm') ? Promise.resolve(new Response('later', { status: 503 })) : real(url, ...more));
  });
  await page.goto(server.url);
  await untilLive(page);
  assert.match(await textOf(page, '#engine-line'), /^engine: wasm relaxed(-threads)?,/);
  assert.equal(await textOf(page, '#alert'), '');
  await page.close();
});

/** Until the page's first script has read the address.  @param {Page} page */
async function untilBegun(page) {
  const begun = () => page.evaluate(() => performance.getEntriesByName('pmoe-start').length > 0).catch(() => false); /* no document yet */
  while (!(await begun())) await new Promise((resolve) => setTimeout(resolve, 20));
}

for (const late of ['main.js', 'mosaic-joint.safetensors'])
  test(`an address that changes while the page starts, before ${late} is there, is the one that is shown`, async () => {
    const hash = '#set=mosaic10&index=3';
    const { page: meant } = await openPage(chromium.browser, server.url + hash);
    await untilLive(meant);
    const page = await chromium.browser.newPage();
    await page.setRequestInterception(true);
    page.on('request', async (request) => {
      if (request.url().endsWith(late)) {
        await untilBegun(page);
        await page.evaluate((changed) => (location.hash = changed), hash);
      }
      request.continue();
    });
    await page.goto(server.url);
    await page.waitForSelector('.result[data-model="pmoe10"][data-class="3"]');
    assert.deepEqual(await said(page), await said(meant));
    assert.deepEqual(await tablePicks(page), await tablePicks(meant));
    assert.equal(await textOf(page, '#alert'), '');
    for (const each of [meant, page]) await each.close();
  });

test('a missing model leaves the recorded result and says what is missing', async () => {
  const page = await chromium.browser.newPage();
  await page.setRequestInterception(true);
  page.on('request', (request) =>
    request.url().endsWith('mosaic-joint.safetensors') ? request.respond({ status: 404, body: 'no' }) : request.continue(),
  );
  await page.goto(server.url);
  await untilText(page, '#alert', (text) => text !== '');
  assert.equal(await textOf(page, '#alert'), 'mosaic-joint.safetensors could not be loaded: the server answered 404.');
  assert.equal(await textOf(page, '#engine-line'), 'engine: not running');
  assert.match(await textOf(page, '.where'), /^Recorded in /);
  for (const label of Object.values(await said(page))) assert.match(label, /^[01]$/);
  await page.close();
});
