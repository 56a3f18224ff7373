/**
 * Small PNG files for samples, recordings and tests: grey or RGB, 8 bits, each row with the filter that leaves the
 * smallest sum.  Leaves out palettes, alpha and interlacing.
 */
import { deflateSync } from 'node:zlib';

/** CRC-32 as PNG wants it.  @param {Buffer} bytes */
function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}

/** @param {string} type  @param {Buffer} data */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

/** @param {number} a  left  @param {number} b  above  @param {number} c  above that  @returns {number} the nearest to a + b - c */
function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** PNG's five filters: what is taken off a byte.  @type {((left: number, above: number, corner: number) => number)[]} */
export const FILTERS = [() => 0, (left) => left, (_, above) => above, (left, above) => (left + above) >> 1, paeth];

/** @param {Uint8Array} row  @param {Uint8Array} above  @param {number} channels  @returns {Uint8Array} filter and row */
function filtered(row, above, channels) {
  const attempts = FILTERS.map((filter, i) => {
    const out = Uint8Array.of(i, ...row);
    let sum = 0;
    row.forEach((value, x) => {
      const [left, corner] = x < channels ? [0, 0] : [row[x - channels], above[x - channels]];
      out[x + 1] = value - filter(left, above[x], corner);
      sum += Math.min(out[x + 1], 256 - out[x + 1]);
    });
    return { out, sum };
  });
  return attempts.reduce((best, attempt) => (attempt.sum < best.sum ? attempt : best)).out;
}

/**
 * @param {number} width  @param {number} height
 * @param {Uint8Array} pixels  [height][width][channels]; with fewer the file announces more than it holds
 * @param {1|3} [channels]
 */
export function encodePng(width, height, pixels, channels = 1) {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, channels === 3 ? 2 : 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const rows = [];
  let above = new Uint8Array(width * channels);
  for (let at = 0; at < pixels.length; at += width * channels) {
    const row = pixels.subarray(at, at + width * channels);
    rows.push(filtered(row, above, channels));
    above = row;
  }
  const start = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([start, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.concat(rows), { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
