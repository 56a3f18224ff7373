#!/usr/bin/env node
/**
 * How long the page takes to its first prediction, in Chromium on loopback: prints each start and a summary, and keeps
 * them in weights/results/start.json.
 *
 *     node build_scripts/bench_start.mjs [--runs 30] [--hash '#wasm=simd']
 *
 * Each run is a new browser with an empty profile that has come to rest, as a visitor's has: a window that has just been
 * opened loads scripts of its own.  Nothing is attached to the page until it has rested, too, because a debugger holds up
 * requests and the start of workers.  With --hash nothing is kept.  Close other programs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';
import { openBrowser } from '../tests/web/browser.mjs';
import { lines } from './results.mjs';
import { serve } from './serve.mjs';

const SETTLE_MS = 3000; // until the browser has done what it does after its own start
const REST_MS = 1200; // until the page has answered, on all but the busiest machines

const { values } = parseArgs({ options: { runs: { type: 'string', default: '30' }, hash: { type: 'string', default: '' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error('bench_start: --runs takes a number above 0');
  process.exit(1);
}

const rest = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} url  @returns {Promise<{script: number, navigation: number, engine: string}>} ms to the first prediction */
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
      engine: navigator.userAgent,
    }));
    await reader.disconnect();
    return found;
  } finally {
    await chromium.close();
  }
}

/** @param {number[]} all */
function summary(all) {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => Math.round(10 * sorted[Math.floor(share * (sorted.length - 1))]) / 10;
  return { median: at(0.5), low: at(0.25), high: at(0.75), fastest: at(0), slowest: at(1) };
}

const server = await serve({ port: 0 });
try {
  /** @type {Awaited<ReturnType<typeof once>>[]} */
  const found = [];
  for (let i = 0; i < runs; i++) found.push(await once(server.url + values.hash));
  const rows = /** @type {const} */ (['script', 'navigation']).map((from) => ({ from, ...summary(found.map((run) => run[from])) }));
  for (const { from, median, low, high, fastest, slowest } of rows) {
    console.log(found.map((run) => run[from].toFixed(0)).join(' '));
    console.log(`first prediction, from the start of the ${from}: ${median} ms (${low} - ${high}, ${fastest} to ${slowest}), ${runs} starts`);
  }
  const result = {
    version: 1, kind: 'start', build: readFileSync('build/id', 'utf8').trim(), command: `node build_scripts/bench_start.mjs --runs ${runs}`,
    environment: { host: 'wasm', cpu: cpus()[0].model, cpus_reported: cpus().length, engine: found[0].engine }, runs, rows,
  };
  if (!values.hash) writeFileSync('weights/results/start.json', lines(result, 2) + '\n');
} finally {
  await server.close();
}
