/**
 * The page in Chromium, with the real engine and weights: draws digits by mouse, touch and keys, and reads class and
 * routed patches off the page; photographs; empty boards, refused pictures, the address, every wasm variant, the smallest
 * screen.
 * No test depends on how long anything takes.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from '../../build_scripts/serve.mjs';
import { modelFile } from '../cli/model_file.mjs';
import { openBrowser, openPage, untilLive } from './browser.mjs';
import { encodePng } from '../../build_scripts/png.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

let server, chromium;

before(async () => {
  server = await serve({ port: 0 });
  chromium = await openBrowser();
});
after(async () => {
  await chromium?.close();
  await server?.close();
});

/**
 * A test on a fresh page, which must not complain.
 * @param {string} name  @param {{hash?: string} & import('./browser.mjs').Opening} opening
 * @param {(page: Page, t: import('node:test').TestContext) => Promise<void>} body
 */
function pageTest(name, { hash = '', ...opening }, body) {
  test(name, async (t) => {
    const { page, complaints } = await openPage(chromium.browser, server.url + hash, opening);
    try {
      if (opening.scripts !== false) await untilLive(page);
      await body(page, t);
      if (opening.scripts !== false) assert.deepEqual(complaints, []); /* without scripts, preloading them is refused */
    } finally {
      await page.close();
    }
  });
}

/* ---- reading the page -------------------------------------------------------------------------------------------- */

/** What each model says, by its id.  @param {Page} page  @returns {Promise<Record<string, string>>} */
const said = (page) =>
  page.$$eval('.result', (blocks) => Object.fromEntries(blocks.map((block) => [block.dataset.model, block.querySelector('.answer-class').textContent])));

/** Patches of each expert, counted from 0, from the table; [] where nothing is routed.  @param {Page} page */
const tablePicks = (page) =>
  page.$$eval('.routes-table tbody tr', (rows) =>
    rows.map((row) => row.children[1].textContent.split(', ').map((text) => parseInt(text, 10) - 1)),
  );

/** The same from the gauges that are drawn.  @param {Page} page */
const drawnPicks = (page) =>
  page.$$eval('.routes-overlay > g', (patches) => {
    const picks = [];
    patches.forEach((patch, i) =>
      patch.querySelectorAll('.gauge').forEach((gauge) => {
        if (getComputedStyle(gauge).display !== 'none') (picks[gauge.dataset.expert] ??= []).push(i);
      }),
    );
    return picks;
  });

/** @param {Page} page  @param {string} selector */
const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent.trim());

/** Until the text of an element is as wanted.  (Asked from here: the page's policy forbids making functions of text.)
 * @param {Page} page  @param {string} selector  @param {(text: string) => boolean} holds */
async function untilText(page, selector, holds) {
  for (let tries = 0; !holds(await textOf(page, selector)); tries++) {
    if (tries === 600) assert.fail(`${selector} goes on saying: ${await textOf(page, selector)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Which patch holds the board's own digit, counted from 0.  @param {Page} page */
async function truthOf(page) {
  const [, label, patch] = /its digit is a (\d), in patch (\d+)\./.exec(await textOf(page, '#status'));
  return { label, patch: Number(patch) - 1 };
}

/** @param {Page} page  @param {string} model  @param {string} label */
async function untilSaid(page, model, label) {
  await page.waitForSelector(`.result[data-model="${model}"][data-class="${label}"]`);
}

/* ---- drawing ------------------------------------------------------------------------------------------------------ */

/** Strokes in the unit square. */
const ONE = [Array.from({ length: 12 }, (_, i) => [0.54 - 0.006 * i, 0.2 + 0.055 * i])];
const ZERO = [Array.from({ length: 33 }, (_, i) => [0.5 + 0.2 * Math.sin((i / 32) * 2 * Math.PI), 0.5 - 0.29 * Math.cos((i / 32) * 2 * Math.PI)])];

/** @param {Page} page  @param {number} cell */
async function openPad(page, cell) {
  await page.click(`.board-cell[data-cell="${cell}"]`);
  await page.waitForSelector('#pad:not([hidden])');
  return (await page.$('.pad-ink')).boundingBox();
}

/** @param {Page} page  @param {number} cell  @param {number[][][]} strokes */
async function drawByMouse(page, cell, strokes) {
  const box = await openPad(page, cell);
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
    await page.mouse.move(points[0][0], points[0][1]);
    await page.mouse.down();
    for (const [x, y] of points.slice(1)) await page.mouse.move(x, y, { steps: 2 });
    await page.mouse.up();
  }
}

/* ---- tests -------------------------------------------------------------------------------------------------------- */

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

for (const [label, strokes] of [['1', ONE], ['0', ZERO]])
  pageTest(`a ${label} drawn with the mouse is read as ${label}, and an expert takes it`, {}, async (page) => {
    const { patch } = await truthOf(page);
    await drawByMouse(page, patch, strokes);
    for (const model of ['cnn', 'separate', 'joint']) await untilSaid(page, model, label);
    const picks = await tablePicks(page);
    assert.ok(picks.some((expert) => expert.includes(patch)), `patch ${patch} among ${JSON.stringify(picks)}`);
    assert.deepEqual((await drawnPicks(page)).map((expert) => expert.sort()), picks.map((expert) => expert.sort()));
    const seen = await page.$eval('.pad-seen', (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, 28, 28);
      const inked = [...Array(784).keys()].filter((i) => data[i * 4] >= 32);
      return { top: Math.floor(Math.min(...inked) / 28), bottom: Math.floor(Math.max(...inked) / 28) };
    });
    assert.ok(seen.bottom - seen.top >= 18 && seen.bottom - seen.top <= 21, `20 rows of ink, found ${JSON.stringify(seen)}`);
    await page.keyboard.press('Escape');
    assert.equal(await page.$eval('#pad', (pad) => pad.hidden), true);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), String(patch));
    assert.match(await page.$eval(`.board-cell[data-cell="${patch}"]`, (cell) => cell.getAttribute('aria-label')), /drawn$/);
  });

pageTest('a 1 can be drawn by keys alone', { hash: '#seed=3&index=4' }, async (page) => {
  const { label, patch } = await truthOf(page);
  assert.equal(label, '0');
  await page.focus('.board-cell[tabindex="0"]');
  for (let i = 0; i < patch % 4; i++) await page.keyboard.press('ArrowRight');
  for (let i = 0; i < Math.floor(patch / 4); i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#pad:not([hidden])');
  for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  for (let i = 0; i < 16; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await untilSaid(page, 'separate', '1');
  assert.ok((await tablePicks(page)).some((expert) => expert.includes(patch)));
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  const before = await page.$eval('.pad-seen', (canvas) => canvas.toDataURL());
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  assert.equal(await page.$eval('.pad-seen', (canvas) => canvas.toDataURL()), before, 'a lifted pen draws nothing');
  await page.keyboard.press('Escape');
});

pageTest('a finger draws; the page stays where it is; a second finger is ignored', { width: 390, height: 600, touch: true }, async (page) => {
  const { patch } = await truthOf(page);
  await page.$eval(`.board-cell[data-cell="${patch}"]`, (cell) => cell.scrollIntoView({ block: 'center' }));
  await page.tap(`.board-cell[data-cell="${patch}"]`);
  const box = await (await page.waitForSelector('.pad-ink')).boundingBox();
  const scrolled = await page.evaluate(() => scrollY);
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  const finger = await page.touchscreen.touchStart(...at(ONE[0][0]));
  const second = await page.touchscreen.touchStart(...at([0.9, 0.5]));
  for (const point of ONE[0].slice(1)) await finger.move(...at(point));
  await second.move(...at([0.1, 0.5]));
  await second.end();
  await finger.end();
  await untilSaid(page, 'separate', '1');
  assert.equal(await page.evaluate(() => scrollY), scrolled);
  const wide = await page.$eval('.pad-seen', (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, 28, 28);
    const columns = [...Array(784).keys()].filter((i) => data[i * 4] >= 32).map((i) => i % 28);
    return Math.max(...columns) - Math.min(...columns);
  });
  assert.ok(wide < 10, `a 1 is narrow; found ${wide} columns, as if the second finger had drawn`);
  assert.equal(await page.$eval('.board-cell', (cell) => getComputedStyle(cell).touchAction), 'auto');
});

pageTest('a touch that the system takes back leaves the patch as it was', { width: 390, height: 600, touch: true }, async (page) => {
  const status = await textOf(page, '#status');
  const before = [await page.$eval('.board-canvas', (canvas) => canvas.toDataURL()), await tablePicks(page)];
  const box = await openPad(page, 5);
  const seen = await page.$eval('.pad-seen', (canvas) => canvas.toDataURL());
  const client = await page.createCDPSession();
  const touch = (/** @type {'touchStart'|'touchMove'|'touchCancel'} */ type, /** @type {number[][]} */ points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height })) });
  await touch('touchStart', [[0.5, 0.2]]);
  await touch('touchMove', [[0.5, 0.8]]);
  await untilText(page, '#status', (text) => text !== status);
  await touch('touchCancel', []);
  await untilText(page, '#status', (text) => text === status);
  assert.equal(await page.$eval('.pad-seen', (canvas) => canvas.toDataURL()), seen);
  await page.click('.overlay-head button:last-child');
  assert.equal(await page.$eval('.board-canvas', (canvas) => canvas.toDataURL()), before[0]);
  await untilText(page, '#live', (text) => text !== '');
  assert.deepEqual(await tablePicks(page), before[1]);
});

pageTest('an empty board and an empty patch are said to be empty, never predicted', {}, async (page) => {
  await page.click('#clear');
  assert.equal(await textOf(page, '#status'), 'The board is empty: draw a digit or shuffle.');
  const nothing = { cnn: '\u2013', separate: '\u2013', joint: '\u2013' };
  assert.deepEqual(await said(page), nothing);
  assert.deepEqual(await tablePicks(page), []);
  assert.deepEqual(await drawnPicks(page), []);

  await drawByMouse(page, 9, ONE);
  await page.keyboard.press('Escape');
  await untilText(page, '#status', (text) => text.startsWith('15 of the 16 patches are empty.'));
  assert.deepEqual(await said(page), nothing);

  await page.click('#status-act');
  for (const model of ['cnn', 'separate', 'joint']) await untilSaid(page, model, '1');
  assert.ok((await tablePicks(page)).some((expert) => expert.includes(9)));

  await page.focus('.board-cell[data-cell="2"]');
  await page.keyboard.press('Delete');
  await untilText(page, '#status', (text) => text.startsWith('Patch 3 is empty.'));
  assert.deepEqual(await said(page), nothing);
  assert.deepEqual(await drawnPicks(page), []);
});

pageTest('closing the pad without a stroke leaves the patch as it was; Clear in it empties the patch', {}, async (page) => {
  const picture = () => page.$eval('.board-canvas', (canvas) => canvas.toDataURL());
  const before = await picture();
  await openPad(page, 5);
  await page.keyboard.press('Escape');
  assert.equal(await picture(), before);
  await openPad(page, 5);
  await page.keyboard.press('Delete');
  await untilText(page, '#status', (text) => text.startsWith('Patch 6 is empty.'));
  assert.notEqual(await picture(), before);
});

pageTest('a drawn digit beside the board\u2019s own is pointed out, and one press replaces that', { hash: '#index=2' }, async (page) => {
  const { label, patch } = await truthOf(page);
  const other = (patch + 5) % 16;
  await drawByMouse(page, other, label === '0' ? ONE : ZERO);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#status-act:not([hidden])');
  assert.equal(await textOf(page, '#status'), `Patch ${patch + 1} still holds this board\u2019s own ${label}.`);
  await page.click('#status-act');
  await page.waitForSelector('#status-act', { hidden: true }); // the answer may be the same before and after
  await untilSaid(page, 'separate', label === '0' ? '1' : '0');
});

pageTest('a sample digit goes into the selected patch', {}, async (page) => {
  const { label, patch } = await truthOf(page);
  const other = label === '0' ? '1' : '0';
  await page.focus('.board-cell[tabindex="0"]');
  for (let i = 0; i < patch % 4; i++) await page.keyboard.press('ArrowRight');
  for (let i = 0; i < Math.floor(patch / 4); i++) await page.keyboard.press('ArrowDown');
  await page.click('#samples');
  await (await page.waitForSelector(`.sample[data-label="${other}"]`)).click();
  await untilSaid(page, 'separate', other);
  assert.equal(await page.$eval(`.board-cell[data-cell="${patch}"]`, (cell) => cell.getAttribute('aria-label')), `Patch ${patch + 1}, a sample of the digit ${other}`);
});

/* ---- pictures ----------------------------------------------------------------------------------------------------- */

/** Give a file to the page as dropping does.  @param {Page} page  @param {string} name  @param {Buffer} bytes */
async function drop(page, name, bytes) {
  await page.evaluate(
    (fileName, base64) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));
    },
    name,
    bytes.toString('base64'),
  );
}

for (const [what, hash, canvas] of [['board', '', '.board-canvas'], ['photograph', '#set=cifar10', '#photo canvas']])
  pageTest(`what is not a picture is refused by its bytes with one sentence, and the ${what} stays`, { hash }, (page) => refusesBadFiles(page, canvas));

/** @param {Page} page  @param {string} canvas */
async function refusesBadFiles(page, canvas) {
  const board = await readFile(new URL('../../weights/samples/board.png', import.meta.url));
  const status = await textOf(page, '#status');
  const before = { said: await said(page), picks: await tablePicks(page), picture: await page.$eval(canvas, (c) => c.toDataURL()) };
  /** @type {[string, Buffer, RegExp][]} */
  const refused = [
    ['digit.png', Buffer.from('%PDF-1.7\n'), /^This is a file of the kind PDF/],
    ['digit.jpg', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), /^This is a file of the kind HEIC/],
    ['digit.png', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /^This is a file of the kind SVG/],
    ['digit.png', Buffer.from('II*\0\x08\0\0\0'), /^This is a file of the kind TIFF/],
    ['digit.png', Buffer.from('hello, network'), /^This file is not a picture/],
    ['digit.png', Buffer.alloc(0), /^This file is empty/],
    ['digit.png', board.subarray(0, 40), /^This PNG file could not be decoded/],
    ['digit.png', board.subarray(0, 12), /^This PNG file could not be decoded/],
    ['digit.png', encodePng(20000, 20, Buffer.alloc(1)), /^This picture is 20000 \u00d7 20;/],
    ['digit.png', encodePng(16000, 16000, Buffer.alloc(1)), /^This picture is 16000 \u00d7 16000;/],
  ];
  for (const [name, bytes, sentence] of refused) {
    await page.$eval('#alert', (alert) => (alert.textContent = ''));
    await drop(page, name, bytes);
    await untilText(page, '#alert', (text) => text !== '');
    assert.match(await textOf(page, '#alert'), sentence);
    assert.deepEqual(await said(page), before.said);
    assert.deepEqual(await tablePicks(page), before.picks);
    assert.equal(await page.$eval(canvas, (c) => c.toDataURL()), before.picture);
  }
  assert.equal(await page.$eval('#alert', (alert) => alert.getAttribute('role')), 'alert');
  await page.click('#dismiss');
  assert.equal(await textOf(page, '#alert'), '');
  assert.equal(await textOf(page, '#status'), status);
  await page.click('#shuffle');
  await untilText(page, '#status', (text) => text !== status);
}

pageTest('an uploaded board is read whole', { hash: '#index=1' }, async (page) => {
  const board = new URL('../../weights/samples/board.png', import.meta.url);
  await (await page.$('#file')).uploadFile(board.pathname);
  await untilText(page, '#status', (text) => text.startsWith('Your picture'));
  await page.waitForSelector('.board-cell[aria-label="Patch 1, part of your picture"]');
  for (const label of Object.values(await said(page))) assert.match(label, /^[01]$/);
  assert.deepEqual((await tablePicks(page)).map((picks) => picks.length), [2, 2]);
});

/* ---- photographs -------------------------------------------------------------------------------------------------- */

/** Until a model of other inputs has answered.  @param {Page} page  @param {string} model */
const untilAnswered = (page, model) => page.waitForSelector(`.result[data-model="${model}"][data-class]:not([data-class=""])`);

/** @param {Page} page */
const photoUrl = (page) => page.$eval('#photo canvas', (canvas) => canvas.toDataURL());

/** Until the photograph is another.  @param {Page} page  @param {string} before */
async function untilOther(page, before) {
  for (let tries = 0; tries < 600; tries++) {
    if ((await photoUrl(page)) !== before) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('the photograph stays');
}

/** What the network is shown: RGB, 32 x 32.  @param {Page} page  @returns {Promise<number[]>} */
const seenPhoto = (page) =>
  page.$eval('#photo canvas', (canvas) => {
    const context = new OffscreenCanvas(32, 32).getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    return [...context.getImageData(0, 0, 32, 32).data].filter((_, i) => i % 4 < 3);
  });

/** Names of the files fetched so far.  @param {Page} page  @returns {Promise<string[]>} */
const fetched = (page) => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name.slice(name.lastIndexOf('/') + 1)));

const ONLY_FOR_PHOTOS = ['photos.js', 'cifar10.png', 'cifar-wrn.safetensors'];

pageTest('photographs and their network are fetched when they are chosen; digits come back', {}, async (page) => {
  const digits = [await said(page), await tablePicks(page)];
  assert.deepEqual((await fetched(page)).filter((name) => ONLY_FOR_PHOTOS.includes(name)), []);
  await page.$eval('#status', (status) => {
    window.statuses = [];
    new MutationObserver((changes) => window.statuses.push(...changes.flatMap(({ addedNodes }) => [...addedNodes].map((node) => node.textContent)))).observe(status, { childList: true });
  });
  await page.focus('#kinds [data-choice="photo"]');
  await page.keyboard.press('Enter');
  await untilAnswered(page, 'wrn');
  assert.deepEqual((await fetched(page)).filter((name) => ONLY_FOR_PHOTOS.includes(name)).sort(), [...ONLY_FOR_PHOTOS].sort());
  assert.equal(new URL(page.url()).hash, '#set=cifar10');
  assert.match((await page.evaluate(() => window.statuses))[0], /^Loading, [\d,]+ KiB of [\d,]+ KiB\.$/);
  assert.equal(await textOf(page, '#status'), 'Sample 1 of 50 from the test images, labelled \u201cairplane\u201d.');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.choice), 'photo');
  assert.deepEqual(await page.$$eval('#board, #clear, #routes, .ledger', (all) => all.filter((part) => part.checkVisibility()).map(({ id }) => id)), []);
  assert.match(await textOf(page, '#no-routes'), /^Nothing is routed here/);
  assert.equal(await page.$$eval('.result .classes li', (all) => all.length), 5);
  await untilText(page, '.result .time', (text) => /^[\d.,]+ (ms|\u00b5s) \u00b1 [\d.,]+$/.test(text));

  await page.click('#kinds [data-choice="board"]');
  await untilAnswered(page, 'joint');
  assert.deepEqual([await said(page), await tablePicks(page)], digits);
  assert.equal(new URL(page.url()).hash, '');
});

pageTest('a link to a photograph shows it; a sample that is chosen becomes the link', { hash: '#set=cifar10&index=23' }, async (page) => {
  const shown = [await photoUrl(page), await said(page), await textOf(page, '#status')];
  assert.equal(shown[2], 'Sample 24 of 50 from the test images, labelled \u201ccat\u201d.');
  assert.ok(!(await fetched(page)).some((name) => name.startsWith('mosaic') || name.startsWith('digits')), 'nothing of the boards is needed');
  await page.click('#samples');
  await (await page.waitForSelector('.sample[data-label="8"]')).click();
  await untilText(page, '#status', (text) => text !== shown[2]);
  assert.match(await textOf(page, '#status'), /^Sample 9 of 50 .* \u201cship\u201d\.$/);
  assert.equal(new URL(page.url()).hash, '#set=cifar10&index=8');
  await page.evaluate(() => (location.hash = '#set=cifar10&index=23'));
  await untilText(page, '#status', (text) => text === shown[2]);
  assert.equal(await photoUrl(page), shown[0]);
  await untilSaid(page, 'wrn', shown[1].wrn);
  await page.evaluate(() => (location.hash = '#set=mosaic10&index=3'));
  await page.waitForSelector('.result[data-model="pmoe10"][data-class="3"]');
});

/** A picture that is neither square nor of a multiple of 32. */
const WIDE_PICTURE = encodePng(
  203,
  117,
  Uint8Array.from({ length: 203 * 117 * 3 }, (_, i) => 128 + 127 * Math.sin(i / 97 + (i % 3) * (1 + Math.floor(i / 609) / 40))),
  3,
);

test('an uploaded photograph gives the class and logits of the program, to the bit where the instructions are the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pmoe-photo-'));
  const page = await chromium.browser.newPage();
  try {
    const file = join(folder, 'picture.png');
    await writeFile(file, WIDE_PICTURE);
    const args = ['predict', file, '--model', 'weights/cifar-wrn.safetensors', '--isa', 'scalar', '--json'];
    const root = new URL('../../', import.meta.url).pathname;
    const native = JSON.parse(execFileSync('build/pmoe', args, { cwd: root, encoding: 'utf8' })).pictures[0].models[0].prediction;
    await page.evaluateOnNewDocument(() => {
      window.Worker = class extends Worker {
        /** @param {string|URL} url  @param {WorkerOptions} options */
        constructor(url, options) {
          super(url, options);
          this.addEventListener('message', ({ data }) => data.result?.[0]?.logits && (window.answered = data.result[0]));
        }
      };
    });
    await page.goto(`${server.url}#set=cifar10&wasm=simd`);
    await untilLive(page);
    await (await page.$('#file')).uploadFile(file);
    await untilText(page, '#status', (text) => text.startsWith('Your picture'));
    await page.waitForSelector(`.result[data-model="wrn"][data-class="${native.class}"]`);
    for (let tries = 0; tries < 200 && JSON.stringify(await page.evaluate(() => window.answered.logits)) !== JSON.stringify(native.logits); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await page.evaluate(() => window.answered.logits), native.logits);
  } finally {
    await page.close();
    await rm(folder, { recursive: true });
  }
});

pageTest('a dropped picture becomes what is shown: a photograph, or a board', { hash: '#set=cifar10' }, async (page) => {
  await drop(page, 'picture', WIDE_PICTURE);
  await untilText(page, '#status', (text) => text === 'Your picture, cropped to a square and averaged down.');
  assert.equal((await seenPhoto(page)).length, 32 * 32 * 3);
  await page.click('#kinds [data-choice="board"]');
  await untilAnswered(page, 'cnn');
  await drop(page, 'picture', WIDE_PICTURE);
  await untilText(page, '#status', (text) => text.startsWith('Your picture, cropped to a square, in grey, and inverted'));
});

pageTest('digits chosen while photographs are on their way: the drawn board stays', {}, async (page) => {
  await drawByMouse(page, 5, ONE);
  await page.keyboard.press('Escape');
  await untilText(page, '#status', (text) => text.includes('still holds'));
  const before = [await page.$eval('.board-canvas', (canvas) => canvas.toDataURL()), await textOf(page, '#status')];
  await page.evaluate(() => ['photo', 'board'].forEach((kind) => document.querySelector(`#kinds [data-choice="${kind}"]`).click()));
  await page.waitForNetworkIdle();
  assert.deepEqual([await page.$eval('.board-canvas', (canvas) => canvas.toDataURL()), await textOf(page, '#status')], before);
  assert.equal(await page.$eval('#kinds [aria-pressed="true"]', (button) => button.dataset.choice), 'board');
  await page.click('#kinds [data-choice="photo"]');
  await untilAnswered(page, 'wrn');
});

/** Colours of the four quarters, by the EXIF orientation of a file that holds red, green, blue, white. */
const QUARTERS = ['rgbw', 'grwb', 'wbgr', 'bwrg', 'rbgw', 'brwg', 'wgbr', 'gwrb'];

/** A JPEG as the browser writes it, of those quarters.  @param {Page} page */
async function quartersJpeg(page) {
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(64, 64);
    const context = canvas.getContext('2d');
    ['#f00', '#0f0', '#00f', '#fff'].forEach((colour, i) => {
      context.fillStyle = colour;
      context.fillRect(32 * (i % 2), 32 * Math.floor(i / 2), 32, 32);
    });
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 })).arrayBuffer())];
  });
  return Buffer.from(bytes);
}

/** With a segment behind the first marker that says how to turn it.  @param {Buffer} jpeg  @param {number} orientation */
function turned(jpeg, orientation) {
  const entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
  const exif = Buffer.from([...Buffer.from('Exif\0\0MM\0*'), 0, 0, 0, 8, 0, 1, ...entry, 0, 0, 0, 0]);
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif, jpeg.subarray(2)]);
}

pageTest('a photograph is turned upright by each of the eight EXIF orientations', { hash: '#set=cifar10' }, async (page) => {
  const jpeg = await quartersJpeg(page);
  for (const [i, expected] of QUARTERS.entries()) {
    const before = await photoUrl(page);
    await drop(page, 'photo.jpg', turned(jpeg, i + 1));
    await untilOther(page, before);
    const rgb = await seenPhoto(page);
    const middles = [[8, 8], [24, 8], [8, 24], [24, 24]].map(([x, y]) => rgb.slice(3 * (32 * y + x)).slice(0, 3).map((value) => value > 128));
    assert.equal(middles.map(([r, g, b]) => (r && g && b ? 'w' : r ? 'r' : g ? 'g' : 'b')).join(''), expected, `orientation ${i + 1}`);
  }
});

test('photographs whose network does not come: said in a sentence, digits go on, and it can be asked again', async () => {
  const { page, complaints } = await openPage(chromium.browser, server.url);
  await untilLive(page);
  const digits = await said(page);
  await page.setRequestInterception(true);
  let broken = true;
  page.on('request', (request) =>
    broken && request.url().endsWith('cifar-wrn.safetensors') ? request.respond({ status: 404, body: 'no' }) : request.continue(),
  );
  await page.click('#kinds [data-choice="photo"]');
  await untilText(page, '#alert', (text) => text !== '');
  assert.equal(await textOf(page, '#alert'), 'cifar-wrn.safetensors could not be loaded: the server answered 404.');
  assert.match(await textOf(page, '#status'), /^Board from the test digits/);
  assert.deepEqual(await said(page), digits);
  broken = false;
  await page.click('#kinds [data-choice="photo"]');
  await untilAnswered(page, 'wrn');
  assert.equal(await textOf(page, '#alert'), '');
  assert.equal(complaints.length, 1, `of the request that was refused: ${complaints}`);
  await page.close();
});

/** A network of photographs whose two experts take the brightest and the darkest patches.  @param {number} patch */
function brightAndDark(patch) {
  const expert = [{ type: 'patch_conv', patch, filters: 4 }, { type: 'relu' }];
  const layers = [
    { name: 'router', type: 'patch_router', input: 'image', patch, experts: 2 },
    { name: 'experts', type: 'expert_group', input: 'image', router: 'router', kept: 3, gate: 'topl_softmax', expert },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 3 },
  ];
  const area = 3 * patch * patch;
  return modelFile({ version: 1, name: 'bright-and-dark', input: { height: 32, width: 32, channels: 3 }, classes: ['red', 'green', 'blue'], layers }, [
    { name: 'experts.weight', shape: [2, 4, 3, patch, patch] },
    { name: 'out.weight', shape: [3, 8] },
    { name: 'router.weight', shape: [2, 3, patch, patch], fill: (i) => (i < area ? 1 : -1) },
  ]);
}

for (const patch of [8, 4])
  test(`a routed model of photographs is a row of the table: picks on patches of ${patch} x ${patch} pixels`, async () => {
    const page = await chromium.browser.newPage();
    const table = await readFile(new URL('../../web/page/models.js', import.meta.url), 'utf8');
    const row = "{ id: 'wrn', file: 'cifar-wrn.safetensors', label: 'Wide ResNet' }";
    assert.ok(table.includes(row));
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      if (request.url().endsWith('/models.js')) request.respond({ contentType: 'text/javascript', body: table.replace(row, `${row}, { id: 'two', file: 'two.safetensors', label: 'Two' }`) });
      else if (request.url().endsWith('/two.safetensors')) request.respond({ body: brightAndDark(patch) });
      else request.continue();
    });
    await page.goto(`${server.url}#set=cifar10&index=7&model=two`);
    await untilLive(page);
    const [wide, rgb] = [32 / patch, await seenPhoto(page)];
    const brightness = Array.from({ length: wide * wide }, () => 0);
    rgb.forEach((value, i) => (brightness[Math.floor(i / (96 * patch)) * wide + (Math.floor(i / (3 * patch)) % wide)] += value));
    const order = brightness.map((_, i) => i).sort((a, b) => brightness[b] - brightness[a]);
    assert.deepEqual(await tablePicks(page), [order.slice(0, 3), order.slice(-3).reverse()]);
    assert.deepEqual((await drawnPicks(page)).map((picks) => picks.sort()), (await tablePicks(page)).map((picks) => picks.sort()));
    assert.equal(await page.$$eval('.routes-cell', (cells) => cells.length), wide * wide);
    const cell = await page.$eval(`.routes-cell[data-patch="${wide + 1}"]`, ({ offsetLeft, offsetTop, offsetParent }) => [offsetLeft, offsetTop].map((at) => Math.round((at / offsetParent.offsetWidth) * 1000)));
    for (const at of cell) assert.ok(Math.abs(at - 1000 / wide) < 5, `the second cell of the second row stands where its patch is: ${cell}`);
    assert.equal(await textOf(page, '.routes-table th:nth-child(3)'), `Scores of patches 1 to ${wide * wide}`);
    assert.equal(await page.$eval('.routes-canvas', (canvas) => canvas.width), 32);
    assert.deepEqual(await page.$$eval('#models button', (all) => all.map((button) => button.textContent)), ['Two']);
    await page.close();
  });

/* ---- address, engine, experts ------------------------------------------------------------------------------------- */

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

for (const hash of ['#model=joint', '#set=cifar10'])
  pageTest(`at 320 pixels nothing scrolls sideways and every target is 44 pixels: ${hash}`, { width: 320, height: 640, touch: true, hash }, fitsSmallScreen);

/** @param {Page} page */
async function fitsSmallScreen(page) {
  await page.waitForSelector('html[data-timed]');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  const small = await page.$$eval('button, select, summary, .board-cell, .routes-cell', (all) =>
    all
      .filter((element) => element.checkVisibility())
      .map((element) => [element.textContent.trim().slice(0, 20), element.getBoundingClientRect()])
      .filter(([, box]) => box.width < 44 || box.height < 44)
      .map(([text, box]) => `${text}: ${box.width} x ${box.height}`),
  );
  assert.deepEqual(small, []);
}

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
