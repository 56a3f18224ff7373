/**
 * Boards of 64 cells on the page: the same drawing, keys, samples, uploads, links and routes on the finer grid, answers
 * that are the program's, and nothing that jumps when the set is changed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPage, untilLive } from './browser.mjs';
import {
  ONE, chromium, drawByMouse, drawnPicks, logitsOf, openPad, pageTest, said, server, tablePicks, textOf, truthOf, untilAnswered, untilSaid, untilText,
  watchAnswers,
} from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

const SET = '#set=mosaic64';

/** @param {string[]} args  @returns {any} what the program prints */
const program = (...args) => JSON.parse(execFileSync('build/pmoe', [...args, '--json'], { cwd: new URL('../../', import.meta.url).pathname, encoding: 'utf8' }));

/** @param {Page} page */
const boardUrl = (page) => page.$eval('.board-canvas', (canvas) => canvas.toDataURL());

/** The model's patches by the table, which the gauges must show too.  @param {Page} page */
async function bothPicks(page) {
  const picks = await tablePicks(page);
  assert.deepEqual(picks.map((patches) => patches.length), [2, 2]);
  assert.ok(picks.flat().every((patch) => patch >= 0 && patch < 64));
  assert.deepEqual((await drawnPicks(page)).map((patches) => patches.sort()), picks.map((patches) => [...patches].sort()));
  return picks;
}

pageTest('a board of 64 cells: its grid, its truth, its routes', { hash: `${SET}&index=5` }, async (page) => {
  const { label, patch } = await truthOf(page);
  assert.equal((await said(page)).pmoe64, label);
  assert.ok((await bothPicks(page)).flat().includes(patch));
  assert.deepEqual(await page.$$eval('.board-cell, .routes-cell', (all) => all.length), 128);
  assert.equal(await page.$eval('.board-canvas', ({ width, height }) => `${width} x ${height}`), '224 x 224');
  assert.equal(await textOf(page, '#patches'), '64');
  await page.waitForSelector('.board-cell[data-cell="63"][aria-label^="Patch 64, made from a sample of the digit"]');
  assert.match(await page.$eval(`.board-cell[data-cell="${patch}"]`, (cell) => cell.getAttribute('aria-label')), new RegExp(`^Patch ${patch + 1}, a sample of the digit ${label}$`));
});

pageTest('arrow keys walk the 64 cells and Enter opens the pad of one', { hash: SET }, async (page) => {
  const at = () => page.evaluate(() => Number(document.activeElement.dataset.cell));
  await page.focus('.board-cell[tabindex="0"]');
  for (const [key, cell] of [['ArrowRight', 1], ['ArrowDown', 9], ['End', 15], ['ArrowRight', 15], ['PageDown', 63], ['ArrowDown', 63], ['Home', 56], ['ArrowUp', 48]]) {
    await page.keyboard.press(key);
    assert.equal(await at(), cell, key);
  }
  await page.keyboard.press('Enter');
  assert.equal(await textOf(page, '#pad-title'), 'Patch 49');
  await page.keyboard.press('Escape');
  assert.equal(await at(), 48);
  await page.focus('.routes-cell[data-patch="0"]');
  await page.keyboard.press('ArrowDown');
  assert.match(await textOf(page, '.readout h3'), /^Patch 9 on /);
});

pageTest('a 1 drawn over the true digit is what the network says; a sample digit likewise', { hash: `${SET}&index=2` }, async (page) => {
  const { label, patch } = await truthOf(page);
  assert.notEqual(label, '1');
  await drawByMouse(page, patch, ONE);
  await untilSaid(page, 'pmoe64', '1');
  assert.ok((await bothPicks(page)).flat().includes(patch));
  await page.keyboard.press('Escape');
  await page.click('#samples');
  await (await page.waitForSelector('.sample[data-label="4"]')).click();
  await untilSaid(page, 'pmoe64', '4');
  assert.equal(await page.$eval(`.board-cell[data-cell="${patch}"]`, (cell) => cell.getAttribute('aria-label')), `Patch ${patch + 1}, a sample of the digit 4`);
});

pageTest('an empty board of 64, filled around one drawn digit; shuffled; emptied by one', { hash: SET }, async (page) => {
  await page.click('#clear');
  assert.equal(await textOf(page, '#status'), 'The board is empty: draw a digit or shuffle.');
  assert.deepEqual(await said(page), Object.fromEntries(Object.keys(await said(page)).map((id) => [id, '\u2013'])));
  await drawByMouse(page, 58, ONE);
  await page.keyboard.press('Escape');
  await untilText(page, '#status', (text) => text.startsWith('63 of the 64 patches are empty.'));
  await page.click('#status-act');
  await untilSaid(page, 'pmoe64', '1');
  assert.ok((await bothPicks(page)).flat().includes(58));
  await page.click('#shuffle');
  await untilText(page, '#status', (text) => text.startsWith('Board from the test digits'));
  assert.match(new URL(page.url()).hash, /^#set=mosaic64&index=[1-9]\d*$/);
  await page.focus('.board-cell[data-cell="40"]');
  await page.keyboard.press('Delete');
  await untilText(page, '#status', (text) => text.startsWith('Patch 41 is empty.'));
  assert.deepEqual(await tablePicks(page), []);
});

test('boards of a seed, and the picture of one: class and logits of the program, to the bit where the instructions are the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pmoe-board-'));
  const page = await chromium.browser.newPage();
  try {
    await watchAnswers(page);
    await page.goto(`${server.url}${SET}&wasm=simd&seed=7`);
    await untilLive(page);
    const models = Object.keys(await said(page));
    for (const [i, index] of ['0', '3', '11'].entries()) {
      const file = join(folder, `${index}.png`);
      const composed = program('board', '--data', 'weights/samples', '--set', 'mosaic64', '--seed', '7', '--index', index, '--out', file);
      const native = program('predict', file, '--model', 'weights/board-deep-pmoe.safetensors', '--isa', 'scalar').pictures[0].models[0].prediction;
      const at = models.indexOf('pmoe64');
      if (i) await page.evaluate((hash) => (location.hash = hash), `${SET}&wasm=simd&seed=7&index=${index}`);
      assert.deepEqual(await logitsOf(page, at, native.logits), native.logits);
      await untilSaid(page, 'pmoe64', native.class);
      assert.deepEqual(await bothPicks(page), native.experts.map(({ picks }) => picks));
      assert.equal((await truthOf(page)).patch, composed.patch);
      const shown = await boardUrl(page);
      await page.click('#clear');
      await (await page.$('#file')).uploadFile(file);
      await untilText(page, '#status', (text) => text.startsWith('Your picture'));
      assert.equal(await boardUrl(page), shown, 'a picture of the board is the board');
      await untilSaid(page, 'pmoe64', native.class);
    }
  } finally {
    await page.close();
    await rm(folder, { recursive: true });
  }
});

for (const width of [320, 768, 1440])
  pageTest(`changing between sets of boards moves nothing, at ${width} pixels`, { width, touch: width === 320 }, async (page) => {
    const places = () => page.$$eval('h1, .switches, #sets, #board, .tools, .area-input, .area-routes, .area-result', (all) => all.map((part) => part.getBoundingClientRect()).map(({ x, y, width: w }) => [x, y, w].map(Math.round)));
    const before = (await places()).slice(0, -2);
    const figure = () => page.$eval('.routes-figure', (part) => [part.offsetWidth, part.offsetHeight]);
    const drawn = await figure();
    for (const set of ['mosaic64', 'mosaic10', 'mosaic64', 'mosaic']) {
      const [picture, cells] = [await boardUrl(page), set === 'mosaic64' ? 64 : 16];
      await page.click(`#sets [data-choice="${set}"]`);
      await untilAnswered(page, { mosaic64: 'pmoe64', mosaic10: 'pmoe10', mosaic: 'joint' }[set]);
      assert.notEqual(await boardUrl(page), picture);
      assert.equal(await page.$$eval('.board-cell', (all) => all.length), cells);
      assert.deepEqual((await places()).slice(0, -2), before, set);
      assert.deepEqual(await figure(), drawn, set);
    }
  });

pageTest('at 320 pixels a tap opens the pad of the cell that it meets, and tools are 44 pixels', { width: 320, height: 640, touch: true, hash: SET }, async (page) => {
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  const small = await page.$$eval('button, select, summary, .board-cell, .routes-cell', (all) =>
    all
      .filter((element) => element.checkVisibility())
      .map((element) => [element.className, element.getBoundingClientRect(), /cell/.test(element.className) ? 36 : 44])
      .filter(([, box, least]) => box.width < least || box.height < least)
      .map(([name, box]) => `${name}: ${box.width} x ${box.height}`),
  );
  assert.deepEqual(small, []);
  await page.$eval('#board', (board) => board.scrollIntoView({ block: 'center' }));
  await page.tap('.board-cell[data-cell="27"]');
  await page.waitForSelector('#pad:not([hidden])');
  assert.equal(await textOf(page, '#pad-title'), 'Patch 28');
  const box = await (await page.$('.pad-ink')).boundingBox();
  assert.ok(box.width >= 180, `the pad is as large as on any board: ${box.width}`);
  await page.click('.overlay-head button:last-child');
});

test('a set of other boards chosen while a board is on its way: only boards of that set are shown and answered', async () => {
  const { page, complaints } = await openPage(chromium.browser, server.url + SET);
  await untilLive(page);
  await page.click('#sets [data-choice="mosaic"]');
  await untilAnswered(page, 'joint');
  await page.evaluate(() => {
    document.querySelector('#shuffle').click();
    document.querySelector('#sets [data-choice="mosaic64"]').click();
    document.querySelector('#clear').click();
    document.querySelector('.board-cell').dispatchEvent(new KeyboardEvent('keydown', { key: 'Delete', bubbles: true }));
  });
  await untilAnswered(page, 'pmoe64');
  await bothPicks(page);
  assert.equal(await textOf(page, '#alert'), '');
  assert.deepEqual(complaints, []);
  await openPad(page, 63);
  await page.close();
});
