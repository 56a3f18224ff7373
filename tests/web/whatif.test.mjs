/**
 * What if a network were routed otherwise, on the real page in Chromium: the slider for l, the switches of experts, what
 * follows in routes and result, the address.  What the page then says must be what `pmoe predict --kept --off` prints.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from '../../build_scripts/serve.mjs';
import { openBrowser, openPage, untilLive } from './browser.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

let server, chromium, folder;

before(async () => {
  server = await serve({ port: 0 });
  chromium = await openBrowser();
  folder = await mkdtemp(join(tmpdir(), 'pmoe-whatif-'));
});
after(async () => {
  await chromium?.close();
  await server?.close();
  if (folder) await rm(folder, { recursive: true });
});

/** @param {string} name  @param {string} hash  @param {import('./browser.mjs').Opening} opening  @param {(page: Page) => Promise<void>} body */
function pageTest(name, hash, opening, body) {
  test(name, async () => {
    const { page, complaints } = await openPage(chromium.browser, server.url + hash, opening);
    try {
      await untilLive(page);
      await page.waitForSelector('pmoe-what-if [role="switch"]');
      await body(page);
      assert.deepEqual(complaints, []);
    } finally {
      await page.close();
    }
  });
}

/** The program's answer of one model to the board that the page shows first. @param {string} set @param {string} model @param {string[]} args */
function natively(set, model, ...args) {
  const board = join(folder, `${set}.png`);
  execFileSync('build/pmoe', ['board', '--data', 'weights/samples', '--set', set, '--seed', '1', '--index', '0', '--out', board]);
  const out = execFileSync('build/pmoe', ['predict', board, '--model', `weights/${model}.safetensors`, '--json', ...args], { encoding: 'utf8' });
  const { prediction, multiply_adds: adds } = JSON.parse(out).pictures[0].models[0];
  return {
    label: prediction.class,
    percent: `${(100 * prediction.probabilities[prediction.index].probability).toFixed(1)} %`,
    adds: adds.toLocaleString('en'),
    picks: prediction.experts.map((/** @type {any} */ expert) => expert.picks.map((/** @type {number} */ pick) => pick + 1)),
  };
}

/** The same off the page. @param {Page} page @param {string} id */
const shown = (page, id) =>
  page.evaluate((model) => {
    const block = document.querySelector(`.result[data-model="${model}"]`);
    const text = (/** @type {string} */ selector) => block.querySelector(selector).textContent;
    const rows = [...document.querySelectorAll('.routes-table tbody tr')];
    return {
      label: text('.answer-class'),
      percent: text('.answer-percent'),
      adds: text('.adds .n'),
      picks: rows.map((row) => row.children[1].textContent.split(', ').flatMap((pick) => (pick === 'off' ? [] : [parseInt(pick, 10)]))),
    };
  }, id);

/** @param {Page} page @param {string} selector */
const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent.trim());

/** Until what is read equals what is wanted; the answer comes from a worker. @template T @param {() => Promise<T>} read @param {T} wanted */
async function until(read, wanted) {
  for (let tries = 0; ; tries++) {
    const found = await read();
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    if (tries === 400) assert.deepEqual(found, wanted);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {Page} page */
const hash = (page) => page.evaluate(() => location.hash);

const HOW = '.result[data-model="separate"] .who .caption';

pageTest('the slider moves and all follows at once, as the program has it; reset gives the trained network back', '', {}, async (page) => {
  const trained = natively('mosaic', 'mosaic-separate');
  await until(() => shown(page, 'separate'), trained);
  const dense = await textOf(page, '.result[data-model="cnn"] .answer-percent');
  assert.equal(await textOf(page, '.what-if-label output'), '2 of 16');
  assert.equal(await page.$eval('.what-if-reset', (button) => button.disabled), true);

  await page.focus('#what-if-l');
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
  const five = natively('mosaic', 'mosaic-separate', '--kept', '5');
  await until(() => shown(page, 'separate'), five);
  assert.notEqual(five.adds, trained.adds);
  assert.equal(await textOf(page, HOW), 'What if: l = 5. Trained with l = 2, all on.');
  assert.equal(await textOf(page, '#kept'), '5');
  assert.equal(await hash(page), '#l=5');
  assert.match(await textOf(page, '.routes-note'), /^2 experts; each keeps the 5 of 16/);
  assert.equal(await textOf(page, '.result[data-model="cnn"] .answer-percent'), dense);
  assert.equal(await textOf(page, '.result[data-model="joint"] .who .caption'), '8 experts, 6 patches each');
  await until(() => page.$eval('.result[data-model="separate"] .calls', (calls) => /^median of/.test(calls.textContent)), true);
  await until(async () => /^pMoE separate with l = 5: CNN says/.test(await textOf(page, '#live')), true);

  await page.keyboard.press('End');
  await until(() => shown(page, 'separate'), natively('mosaic', 'mosaic-separate', '--kept', '16'));
  await page.click('.what-if-reset');
  await until(() => shown(page, 'separate'), trained);
  assert.equal(await textOf(page, HOW), '2 experts, 2 patches each');
  assert.equal(await hash(page), '');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'what-if-l');
});

pageTest('a switch takes an expert out of the network and puts it back, by mouse and by keys', '#model=joint', {}, async (page) => {
  const trained = natively('mosaic', 'mosaic-joint');
  await until(() => shown(page, 'joint'), trained);
  const [first, second] = await page.$$('[role="switch"]');
  await first.click();
  await until(() => shown(page, 'joint'), natively('mosaic', 'mosaic-joint', '--off', 'A'));
  assert.equal(await first.evaluate((button) => button.getAttribute('aria-checked')), 'false');
  assert.match(await textOf(page, '.chip:first-child'), /off$/);
  assert.equal(await page.$eval('.chip:first-child', (chip) => chip.getAttribute('aria-label')), 'Expert A: off');
  assert.equal(await page.$$eval('.readout-row', (rows) => rows.length), 7);
  await second.focus();
  await page.keyboard.press('Space');
  await until(() => shown(page, 'joint'), natively('mosaic', 'mosaic-joint', '--off', 'A,B'));
  assert.equal(await hash(page), '#model=joint&off=A,B');
  assert.equal(await textOf(page, '.ledger-row[data-model="joint"] .ledger-name'), 'pMoE joint, what if');
  await page.keyboard.press('Enter');
  await first.click();
  await until(() => shown(page, 'joint'), trained);
  assert.equal(await hash(page), '#model=joint');
  assert.equal(await textOf(page, '.ledger-row[data-model="joint"] .ledger-name'), 'pMoE joint');
});

pageTest('with every expert off the output layer is left, and the page says so', '', {}, async (page) => {
  const high = () => page.evaluate(() => document.documentElement.scrollHeight);
  const before = await high();
  for (const button of await page.$$('[role="switch"]')) await button.click();
  await until(() => shown(page, 'separate'), { ...natively('mosaic', 'mosaic-separate', '--off', 'A,B'), label: '0', percent: '50.0 %' });
  assert.match(await textOf(page, '.routes-note'), /^All experts are off/);
  assert.equal(await page.$$eval('.readout-row', (rows) => rows.length), 0);
  assert.equal(await high(), before, 'a shorter page would move the switches under the pointer');
});

pageTest('a link brings it back; another input keeps it, another network drops it', '#set=mosaic10&l=5&off=B,T', {}, async (page) => {
  await until(() => shown(page, 'pmoe10'), natively('mosaic10', 'mosaic10-pmoe', '--kept', '5', '--off', 'B,T'));
  assert.equal(await page.$eval('#what-if-l', (slider) => slider.value), '5');
  assert.deepEqual(await page.$$eval('[role="switch"][aria-checked="false"] .badge', (all) => all.map((one) => one.textContent)), ['B', 'T']);
  await page.click('#shuffle');
  await until(async () => /&index=\d+&l=5&off=B,T$/.test(await hash(page)), true);
  await until(async () => (await shown(page, 'pmoe10')).picks.map((picks) => picks.length).join(''), '50555555555555555550');
  await page.click('[data-choice="mosaic"]');
  await page.waitForSelector('.result[data-model="separate"][data-class="0"], .result[data-model="separate"][data-class="1"]');
  assert.equal(await textOf(page, HOW), '2 experts, 2 patches each');
  assert.doesNotMatch(await hash(page), /l=|off=/);
  await page.evaluate(() => (location.hash = '#l=3&off=A'));
  await until(() => shown(page, 'separate'), natively('mosaic', 'mosaic-separate', '--kept', '3', '--off', 'A'));
  await page.click('#models [data-choice="joint"]');
  await until(() => shown(page, 'joint'), natively('mosaic', 'mosaic-joint'));
  assert.equal(await textOf(page, HOW), '2 experts, 2 patches each');
  assert.equal(await hash(page), '#model=joint');
});

for (const [bad, sentence] of [
  ['#l=17', /^The address says l=17; expected is a whole number from 1 to 16\. The usual value is used\.$/],
  ['#l=-2', /l=-2; expected is a whole number from 0 to 4096/],
  ['#l=2e1', /l=2e1; expected is/],
  ['#off=C', /off=C; expected is letters of experts from A to B/],
  ['#off=b', /off=b; expected is letters of experts, as in A,C/],
  ['#off=<b>', /expected is letters of experts, as in A,C/],
])
  pageTest(`an address that makes no sense is told and ignored: ${bad}`, bad, {}, async (page) => {
    await until(async () => sentence.test(await textOf(page, '#alert')), true);
    await until(() => shown(page, 'separate'), natively('mosaic', 'mosaic-separate'));
    assert.equal(await page.$eval('.what-if-reset', (button) => button.disabled), true);
  });

test('routing in the address of a network that routes nothing is told and ignored', async () => {
  const { page, complaints } = await openPage(chromium.browser, `${server.url}#set=heads&l=5`);
  await untilLive(page);
  assert.match(await textOf(page, '#alert'), /l=5; expected is a network with experts/);
  assert.deepEqual(complaints, []);
  await page.close();
});

pageTest('a thumb that is dragged ends where it ends', '', { width: 390, height: 700, touch: true }, async (page) => {
  await page.$eval('#what-if-l', (slider) => slider.scrollIntoView({ block: 'center' }));
  const box = await (await page.$('#what-if-l')).boundingBox();
  assert.ok(box.height >= 44);
  const at = (/** @type {number} */ l) => /** @type {[number, number]} */ ([box.x + 14 + ((box.width - 28) * (l - 1)) / 15, box.y + box.height / 2]);
  const finger = await page.touchscreen.touchStart(...at(2));
  for (let l = 3; l <= 9; l++) await finger.move(...at(l));
  await finger.end();
  await until(() => shown(page, 'separate'), natively('mosaic', 'mosaic-separate', '--kept', '9'));
  assert.equal(await hash(page), '#l=9');
  const targets = await page.$$eval('[role="switch"], .what-if-reset', (all) => all.map((one) => one.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)));
  assert.ok(Math.min(...targets) >= 44, `${targets}`);
});

pageTest('nothing scrolls sideways on the smallest screen, and 20 switches fit', '#set=mosaic10&l=3&off=A', { width: 320, height: 600 }, async (page) => {
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  assert.equal(await page.$$eval('[role="switch"]', (all) => all.filter((one) => one.getBoundingClientRect().right <= 320).length), 20);
});

pageTest('the control comes into room that was kept for it', '', {}, async (page) => {
  const [room, control] = await page.$$eval('.routes-what-if, pmoe-what-if', (all) => all.map((one) => one.getBoundingClientRect().height));
  assert.ok(control <= room && room - control < 24, `${control} of ${room}`);
  assert.equal(room, parseFloat(await page.$eval('.routes-what-if', (place) => getComputedStyle(place).minHeight)));
});
