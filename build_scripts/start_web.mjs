// How long the page takes from the start of its script to its first prediction, in Chromium on loopback.
//
//     node build_scripts/start_web.mjs [--runs 9] [--hash '#wasm=simd']
//
// Each run is a new browser with an empty profile; nothing is attached to the page until it has rested, because a
// debugger holds up the start of workers.  Prints every run and the median.  Close other programs.
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';
import { openBrowser } from '../tests/web/browser.mjs';
import { serve } from './serve.mjs';

const SETTLE_MS = 1500; // until the browser has done what it does after its own start
const REST_MS = 1200; // until the page has answered, on all but the busiest machines

const { values } = parseArgs({ options: { runs: { type: 'string', default: '9' }, hash: { type: 'string', default: '' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error('start_web: --runs takes a number above 0');
  process.exit(1);
}

const rest = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} url @returns {Promise<{script: number, navigation: number}>} ms to the first prediction */
async function once(url) {
  const chromium = await openBrowser({ targetFilter: (target) => target.type() === 'browser', waitForInitialPage: false });
  try {
    await rest(SETTLE_MS);
    const session = await chromium.browser.target().createCDPSession();
    await session.send('Target.createTarget', { url });
    await rest(REST_MS);
    const reader = await puppeteer.connect({ browserWSEndpoint: chromium.browser.wsEndpoint() });
    const page = (await reader.pages()).find((candidate) => candidate.url().startsWith(url));
    if (!page) throw new Error('the page is gone');
    await page.waitForSelector('html[data-first-prediction-ms]');
    const found = await page.evaluate(() => ({
      script: Number(document.documentElement.dataset.firstPredictionMs),
      navigation: performance.getEntriesByName('pmoe-first-prediction')[0].startTime,
    }));
    await reader.disconnect();
    return found;
  } finally {
    await chromium.close();
  }
}

const server = await serve({ port: 0 });
try {
  /** @type {{script: number, navigation: number}[]} */
  const found = [];
  for (let i = 0; i < runs; i++) found.push(await once(server.url + values.hash));
  const median = (/** @type {number[]} */ list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const row = (/** @type {'script'|'navigation'} */ from) => {
    const list = found.map((run) => run[from]);
    return `${median(list).toFixed(0)} ms from the start of the ${from} (${list.map((ms) => ms.toFixed(0)).join(' ')})`;
  };
  console.log(`first prediction: median of ${runs} starts\n  ${row('script')}\n  ${row('navigation')}`);
} finally {
  await server.close();
}
