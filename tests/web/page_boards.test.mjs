/**
 * Boards on the page: digits drawn by mouse, touch and keys, sample digits, empty patches, an uploaded board; class and
 * routed patches are read off the page.
 */
import assert from 'node:assert/strict';
import { ONE, ZERO, drawByMouse, drawnPicks, openPad, pageTest, said, tablePicks, textOf, truthOf, untilSaid, untilText } from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

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

pageTest('an uploaded board is read whole', { hash: '#index=1' }, async (page) => {
  const board = new URL('../../weights/samples/board.png', import.meta.url);
  await (await page.$('#file')).uploadFile(board.pathname);
  await untilText(page, '#status', (text) => text.startsWith('Your picture'));
  await page.waitForSelector('.board-cell[aria-label="Patch 1, part of your picture"]');
  for (const label of Object.values(await said(page))) assert.match(label, /^[01]$/);
  assert.deepEqual((await tablePicks(page)).map((picks) => picks.length), [2, 2]);
});
