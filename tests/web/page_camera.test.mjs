/**
 * The camera of a page of photographs: Chromium's made-up camera in place of a real one, what is refused, and that the
 * camera is let go.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, openPage, untilLive } from './browser.mjs';
import { photoUrl, server, textOf, untilOther, untilText } from './page_support.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

let withCamera;

before(async () => {
  withCamera = await openBrowser({}, ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
});
after(() => withCamera?.close());

/**
 * A page of photographs that keeps every stream it is given, in window.streams.
 * @param {string} name  @param {(page: Page, complaints: string[]) => Promise<void>} body  @param {import('./browser.mjs').Opening} [opening]
 */
function cameraTest(name, body, opening) {
  test(name, async () => {
    const { page, complaints } = await openPage(withCamera.browser, `${server.url}#set=cifar10`, opening);
    await untilLive(page);
    await page.evaluate(() => {
      window.streams = [];
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wish) => {
        window.streams.push(await real(wish));
        return window.streams.at(-1);
      };
    });
    await body(page, complaints);
    assert.deepEqual(complaints, []);
    await page.close();
  });
}

/** @param {Page} page  @returns {Promise<string[]>} of the tracks of each stream so far */
const tracks = (page) => page.evaluate(() => window.streams.flatMap((stream) => stream.getTracks().map((track) => track.readyState)));

/** Until the preview runs.  @param {Page} page */
const untilPreview = (page) => page.waitForSelector('#camera-panel:not([hidden]) button:enabled:first-of-type');

/** @param {Page} page  @param {string} selector */
const shown = (page, selector) => page.$eval(selector, (element) => element.checkVisibility());

cameraTest('a picture is taken, becomes the photograph, and the camera is let go', async (page) => {
  const before = await photoUrl(page);
  await page.click('#camera');
  await untilPreview(page);
  assert.deepEqual(await tracks(page), ['live']);
  assert.ok(await page.$eval('.camera-preview', (video) => video.videoWidth > 0 && !video.paused));
  await page.click('#camera-panel button');
  await untilOther(page, before);
  await untilText(page, '#status', (text) => text === 'Your picture, cropped to a square and averaged down.');
  assert.deepEqual(await tracks(page), ['ended']);
  assert.equal(await shown(page, '#camera-panel'), false);
  await page.waitForSelector('.result[data-model="wrn"][data-class]:not([data-class=""])');
  await page.click('#camera');
  await untilPreview(page);
  assert.deepEqual(await tracks(page), ['ended', 'live']);
  await page.keyboard.press('Escape');
  assert.deepEqual(await tracks(page), ['ended', 'ended']);
});

cameraTest('Cancel, or another input, lets the camera go and leaves the photograph', async (page) => {
  const before = await photoUrl(page);
  await page.click('#camera');
  await untilPreview(page);
  await page.click('#camera-panel .overlay-head button:last-child');
  assert.equal(await shown(page, '#camera-panel'), false);
  assert.deepEqual(await tracks(page), ['ended']);
  assert.equal(await photoUrl(page), before);
  await page.click('#camera');
  await untilPreview(page);
  await page.click('#kinds [data-choice="board"]');
  await page.waitForSelector('.result[data-model="joint"][data-class]:not([data-class=""])');
  assert.deepEqual(await tracks(page), ['ended', 'ended']);
  assert.equal(await shown(page, '#camera'), false, 'boards are not taken by camera');
});

/** @type {[string, string, RegExp][]} */
const REFUSED = [
  ['NotFoundError', 'Requested device not found', /^No camera was found/],
  ['NotAllowedError', 'Permission denied', /^The camera was not allowed/],
  ['SecurityError', 'Only secure origins', /^Browsers lend the camera only to pages/],
  ['NotReadableError', 'Could not start video source', /another program may be using it/],
  ['UnknownError', 'it rains', /^The camera could not be used: it rains$/],
];

cameraTest('every refusal is a plain sentence, and the photograph stays', async (page) => {
  const before = await photoUrl(page);
  for (const [name, message, expected] of REFUSED) {
    await page.evaluate((n, m) => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException(m, n))), name, message);
    await page.click('#camera');
    await untilText(page, '#alert', (text) => expected.test(text));
    assert.equal(await shown(page, '#camera-panel'), false);
    assert.equal(await photoUrl(page), before);
    await page.click('#dismiss');
  }
});

test('a browser that says no is believed', async () => {
  const refusing = await openBrowser({}, ['--use-fake-device-for-media-stream', '--deny-permission-prompts']);
  try {
    const { page } = await openPage(refusing.browser, `${server.url}#set=cifar10`);
    await untilLive(page);
    await page.click('#camera');
    await untilText(page, '#alert', (text) => text.startsWith('The camera was not allowed.'));
    assert.equal(await shown(page, '#camera-panel'), false);
  } finally {
    await refusing.close();
  }
});

test('where there is no camera to be asked for there is no button', async () => {
  const page = await withCamera.browser.newPage();
  await page.evaluateOnNewDocument(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
  await page.goto(`${server.url}#set=cifar10`);
  await untilLive(page);
  assert.equal(await shown(page, '#camera'), false);
  assert.equal(await shown(page, '#upload'), true);
  await page.close();
});
