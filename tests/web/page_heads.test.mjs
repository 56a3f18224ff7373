/**
 * Heads with experts on the page: which experts a photograph was sent to, what is told of them, and the table of classes
 * and experts over the sample photographs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, untilLive } from './browser.mjs';
import { chromium, fetched, pageTest, said, server, textOf, untilAnswered, untilText, watchAnswers } from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

const ON_DEMAND = ['mixtures.css', 'usage.js', 'cifar-head-dense.safetensors', 'cifar-head-hard.safetensors', 'cifar-head-soft.safetensors', 'cifar-head-sparse.safetensors'];
const MIXTURES = ['soft', 'sparse', 'hard'];

/** What is said of each expert, by mixture.  @param {Page} page  @returns {Promise<string[][]>} */
const experts = (page) => page.$$eval('.mixture', (all) => all.map((mixture) => [...mixture.querySelectorAll('.mixture-expert')].map((cell) => cell.getAttribute('aria-label'))));

/** Gates of each expert, 0 for one that was not kept.  @param {Page} page */
const gatesOf = async (page) => (await experts(page)).map((all) => all.map((text) => Number(/: kept, gate ([\d.]+),/.exec(text)?.[1] ?? 0)));

/** @param {Page} page */
const tableCells = (page) => page.$$eval('.usage-table tbody tr', (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));

pageTest('heads are a second set of photographs, fetched when chosen, with answer, multiply-adds and experts of each', { hash: '#set=cifar10&index=17' }, async (page) => {
  assert.deepEqual((await fetched(page)).filter((name) => ON_DEMAND.includes(name)), []);
  const photo = await page.$eval('#photo canvas', (canvas) => canvas.toDataURL());
  await page.click('#sets [data-choice="heads"]');
  for (const model of ['dense', ...MIXTURES]) await untilAnswered(page, model);
  assert.deepEqual((await fetched(page)).filter((name) => ON_DEMAND.includes(name)).sort(), [...ON_DEMAND].sort());
  assert.equal(new URL(page.url()).hash, '#set=heads&index=17');
  assert.equal(await page.$eval('#photo canvas', (canvas) => canvas.toDataURL()), photo, 'the same photograph');
  assert.deepEqual(Object.keys(await said(page)), ['dense', ...MIXTURES]);
  assert.deepEqual(await page.$$eval('.result .who .caption', (all) => all.map((part) => part.textContent)), ['dense, the whole picture', 'all 8 experts', '2 of 8 experts', '1 of 8 experts']);
  for (const adds of await page.$$eval('.adds .n', (all) => all.map((part) => Number(part.textContent.replaceAll(',', ''))))) assert.ok(adds > 1e7);
  assert.deepEqual(await page.$$eval('.ledger-row', (all) => all.map((row) => row.dataset.model)), MIXTURES);
  assert.deepEqual(await page.$eval('#routes', (routes) => routes.checkVisibility()), false);
  assert.deepEqual(await page.$$eval('.mixture', (all) => all.map((mixture) => mixture.querySelectorAll('.is-kept').length)), [8, 2, 1]);
  assert.deepEqual((await gatesOf(page)).map((gates) => Math.abs(gates.reduce((sum, gate) => sum + gate, 0) - 1) < 1e-4), [true, true, true]);

  await page.click('#sets [data-choice="cifar10"]');
  await untilAnswered(page, 'wrn');
  assert.equal(await page.$eval('#mixtures', (part) => part.checkVisibility()), false);
  assert.equal(await page.$eval('#routes', (routes) => routes.checkVisibility()), true);
});

test('gates, scores and bars are those of the engine; hover, focus and touch tell one exactly; a sentence tells the kept ones', async () => {
  const page = await chromium.browser.newPage();
  await watchAnswers(page);
  await page.goto(`${server.url}#set=heads&index=23`);
  await untilLive(page);
  const mixings = await page.evaluate(() => window.answered.slice(1).map(({ mixture }) => mixture));
  const gates = await gatesOf(page);
  mixings.forEach(({ picks, gates: wanted }, m) => {
    assert.deepEqual(gates[m].flatMap((gate, e) => (gate ? [e] : [])).sort(), [...picks].filter((_, i) => wanted[i] >= 1e-6).sort());
    picks.forEach((e, i) => assert.equal(gates[m][e].toFixed(6), wanted[i].toFixed(6)));
  });
  const tall = await page.$$eval('.mixture-fill', (all) => all.map((bar) => Number(bar.getAttribute('height')) / 48));
  gates.flat().forEach((gate, i) => assert.ok(Math.abs(gate - tall[i]) < 1e-5, `bar ${i} stands for ${gate}: ${tall[i]}`));

  const [best, second] = mixings[1].picks;
  const readout = '[data-model="sparse"] .mixture-readout';
  const letters = 'ABCDEFGH';
  const rest = await textOf(page, readout);
  assert.equal(rest, `Largest gates: ${letters[best]} ${mixings[1].gates[0].toFixed(2)} and ${letters[second]} ${mixings[1].gates[1].toFixed(2)}`);
  const cell = (/** @type {number} */ e) => `[data-model="sparse"] .mixture-expert[data-expert="${e}"]`;
  await page.hover(cell(best));
  assert.equal(await textOf(page, readout), await page.$eval(cell(best), (part) => part.getAttribute('aria-label')));
  assert.match(await textOf(page, readout), new RegExp(`^Expert ${letters[best]}: kept, gate ${mixings[1].gates[0].toFixed(6)}, score `));
  await page.hover('h1');
  await page.focus(`${cell(0)}[tabindex="0"]`);
  await page.keyboard.press('End');
  assert.match(await textOf(page, readout), /^Expert H: /);
  const sentence = `Sparse kept experts ${letters[best]} and ${letters[second]}. Hard kept expert ${letters[mixings[2].picks[0]]}.`;
  await untilText(page, '#live', (text) => text.includes(sentence));
  assert.ok((await textOf(page, '#live')).includes(`Soft: expert ${letters[mixings[0].picks[0]]} has the largest gate.`));
  await page.close();
});

test('the table of classes and experts is the mean over the sample photographs, and so is its CSV', async () => {
  const { page, complaints } = await openPage(chromium.browser, `${server.url}#set=heads&index=3`);
  await untilLive(page);
  await page.evaluate(() => {
    const real = URL.createObjectURL;
    URL.createObjectURL = (blob) => (blob.text().then((text) => (window.saved = text)), real.call(URL, blob));
    HTMLAnchorElement.prototype.click = function () {
      window.savedAs = this.download;
    };
  });
  await page.click('.usage > button');
  await page.waitForSelector('.usage-table', { timeout: 120000 });
  const classes = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
  for (const [m, label] of ['Soft', 'Sparse', 'Hard'].entries()) {
    await page.click(`.usage .choice button:nth-child(${m + 1})`);
    assert.equal(await textOf(page, '.usage-table caption'), `${label}: mean gate in percent, over the 50 sample photographs`);
    const rows = await tableCells(page);
    assert.deepEqual(rows.map(([name]) => name), classes);
    for (const [, ...row] of rows) assert.ok(Math.abs(row.reduce((sum, text) => sum + Number(text), 0) - 100) <= 4, `${label}: ${row}`);
  }
  await page.click('.usage .choice button:nth-child(2)');
  await page.evaluate(() => (window.saved = ''));
  await page.click('.usage > div:last-child > button');
  await until(() => page.evaluate(() => window.saved !== ''));
  const lines = (await page.evaluate(() => window.saved)).trim().split('\n').map((line) => line.split(','));
  assert.equal(await page.evaluate(() => window.savedAs), 'pmoe-experts-sparse.csv');
  assert.deepEqual(lines[0], ['network', 'class', 'sample_photographs', 'expert', 'mean_gate', 'share_kept']);
  assert.equal(lines.length, 1 + 10 * 8);

  const cats = [];
  for (const index of [43, 33, 23, 13, 3]) {
    cats.push(await gatesAt(page, index));
  }
  for (let e = 0; e < 8; e++) {
    const [, , n, letter, mean, share] = lines.find(([, name, , at]) => name === 'cat' && at === 'ABCDEFGH'[e]);
    assert.deepEqual([n, letter], ['5', 'ABCDEFGH'[e]]);
    const gates = cats.map((photo) => photo[1][e]);
    assert.ok(Math.abs(Number(mean) - gates.reduce((sum, gate) => sum + gate, 0) / 5) < 1e-5, `expert ${letter}: ${mean}, ${gates}`);
    assert.equal(Number(share), gates.filter((gate) => gate > 0).length / 5);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 1200, `still not so: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Gates of a photograph: it is timed after it is answered.  @param {Page} page  @param {number} index */
async function gatesAt(page, index) {
  await page.waitForSelector('html[data-timed]');
  const timed = () => page.$eval('html', (html) => html.dataset.timed);
  const before = await timed();
  await page.evaluate((i) => (location.hash = `#set=heads&index=${i}`), index);
  await until(async () => (await timed()) !== before);
  assert.match(await textOf(page, '#status'), new RegExp(`^Sample ${index + 1} of 50 .* \u201ccat\u201d`));
  return gatesOf(page);
}

pageTest('at 320 pixels the experts and the table fit, and targets are 44 pixels', { width: 320, height: 640, touch: true, hash: '#set=heads' }, async (page) => {
  await page.click('.usage > button');
  await page.waitForSelector('.usage-table', { timeout: 120000 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  const small = await page.$$eval('button, select, summary, .mixture-expert', (all) =>
    all
      .filter((element) => element.checkVisibility())
      .map((element) => [element.textContent, element.getBoundingClientRect()])
      .filter(([, box]) => box.width < 44 || box.height < 44)
      .map(([name, box]) => `${name}: ${box.width} x ${box.height}`),
  );
  assert.deepEqual(small, []);
  await page.tap('[data-model="hard"] .mixture-expert[data-expert="5"]');
  assert.match(await textOf(page, '[data-model="hard"] .mixture-readout'), /^Expert F: /);
});
