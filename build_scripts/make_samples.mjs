// Writes the sample sheets: the first images of each label in two test sets, for the page and for tests.
//
//     node build_scripts/make_samples.mjs        reads data/mnist and data/cifar10, writes weights/samples, prints SHA-256
//
// Of MNIST 12 digits a label as an IDX pair of its own, sorted by label; of CIFAR-10 5 photographs a label as one PNG, a
// column a label, and 5 a vehicle as the set `vehicles` has them: one quadrant is the vehicle, the others are animals.  In the order of the test sets; the same bytes on every run, of the PNG with the same zlib.  Reads only
// files that fetch_data.sh has checked, so it does no more than look at their headers.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { encodePng } from './png.mjs';

const LABELS = 10;
const DIGITS = { perLabel: 12, side: 28, header: 16, labelsHeader: 8 };
const PHOTOS = { perLabel: 5, side: 32, channels: 3 };
const VEHICLES = { labels: [0, 1, 8, 9], animals: [2, 3, 4, 5, 6, 7], most: 10 };
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

/** @param {string} name  @param {Uint8Array} bytes */
function write(name, bytes) {
  writeFileSync(new URL(`weights/samples/${name}`, root), bytes);
  console.log(`${createHash('sha256').update(bytes).digest('hex')}  ${name}`);
}

/**
 * @param {string} name
 * @param {number[]} header 32-bit fields
 * @param {Uint8Array[]} items
 */
function writeIdx(name, header, items) {
  const fields = Buffer.alloc(4 * header.length);
  header.forEach((value, i) => fields.writeUInt32BE(value, 4 * i));
  write(name, Buffer.concat([fields, ...items]));
}

/**
 * Numbers of the first images of each label, by label.
 * @param {string} set  for the error
 * @param {Uint8Array} labels
 * @param {number} perLabel
 */
function firstOfEach(set, labels, perLabel) {
  return Array.from({ length: LABELS }, (_, label) => {
    const found = Array.from(labels.keys()).filter((i) => labels[i] === label).slice(0, perLabel);
    if (found.length < perLabel) throw new Error(`${set}: too few images of label ${label}`);
    return found;
  });
}

function writeDigits() {
  const { perLabel, side, header, labelsHeader } = DIGITS;
  const images = readIdx('t10k-images-idx3-ubyte', 0x803);
  const labels = readIdx('t10k-labels-idx1-ubyte', 0x801).subarray(labelsHeader);
  const picked = firstOfEach('data/mnist', labels, perLabel).flat();
  const pixelsOf = (/** @type {number} */ i) => images.subarray(header + i * side * side, header + (i + 1) * side * side);
  writeIdx('digits-images-idx3-ubyte', [0x803, picked.length, side, side], picked.map(pixelsOf));
  writeIdx('digits-labels-idx1-ubyte', [0x801, picked.length], [Uint8Array.from(picked, (i) => labels[i])]);
}

/**
 * A sheet of photographs, one column a list.
 * @param {string} name
 * @param {((channel: number, y: number, x: number) => number)[][]} columns  each photograph as a function of its place
 */
function writeSheet(name, columns) {
  const { side, channels } = PHOTOS;
  const [wide, high] = [columns.length * side, columns[0].length * side];
  const sheet = Uint8Array.from({ length: wide * high * channels }, (_, at) => {
    const [channel, x, y] = [at % channels, Math.floor(at / channels) % wide, Math.floor(at / channels / wide)];
    return columns[Math.floor(x / side)][Math.floor(y / side)](channel, y % side, x % side);
  });
  write(name, encodePng(wide, high, sheet, channels));
}

function writePhotos() {
  const { perLabel, side, channels } = PHOTOS;
  const plane = side * side;
  const row = 1 + channels * plane; /* the label, then the planes of red, green and blue */
  const batch = readFileSync(new URL('data/cifar10/test_batch.bin', root));
  const labels = Uint8Array.from({ length: batch.length / row }, (_, i) => batch[i * row]);
  const byLabel = firstOfEach('data/cifar10', labels, VEHICLES.most);
  const pixel = (/** @type {number} */ photo) => (/** @type {number} */ channel, /** @type {number} */ y, /** @type {number} */ x) =>
    batch[photo * row + 1 + channel * plane + y * side + x];
  writeSheet('cifar10.png', byLabel.map((photos) => photos.slice(0, perLabel).map(pixel)));

  const half = side / 2;
  const halved = (/** @type {number} */ photo) => (/** @type {number} */ channel, /** @type {number} */ y, /** @type {number} */ x) => {
    const at = pixel(photo);
    return (at(channel, 2 * y, 2 * x) + at(channel, 2 * y, 2 * x + 1) + at(channel, 2 * y + 1, 2 * x) + at(channel, 2 * y + 1, 2 * x + 1) + 2) >> 2;
  };
  const animals = Array.from({ length: VEHICLES.most }, (_, i) => VEHICLES.animals.map((label) => byLabel[label][i])).flat();
  const columns = VEHICLES.labels.map((label, column) =>
    byLabel[label].slice(0, perLabel).map((vehicle, line) => {
      const others = animals.splice(0, 3);
      const quadrants = [0, 1, 2, 3].map((q) => halved(q === (line + column) % 4 ? vehicle : (others.shift() ?? 0)));
      return (/** @type {number} */ channel, /** @type {number} */ y, /** @type {number} */ x) =>
        quadrants[2 * Math.floor(y / half) + Math.floor(x / half)](channel, y % half, x % half);
    }),
  );
  writeSheet('vehicles.png', columns);
}

mkdirSync(new URL('weights/samples/', root), { recursive: true });
writeDigits();
writePhotos();
