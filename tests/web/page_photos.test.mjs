/**
 * Photographs on the page, and files of any kind that are given to it: samples, uploads, what is refused, a network that
 * does not come, one with experts.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodePng } from '../../build_scripts/png.mjs';
import { modelFile } from '../cli/model_file.mjs';
import { openPage, untilLive } from './browser.mjs';
import {
  ONE, WIDE_PICTURE, chromium, drawByMouse, drawnPicks, drop, fetched, logitsOf, pageTest, photoUrl, pictureUrl, said, seenPhoto, server, tablePicks, textOf, untilAnswered,
  untilOther, untilSaid, untilText, watchAnswers,
} from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

for (const [what, hash, canvas] of [['board', '', '.board-canvas'], ['photograph', '#set=cifar10', '#photo canvas']])
  pageTest(`what is not a picture is refused by its bytes with one sentence, and the ${what} stays`, { hash }, (page) => refusesBadFiles(page, canvas));

/** @param {Page} page  @param {string} canvas */
async function refusesBadFiles(page, canvas) {
  const board = await readFile(new URL('../../weights/samples/board.png', import.meta.url));
  const status = await textOf(page, '#status');
  const before = { said: await said(page), picks: await tablePicks(page), picture: await pictureUrl(page, canvas) };
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
    assert.equal(await pictureUrl(page, canvas), before.picture);
  }
  assert.equal(await page.$eval('#alert', (alert) => alert.getAttribute('role')), 'alert');
  await page.click('#dismiss');
  assert.equal(await textOf(page, '#alert'), '');
  assert.equal(await textOf(page, '#status'), status);
  await page.click('#shuffle');
  await untilOther(page, before.picture, canvas); /* of 160 boards one has this one's digit and patch, and so its words */
}

const ONLY_FOR_PHOTOS = ['photos.js', 'cifar10.png', 'cifar-wrn.safetensors', 'cifar-wrn-pmoe.safetensors', 'cifar-deep-pmoe.safetensors'];

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
  for (const model of ['wrn-pmoe', 'deep']) await untilAnswered(page, model);
  assert.deepEqual(await page.$$eval('#board, #clear, #routes, .ledger', (all) => all.filter((part) => part.checkVisibility()).map(({ id, className }) => id || className)), ['routes', 'ledger']);
  assert.deepEqual((await tablePicks(page)).map((kept) => kept.length), [16, 16, 16, 16]);
  assert.equal(await page.$$eval('.result .classes li', (all) => all.length), 15);
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

pageTest('a routed network shows its patches on the photograph, and is asked what if like on a board', { hash: '#set=cifar10&index=23' }, async (page) => {
  await page.click('#sets [data-choice="vehicles"]');
  for (const model of ['wrn-v', 'pmoe-v']) await untilAnswered(page, model);
  assert.equal(new URL(page.url()).hash, '#set=vehicles');
  assert.match(await textOf(page, '#status'), /^Sample 1 of 20 .* \u201cairplane\u201d\.$/);
  assert.equal((await page.$$('.routes-cell')).length, 64);
  const picks = await tablePicks(page);
  assert.equal(picks.length, 4);
  assert.deepEqual(picks.map((kept) => kept.length), [16, 16, 16, 16]);
  await page.waitForSelector('pmoe-what-if input[type="range"][max="64"]');
  await page.evaluate(() => (location.hash = '#set=vehicles&index=6&l=3&off=B'));
  await untilText(page, '#status', (text) => text.startsWith('Sample 7 of 20'));
  await page.waitForFunction(() => [...document.querySelectorAll('.routes-table tbody tr')].every((row, e) => (row.children[1].textContent.match(/\(/g)?.length ?? 0) === (e === 1 ? 0 : 3)));
  await page.click('#sets [data-choice="heads"]');
  await untilText(page, '#status', (text) => text.startsWith('Sample 1 of 50'));
});

test('an uploaded photograph gives the class and logits of the program, to the bit where the instructions are the same', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pmoe-photo-'));
  const page = await chromium.browser.newPage();
  try {
    const file = join(folder, 'picture.png');
    await writeFile(file, WIDE_PICTURE);
    const args = ['predict', file, '--model', 'weights/cifar-wrn.safetensors', '--isa', 'scalar', '--json'];
    const root = new URL('../../', import.meta.url).pathname;
    const native = JSON.parse(execFileSync('build/pmoe', args, { cwd: root, encoding: 'utf8' })).pictures[0].models[0].prediction;
    await watchAnswers(page);
    await page.goto(`${server.url}#set=cifar10&wasm=simd`);
    await untilLive(page);
    await (await page.$('#file')).uploadFile(file);
    await untilText(page, '#status', (text) => text.startsWith('Your picture'));
    await page.waitForSelector(`.result[data-model="wrn"][data-class="${native.class}"]`);
    assert.deepEqual(await logitsOf(page, 0, native.logits), native.logits);
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
    assert.deepEqual(await page.$$eval('#models button', (all) => all.map((button) => button.textContent)), ['Two', 'WRN-pMoE', 'Deep pMoE']);
    await page.close();
  });
