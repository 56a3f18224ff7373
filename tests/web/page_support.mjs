/**
 * What tests of the page share: a server and a Chromium for each file of tests, a page that must not complain, reading
 * what it shows and drawing on it.  No test depends on how long anything takes.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodePng } from '../../build_scripts/png.mjs';
import { serve } from '../../build_scripts/serve.mjs';
import { openBrowser, openPage, untilLive } from './browser.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

export let server, chromium;

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
export function pageTest(name, { hash = '', ...opening }, body) {
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
export const said = (page) =>
  page.$$eval('.result', (blocks) => Object.fromEntries(blocks.map((block) => [block.dataset.model, block.querySelector('.answer-class').textContent])));

/** Patches of each expert, counted from 0, from the table; [] where nothing is routed.  @param {Page} page */
export const tablePicks = (page) =>
  page.$$eval('.routes-table tbody tr', (rows) =>
    rows.map((row) => row.children[1].textContent.split(', ').map((text) => parseInt(text, 10) - 1)),
  );

/** The same from the gauges that are drawn.  @param {Page} page */
export const drawnPicks = (page) =>
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
export const textOf = (page, selector) => page.$eval(selector, (element) => element.textContent.trim());

/** Until the text of an element is as wanted.  (Asked from here: the page's policy forbids making functions of text.)
 * @param {Page} page  @param {string} selector  @param {(text: string) => boolean} holds */
export async function untilText(page, selector, holds) {
  for (let tries = 0; !holds(await textOf(page, selector)); tries++) {
    if (tries === 600) assert.fail(`${selector} goes on saying: ${await textOf(page, selector)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Which patch holds the board's own digit, counted from 0.  @param {Page} page */
export async function truthOf(page) {
  const [, label, patch] = /its digit is a (\d), in patch (\d+)\./.exec(await textOf(page, '#status'));
  return { label, patch: Number(patch) - 1 };
}

/** @param {Page} page  @param {string} model  @param {string} label */
export async function untilSaid(page, model, label) {
  await page.waitForSelector(`.result[data-model="${model}"][data-class="${label}"]`);
}

/** Keep what the engine answers, from the page's beginning: call it before the page is opened.  @param {Page} page */
export const watchAnswers = (page) =>
  page.evaluateOnNewDocument(() => {
    window.Worker = class extends Worker {
      /** @param {string|URL} url  @param {WorkerOptions} options */
      constructor(url, options) {
        super(url, options);
        this.addEventListener('message', ({ data }) => data.result?.[0]?.logits && (window.answered = data.result));
      }
    };
  });

/**
 * The logits of the last answer, once they are as wanted or after a while.
 * @param {Page} page  with watchAnswers  @param {number} at  which model of the set  @param {number[]} wanted
 */
export async function logitsOf(page, at, wanted) {
  const logits = () => page.evaluate((i) => window.answered[i].logits, at);
  for (let tries = 0; tries < 200 && JSON.stringify(await logits()) !== JSON.stringify(wanted); tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  return logits();
}

/* ---- drawing ------------------------------------------------------------------------------------------------------ */

/** Strokes in the unit square. */
export const ONE = [Array.from({ length: 12 }, (_, i) => [0.54 - 0.006 * i, 0.2 + 0.055 * i])];
export const ZERO = [Array.from({ length: 33 }, (_, i) => [0.5 + 0.2 * Math.sin((i / 32) * 2 * Math.PI), 0.5 - 0.29 * Math.cos((i / 32) * 2 * Math.PI)])];

/** @param {Page} page  @param {number} cell */
export async function openPad(page, cell) {
  await page.click(`.board-cell[data-cell="${cell}"]`);
  await page.waitForSelector('#pad:not([hidden])');
  return (await page.$('.pad-ink')).boundingBox();
}

/** @param {Page} page  @param {number} cell  @param {number[][][]} strokes */
export async function drawByMouse(page, cell, strokes) {
  const box = await openPad(page, cell);
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
    await page.mouse.move(points[0][0], points[0][1]);
    await page.mouse.down();
    for (const [x, y] of points.slice(1)) await page.mouse.move(x, y, { steps: 2 });
    await page.mouse.up();
  }
}

/* ---- pictures ----------------------------------------------------------------------------------------------------- */

/** Give a file to the page as dropping does.  @param {Page} page  @param {string} name  @param {Buffer} bytes */
export async function drop(page, name, bytes) {
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

/** A picture that is neither square nor of a multiple of 32. */
export const WIDE_PICTURE = encodePng(
  203,
  117,
  Uint8Array.from({ length: 203 * 117 * 3 }, (_, i) => 128 + 127 * Math.sin(i / 97 + (i % 3) * (1 + Math.floor(i / 609) / 40))),
  3,
);

/** Until a model of other inputs has answered.  @param {Page} page  @param {string} model */
export const untilAnswered = (page, model) => page.waitForSelector(`.result[data-model="${model}"][data-class]:not([data-class=""])`);

const PHOTO = '#photo canvas';

/** @param {Page} page  @param {string} canvas */
export const pictureUrl = (page, canvas) => page.$eval(canvas, (element) => element.toDataURL());

/** @param {Page} page */
export const photoUrl = (page) => pictureUrl(page, PHOTO);

/** Until the picture is another.  @param {Page} page  @param {string} before  @param {string} [canvas] */
export async function untilOther(page, before, canvas = PHOTO) {
  for (let tries = 0; tries < 600; tries++) {
    if ((await pictureUrl(page, canvas)) !== before) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('the picture stays');
}

/** What the network is shown: RGB, 32 x 32.  @param {Page} page  @returns {Promise<number[]>} */
export const seenPhoto = (page) =>
  page.$eval('#photo canvas', (canvas) => {
    const context = new OffscreenCanvas(32, 32).getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    return [...context.getImageData(0, 0, 32, 32).data].filter((_, i) => i % 4 < 3);
  });

/** Names of the files fetched so far.  @param {Page} page  @returns {Promise<string[]>} */
export const fetched = (page) => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name.slice(name.lastIndexOf('/') + 1)));
