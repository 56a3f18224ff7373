/**
 * A Chromium for tests of the page: headless, a fresh profile each time, every complaint of a page kept.
 * CHROMIUM names another executable than Debian's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @param {import('puppeteer-core').LaunchOptions} [options]  @param {string[]} [flags]  beside those that every test needs */
export async function openBrowser(options = {}, flags = []) {
  const profile = await mkdtemp(join(tmpdir(), 'pmoe-browser-'));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    userDataDir: profile,
    args: [...FLAGS, ...flags],
    ...options,
  });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * @typedef {object} Opening
 * @property {number} [width]
 * @property {number} [height]
 * @property {boolean} [touch]
 * @property {boolean} [scripts]  default true
 * @property {'light'|'dark'} [scheme]
 */

/**
 * A page at an address, and what it complained about: console errors and warnings, uncaught errors, failed requests.
 * @param {import('puppeteer-core').Browser} browser  @param {string} url  @param {Opening} [opening]
 */
export async function openPage(browser, url, { width = 1280, height = 900, touch = false, scripts = true, scheme = 'light' } = {}) {
  const page = await browser.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`));
  await page.setViewport({ width, height, hasTouch: touch, isMobile: touch });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setJavaScriptEnabled(scripts);
  await page.goto(url);
  return { page, complaints };
}

/** Until the first live answer stands.  @param {import('puppeteer-core').Page} page */
export async function untilLive(page) {
  await page.waitForSelector('html[data-state="live"]');
}
