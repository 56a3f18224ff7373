/**
 * The page in Chromium, with the real engine and weights: the recorded result and how live takes over, what the experts
 * took, what a result is said to have cost, links to boards, the smallest screen.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openPage, untilLive } from './browser.mjs';
import { chromium, drawnPicks, pageTest, said, server, tablePicks, textOf, untilAnswered, untilText } from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

pageTest('a recorded result shows before any script has run', { scripts: false }, async (page) => {
  const classes = await said(page);
  assert.deepEqual(Object.keys(classes), ['cnn', 'separate', 'joint']);
  for (const label of Object.values(classes)) assert.match(label, /^[01]$/);
  assert.deepEqual((await tablePicks(page)).map((picks) => picks.length), [2, 2]);
  assert.match(await textOf(page, '.where'), /^Recorded in /);
  const picture = await page.$eval('.board-picture', (element) => getComputedStyle(element).backgroundImage);
  assert.match(picture, /recorded\.png/);
});

pageTest('live takes over with the recorded board, answers and picks, and without a jump', {}, async (page, t) => {
  const still = await openPage(chromium.browser, server.url, { scripts: false });
  await still.page.setJavaScriptEnabled(true); /* none runs any more, but rules for pages with scripts apply */
  const places = (/** @type {Page} */ at) =>
    at.$$eval('pmoe-board, pmoe-routes, .routes-figure, .chips, pmoe-result, .result, .ledger', (all) =>
      all.map((element) => [element.className || element.id, ...Object.values(element.getBoundingClientRect().toJSON()).map(Math.round)]),
    );
  assert.deepEqual(await said(page), await said(still.page));
  assert.deepEqual(await tablePicks(page), await tablePicks(still.page));
  assert.deepEqual(await places(page), await places(still.page));
  await still.page.close();
  t.diagnostic(`first prediction ${await page.$eval('html', (html) => html.dataset.firstPredictionMs)} ms after the script began`);
});

test('the recorded markup is what the elements make today', async () => {
  /** @param {Page} page */
  const skeleton = (page) =>
    page.$$eval('#board *, #routes *, #result *', (all) =>
      all.filter((element) => !element.closest('.is-off, pmoe-what-if')).map((element) => `${element.tagName} ${element.getAttribute('class') ?? ''}`),
    );
  const recorded = await openPage(chromium.browser, server.url, { scripts: false });
  const page = await chromium.browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  await page.evaluateOnNewDocument(() =>
    document.addEventListener('readystatechange', () => {
      if (document.readyState !== 'interactive') return; /* parsed; no module has run yet */
      for (const id of ['board', 'routes', 'result']) document.getElementById(id).replaceChildren();
    }),
  );
  await page.goto(server.url);
  await untilLive(page);
  assert.deepEqual(await skeleton(page), await skeleton(recorded.page));
  await recorded.page.close();
  await page.close();
});

pageTest('the joint model shows eight experts; chips hide and show; a patch tells its scores', { hash: '#model=joint' }, async (page) => {
  const picks = await tablePicks(page);
  assert.deepEqual(picks.map((expert) => expert.length), Array(8).fill(6));
  assert.deepEqual((await drawnPicks(page)).map((expert) => expert.sort()), picks.map((expert) => [...expert].sort()));
  await page.click('.chip:nth-child(3)');
  assert.equal((await drawnPicks(page))[2] ?? null, null);
  assert.equal(await page.$eval('.chip:nth-child(3)', (chip) => chip.getAttribute('aria-pressed')), 'false');
  await page.click('.chip:nth-child(3)');
  assert.deepEqual((await drawnPicks(page))[2].sort(), [...picks[2]].sort());

  const patch = picks[0][0];
  await page.focus(`.routes-cell[data-patch="${patch}"]`);
  assert.match(await textOf(page, '.readout h3'), new RegExp(`^Patch ${patch + 1} on `));
  assert.match(await textOf(page, '.readout-row .readout-kept'), /^kept, gate [01]\.\d\d$/);
  assert.match(await page.$eval(`.routes-cell[data-patch="${patch}"]`, (cell) => cell.getAttribute('aria-label')), new RegExp(`^Patch ${patch + 1}\\. Expert A .*, kept, gate`));
  const weights = await page.$$eval('.routes-table tbody tr', (rows) =>
    rows.map((row) => [...row.children[1].textContent.matchAll(/\(([\d.]+)\)/g)].reduce((sum, [, gate]) => sum + Number(gate), 0)),
  );
  for (const sum of weights) assert.ok(Math.abs(sum - 1) < 0.04, `gates of an expert sum to 1, found ${sum}`);
});

pageTest('ten classes: twenty experts, a true digit among scrambled ones', { hash: '#set=mosaic10&index=3' }, async (page) => {
  const answers = await said(page);
  assert.deepEqual(Object.keys(answers), ['cnn10', 'pmoe10']);
  assert.equal(answers.pmoe10, '3'); /* board 3 shows a 3 */
  const picks = await tablePicks(page);
  assert.equal(picks.length, 20);
  assert.ok(picks.every((patches) => patches.length === 2 && patches.every((patch) => patch >= 0 && patch < 16)));
});

pageTest('times stand beside counted multiply-adds, and the ledger compares the two', {}, async (page) => {
  await page.waitForSelector('html[data-timed]');
  const blocks = await page.$$eval('.result', (all) =>
    all.map((block) => ({
      adds: Number(block.querySelector('.adds .n').textContent.replaceAll(',', '')),
      time: Number(block.querySelector('.time .n').textContent.replaceAll(',', '')),
      calls: block.querySelector('.calls').textContent,
    })),
  );
  const [patch, out] = [28 * 28, 40];
  assert.deepEqual(
    blocks.map((block) => block.adds),
    [16 * patch * 40 + out, 2 * 16 * patch + 2 * 2 * patch * 20 + out, 8 * 16 * patch + 8 * 6 * patch * 5 + out],
  );
  for (const { time, calls } of blocks) {
    assert.ok(time > 0);
    assert.match(calls, /^median of [1-9][\d,]* \u00d7 [1-9][\d,]* calls$/);
  }
  const theory = await page.$$eval('.bar-theory .bar-value', (all) => all.map((value) => value.textContent));
  assert.deepEqual(theory, ['5.71\u00d7', '1.74\u00d7']);
  for (const here of await page.$$eval('.bar-here .bar-value', (all) => all.map((value) => value.textContent))) assert.match(here, /^\d+\.\d\d\u00d7$/);
  assert.match(await textOf(page, '.where'), /^Measured in this browser/);
});

pageTest('a result is announced in a sentence', {}, async (page) => {
  await untilText(page, '#live', (text) => text !== '');
  const spoken = await textOf(page, '#live');
  assert.match(spoken, /^CNN says [01], \d+ percent\. pMoE separate says [01], \d+ percent\. pMoE joint says [01], \d+ percent\. Expert A took patches \d+ and \d+\. Expert B took patches \d+ and \d+\.$/);
  const sorted = (await tablePicks(page)).map((picks) => [...picks].sort((a, b) => a - b).map((p) => p + 1).join(' and '));
  assert.ok(spoken.includes(`Expert A took patches ${sorted[0]}.`));
});

/** A weights file, and what its card says.  @param {string} name */
function weightsOf(name) {
  const bytes = readFileSync(new URL(`../../weights/${name}.safetensors`, import.meta.url));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))));
  return { bytes, accuracy: Number(JSON.parse(header.__metadata__['pmoe.card']).accuracy) };
}

/** What is written beside each model's cost.  @param {Page} page */
const accuracies = (page) => page.$$eval('.result .accuracy', (all) => all.map((part) => part.textContent));

/** @param {string} name */
const expectedAccuracy = (name) => `test accuracy as trained ${weightsOf(name).accuracy.toFixed(2)} %`;

pageTest('beside what a model cost stands its accuracy, as its file says; a file that says nonsense is believed nothing', {}, async (page) => {
  assert.deepEqual(await accuracies(page), ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint'].map(expectedAccuracy));
  const { bytes } = weightsOf('mosaic10-pmoe');
  bytes.write('-9.19', bytes.indexOf('98.19'));
  await page.setRequestInterception(true);
  page.on('request', (request) => (request.url().endsWith('/mosaic10-pmoe.safetensors') ? request.respond({ body: bytes }) : request.continue()));
  await page.click('#sets [data-choice="mosaic10"]');
  await untilAnswered(page, 'pmoe10');
  assert.deepEqual(await accuracies(page), [expectedAccuracy('mosaic10-cnn'), '']);
});

test('a link brings back the same board, and another index another board', async () => {
  const pictures = [];
  for (const hash of ['#seed=5&index=3', '#seed=5&index=3', '#seed=5&index=4']) {
    const { page } = await openPage(chromium.browser, server.url + hash);
    await untilLive(page);
    pictures.push(await page.$eval('.board-canvas', (canvas) => canvas.toDataURL()));
    await page.close();
  }
  assert.equal(pictures[0], pictures[1]);
  assert.notEqual(pictures[0], pictures[2]);
});

for (const hash of ['#model=joint', '#set=cifar10', '#set=mosaic64'])
  pageTest(`at 320 pixels nothing scrolls sideways and every target is 44 pixels: ${hash}`, { width: 320, height: 640, touch: true, hash }, fitsSmallScreen);

/** @param {Page} page */
async function fitsSmallScreen(page) {
  await page.waitForSelector('html[data-timed]');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  const small = await page.$$eval('button, select, summary, .board-cell, .routes-cell', (all) =>
    all
      .filter((element) => element.checkVisibility())
      /* eight cells side by side have 36 each; 24 is the least that WCAG 2.2 asks, and the arrow keys go everywhere */
      .map((element) => ({ element, box: element.getBoundingClientRect(), least: element.matches('[role="gridcell"]') && element.parentElement.children.length >= 8 ? 24 : 44 }))
      .filter(({ box, least }) => box.width < least || box.height < least)
      .map(({ element, box }) => `${element.textContent.trim().slice(0, 20)}: ${box.width} x ${box.height}`),
  );
  assert.deepEqual(small, []);
}
