/** PNG files of 8 bits, written (grey) and read (grey, RGB) without the program's own code. */
import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The checksum of a chunk. @param {Buffer} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** @param {string} type @param {Buffer} data */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** @param {number} width @param {number} height @param {(x: number, y: number) => number} shade @returns {Buffer} */
export function encodeGrey(width, height, shade) {
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = shade(x, y);
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header(width, height)),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The fields of IHDR. @param {number} width @param {number} height */
function header(width, height) {
  const fields = Buffer.alloc(13);
  fields.writeUInt32BE(width, 0);
  fields.writeUInt32BE(height, 4);
  fields[8] = 8;
  return fields;
}

/** A PNG that announces a size and holds nothing. @param {number} width @param {number} height */
export function onlyHeader(width, height) {
  return Buffer.concat([SIGNATURE, chunk('IHDR', header(width, height))]);
}

/** @param {number} a @param {number} b @param {number} c */
function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** @param {Buffer} file @returns {{width: number, height: number, channels: number, pixels: Uint8Array}} */
export function decodePng(file) {
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  if (file[24] !== 8 || (file[25] !== 0 && file[25] !== 2)) throw new Error('not a PNG of 8-bit grey or RGB');
  const channels = file[25] === 2 ? 3 : 1;
  /** @type {Buffer[]} */
  const parts = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
    }
  }
  const rows = inflateSync(Buffer.concat(parts));
  const row = width * channels;
  const pixels = new Uint8Array(row * height);
  const shade = (/** @type {number} */ x, /** @type {number} */ y) => (x < 0 || y < 0 ? 0 : pixels[y * row + x]);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const [left, up, corner] = [shade(x - channels, y), shade(x, y - 1), shade(x - channels, y - 1)];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[y * row + x] = rows[y * (row + 1) + 1 + x] + guess;
    }
  }
  return { width, height, channels, pixels };
}
