#!/usr/bin/env node
/**
 * Record the result that index.html shows before any script has run: opens the real page in Chromium, waits until it
 * answered and timed the default board, and writes what it then shows back into index.html and web/page/recorded.png.
 *
 *     node tests/web/record.mjs            after new weights, or when an element's markup has changed
 *
 * The parts recorded are the elements named in PARTS; what stands around them in index.html is kept.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { serve } from '../../build_scripts/serve.mjs';
import { openBrowser, openPage } from './browser.mjs';
import { encodePng } from '../../build_scripts/png.mjs';

const PARTS = ['kinds', 'sets', 'board', 'models', 'routes', 'task', 'result', 'status'];
const INDEX = new URL('../../index.html', import.meta.url);
const PICTURE = new URL('../../web/page/recorded.png', import.meta.url);

/**
 * Put new content into the one element that has this id.  Elements with an id that is recorded stand on one line, as
 * `<tag ... id="ID" ...>CONTENT</tag>`.
 * @param {string} text  @param {string} id  @param {string} content
 */
function replaceContent(text, id, content) {
  const line = new RegExp(`( *<([a-z-]+)(?: [^>]*)? id="${id}"[^>]*>).*(</\\2>)`);
  const lines = text.split('\n');
  const at = lines.findIndex((candidate) => line.test(candidate));
  if (at < 0) throw new Error(`index.html has no line with an element of id "${id}"`);
  lines[at] = lines[at].replace(line, (_, open, _tag, close) => open + content.replaceAll('\n', ' ') + close);
  return lines.join('\n');
}

const before = await readFile(INDEX, 'utf8');
const blank = PARTS.reduce((text, id) => replaceContent(text, id, ''), before);
const server = await serve({ port: 0 });
const { browser, close } = await openBrowser();
let after = before; /* what goes back into the file if recording fails */
try {
  await writeFile(INDEX, blank); /* an old recording must not be recorded again */
  const { page } = await openPage(browser, server.url);
  await page.waitForSelector('html[data-timed]');
  const engine = await page.$eval('html', (html) => html.dataset.engine);
  const version = (await browser.version()).replace(/^[A-Za-z]*Chrome/, 'Chromium').replace(/\.\d+\.\d+$/, '');
  const where = `Recorded in ${version.replace('/', ' ')} on ${cpus()[0].model.trim()}, wasm ${engine}, one thread; \u00b1 is half the interquartile range.`;
  const recorded = await page.evaluate((ids, note) => {
    for (const element of document.querySelectorAll('.is-off')) element.remove();
    document.querySelector('.routes-what-if').replaceChildren(); /* comes on demand */
    for (const element of document.querySelectorAll('[style]')) element.removeAttribute('style');
    document.querySelector('.where').textContent = note;
    return Object.fromEntries(ids.map((id) => [id, document.getElementById(id).innerHTML]));
  }, PARTS, where);
  const pixels = await page.$eval('.board-canvas', (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, 112, 112);
    return Array.from({ length: 112 * 112 }, (_, i) => Math.round(data[i * 4] / 17) * 17); /* 16 greys: 1 KB less, no eye sees it */
  });
  after = Object.entries(recorded).reduce((text, [id, content]) => replaceContent(text, id, content), blank);
  await writeFile(PICTURE, encodePng(112, 112, Uint8Array.from(pixels)));
  console.log(where);
} finally {
  await writeFile(INDEX, after);
  await close();
  await server.close();
}
