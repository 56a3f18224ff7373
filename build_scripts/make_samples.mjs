// Writes the sample sheet: the first 12 images of each label in MNIST's test set, as an IDX pair of its own.
//
//     node build_scripts/make_samples.mjs        reads data/mnist, writes weights/samples, prints both SHA-256
//
// Sorted by label, then in the order of the test set; the same bytes on every run.  Reads only the files that
// fetch_data.sh has checked, so it does no more than look at their headers.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const PER_LABEL = 12;
const LABELS = 10;
const SIDE = 28;
const IMAGES_HEADER = 16;
const LABELS_HEADER = 8;
const root = new URL('../', import.meta.url);

/**
 * A file of data/mnist whose first 32 bits are `magic`.
 * @param {string} name
 * @param {number} magic
 */
function readIdx(name, magic) {
  const bytes = readFileSync(new URL(`data/mnist/${name}`, root));
  if (bytes.readUInt32BE(0) !== magic) throw new Error(`data/mnist/${name}: expected magic ${magic.toString(16)}`);
  return bytes;
}

/**
 * @param {string} name
 * @param {number[]} header 32-bit fields
 * @param {Uint8Array[]} items
 */
function writeIdx(name, header, items) {
  const fields = Buffer.alloc(4 * header.length);
  header.forEach((value, i) => fields.writeUInt32BE(value, 4 * i));
  const bytes = Buffer.concat([fields, ...items]);
  writeFileSync(new URL(`weights/samples/${name}`, root), bytes);
  console.log(`${createHash('sha256').update(bytes).digest('hex')}  ${name}`);
}

const images = readIdx('t10k-images-idx3-ubyte', 0x803);
const labels = readIdx('t10k-labels-idx1-ubyte', 0x801).subarray(LABELS_HEADER);

/** @type {Uint8Array[]} */
const pickedImages = [];
/** @type {number[]} */
const pickedLabels = [];
for (let label = 0; label < LABELS; label++) {
  let left = PER_LABEL;
  for (let i = 0; i < labels.length && left > 0; i++) {
    if (labels[i] !== label) continue;
    const at = IMAGES_HEADER + i * SIDE * SIDE;
    pickedImages.push(images.subarray(at, at + SIDE * SIDE));
    pickedLabels.push(label);
    left--;
  }
  if (left > 0) throw new Error(`data/mnist: too few images of digit ${label}`);
}

mkdirSync(new URL('weights/samples/', root), { recursive: true });
writeIdx('digits-images-idx3-ubyte', [0x803, pickedImages.length, SIDE, SIDE], pickedImages);
writeIdx('digits-labels-idx1-ubyte', [0x801, pickedLabels.length], [Uint8Array.from(pickedLabels)]);
