/**
 * The page's pure parts: numbers as they are written, the state in an address, what the first bytes of a file say.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, decimalsFor, decimalsForValues, fixed, kibibytes, listed, percent, wholePercent } from '../../web/page/format.js';
import { PictureError, recognise } from '../../web/page/picture.js';
import { readState, writeState } from '../../web/page/state.js';
import { letter } from '../../web/elements/experts.js';

test('numbers', () => {
  assert.equal(count(501760), '501,760');
  assert.equal(percent(0.982), '98.2 %');
  assert.equal(percent(0.99999), '> 99.9 %');
  assert.equal(percent(1), '100.0 %');
  assert.equal(percent(1e-7), '< 0.1 %');
  assert.equal(percent(0), '0.0 %');
  assert.equal(wholePercent(0.985), '99');
  assert.equal(fixed(-1.25, 1), '\u22121.3');
  assert.equal(fixed(11115.4, 0), '11,115');
  assert.equal(fixed(-1234567.125, 3), '\u22121,234,567.125');
  assert.equal(count(999), '999');
  assert.equal(kibibytes(125000), '122 KiB');
});

test('decimals show the smallest spread with one digit, and never more than two', () => {
  assert.equal(decimalsFor([0.3, 1.2]), 1);
  assert.equal(decimalsFor([12, 30]), 0);
  assert.equal(decimalsFor([0.04]), 2);
  assert.equal(decimalsFor([0.0004]), 2);
  assert.equal(decimalsFor([0, 0]), 1);
  assert.equal(decimalsForValues([3.2, -0.01]), 2);
  assert.equal(decimalsForValues([120, 3]), 0);
  assert.equal(decimalsForValues([0.0032]), 5);
  assert.equal(decimalsForValues([]), 2);
});

test('lists', () => {
  assert.deepEqual([[], ['1'], ['3', '9'], ['1', '3', '9'], ['1', '2', '3', '4']].map(listed), ['', '1', '3 and 9', '1, 3, and 9', '1, 2, 3, and 4']);
});

test('letters go on after Z', () => {
  assert.deepEqual([0, 7, 25, 26, 51, 52].map(letter), ['A', 'H', 'Z', 'AA', 'AZ', 'BA']);
});

test('the state of an address: typed, ranged, and what is unknown is reported', () => {
  assert.deepEqual(readState('').state, { wasm: 'auto', threads: 0, set: 'mosaic', model: '', seed: 1, index: 0, l: 0, off: '' });
  assert.deepEqual(readState('#wasm=simd&seed=12&index=7&l=5&off=A,AB').state, { wasm: 'simd', threads: 0, set: 'mosaic', model: '', seed: 12, index: 7, l: 5, off: 'A,AB' });
  for (const bad of ['seed=-1', 'seed=1.5', 'seed=2147483648', 'seed=', 'index=1e3', 'wasm=SIMD', 'set=cifar', 'model=cnn', 'l=4097', 'l=x', 'off=', 'off=a', 'off=A,', 'off=ABC', `off=A${',A'.repeat(64)}`]) {
    const { state, problems } = readState(`#${bad}`);
    assert.deepEqual(state, readState('').state, bad);
    assert.equal(problems.length, 1, bad);
    assert.equal(`${problems[0].key}=${problems[0].value}`, bad);
    assert.ok(problems[0].expected, bad);
  }
  assert.deepEqual(readState('#set=cifar10&index=49').problems, []);
  const { state, problems } = readState('#set=cifar10&index=50');
  assert.deepEqual([state.set, state.index, problems], ['cifar10', 0, [{ key: 'index', value: '50', expected: 'a whole number from 0 to 49' }]]);
  assert.deepEqual(readState('#constructor=1&__proto__=2').problems.map(({ key, expected }) => [key, expected]), [['constructor', undefined], ['__proto__', undefined]]);
});

test('writing a state leaves out defaults, and reading it gives it back', () => {
  assert.equal(writeState(readState('').state), '');
  const { state } = readState('#wasm=scalar&model=joint&seed=9&index=2147483647&l=3&off=A,C');
  assert.match(writeState(state), /&l=3&off=A,C$/);
  assert.deepEqual(readState(writeState(state)), { state, problems: [] });
});

test('a file is what its bytes say', () => {
  const bytes = (/** @type {string} */ text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  assert.equal(recognise(bytes('\x89PNG\r\n\x1a\n')).name, 'PNG');
  assert.equal(recognise(bytes('\xff\xd8\xff\xe0')).name, 'JPEG');
  assert.equal(recognise(bytes('GIF89a')).name, 'GIF');
  assert.equal(recognise(bytes('RIFF\0\0\0\0WEBPVP8 ')).name, 'WebP');
  assert.equal(recognise(bytes('BM')).name, 'BMP');
  assert.equal(recognise(bytes('\0\0\0\x1cftypavif')).name, 'AVIF');
  for (const refused of ['', 'text', '%PDF-1.4', 'II*\0', 'MM\0*', '<svg>', '\xef\xbb\xbf<?xml version="1.0"?><svg xmlns="x">', '\0\0\0\x18ftypmif1'])
    assert.throws(() => recognise(bytes(refused)), PictureError, refused);
});

test('sizes are read from headers', () => {
  const sizeOf = (/** @type {number[]} */ raw) => {
    const all = Uint8Array.from([...raw, ...Array(64).fill(0)]);
    return recognise(all).size?.(new DataView(all.buffer));
  };
  const text = (/** @type {string} */ t) => [...t].map((c) => c.charCodeAt(0));
  assert.deepEqual(sizeOf([0x89, ...text('PNG\r\n\x1a\n'), 0, 0, 0, 13, ...text('IHDR'), 0, 0, 1, 2, 0, 1, 0, 3]), { width: 258, height: 65539 });
  assert.deepEqual(sizeOf([...text('GIF89a'), 2, 1, 4, 3]), { width: 258, height: 772 });
  assert.deepEqual(sizeOf([0xff, 0xd8, 0xff, 0xe0, 0, 4, 9, 9, 0xff, 0xc2, 0, 17, 8, 1, 2, 3, 4]), { width: 772, height: 258 });
  assert.deepEqual(sizeOf([...text('RIFF'), 0, 0, 0, 0, ...text('WEBPVP8X'), 10, 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0x0f, 2, 0]), { width: 512, height: 528 });
  assert.deepEqual(sizeOf([...text('RIFF'), 0, 0, 0, 0, ...text('WEBPVP8L'), 5, 0, 0, 0, 0x2f, 0x0f, 0x40, 0x07, 0]), { width: 16, height: 30 });
});
