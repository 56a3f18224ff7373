/**
 * A file from a visitor to RGBA pixels.  What a file is, its bytes say, never its name.  Sizes are read from the header
 * where the format has them near the start, before anything is decoded.  Cropping, grey and the resize to what the
 * networks see are the engine's: the same bytes everywhere.
 */
import { STRINGS } from './strings_more.js';

const MAX_BYTES = 64 * 2 ** 20;
const MAX_SIDE = 16384;
const MAX_PIXELS = 2 ** 27; /* 512 MiB once decoded */
const CANVAS_SIDE = 2048; /* 16 MiB of RGBA: far above the 112 pixels a side of a board or the 32 of a photograph, far below any canvas limit */

/** One sentence for the visitor. */
export class PictureError extends Error {}

/**
 * @typedef {object} Size
 * @property {number} width
 * @property {number} height
 *
 * @typedef {Size & {rgba: Uint8Array<ArrayBuffer>}} Picture
 *
 * @typedef {object} Format
 * @property {string} name
 * @property {(b: Uint8Array) => boolean} is
 * @property {(v: DataView) => Size|null} [size]  only formats that are read have one
 */

/** @param {Uint8Array} b  @param {number} at  @param {string} text */
const hasText = (b, at, text) => [...text].every((c, i) => b[at + i] === c.charCodeAt(0));

/** @param {Uint8Array} b  @param {string[]} brands */
const hasBrand = (b, brands) => hasText(b, 4, 'ftyp') && brands.some((brand) => hasText(b, 8, brand));

/** @param {Uint8Array} b */
const startOfText = (b) => new TextDecoder('latin1').decode(b.subarray(0, 1024)).replace(/^\u00ef\u00bb\u00bf/, '').trimStart();

/** @param {DataView} v  JPEG: walk the segments to the frame header */
function jpegSize(v) {
  for (let at = 2; at + 9 <= v.byteLength; ) {
    const marker = v.getUint16(at);
    if (marker === 0xffff) { at++; continue; }
    if (marker < 0xffc0) return null;
    const frame = marker <= 0xffcf && marker !== 0xffc4 && marker !== 0xffc8 && marker !== 0xffcc;
    if (frame) return { height: v.getUint16(at + 5), width: v.getUint16(at + 7) };
    at += 2 + v.getUint16(at + 2);
  }
  return null;
}

/** @param {DataView} v  WebP: lossy, lossless and extended differ */
function webpSize(v) {
  const kind = v.getUint32(12);
  if (kind === 0x56503820) return { width: v.getUint16(26, true) & 0x3fff, height: v.getUint16(28, true) & 0x3fff };
  if (kind === 0x5650384c) {
    const bits = v.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind !== 0x56503858) return null;
  return { width: (v.getUint32(24, true) & 0xffffff) + 1, height: (v.getUint32(26, true) >>> 8) + 1 };
}

/** @type {Format[]} in the order in which they are tried */
const FORMATS = [
  { name: 'PNG', is: (b) => hasText(b, 1, 'PNG\r\n'), size: (v) => ({ width: v.getUint32(16), height: v.getUint32(20) }) },
  { name: 'JPEG', is: (b) => b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff, size: jpegSize },
  { name: 'GIF', is: (b) => hasText(b, 0, 'GIF8'), size: (v) => ({ width: v.getUint16(6, true), height: v.getUint16(8, true) }) },
  { name: 'WebP', is: (b) => hasText(b, 0, 'RIFF') && hasText(b, 8, 'WEBP'), size: webpSize },
  { name: 'BMP', is: (b) => hasText(b, 0, 'BM'), size: (v) => ({ width: v.getInt32(18, true), height: Math.abs(v.getInt32(22, true)) }) },
  { name: 'AVIF', is: (b) => hasBrand(b, ['avif', 'avis']), size: () => null },
  { name: 'HEIC', is: (b) => hasBrand(b, ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']) },
  { name: 'PDF', is: (b) => startOfText(b).startsWith('%PDF') },
  { name: 'TIFF', is: (b) => hasText(b, 0, 'II*\0') || hasText(b, 0, 'MM\0*') },
  { name: 'SVG', is: (b) => /^(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i.test(startOfText(b)) },
];

/**
 * Which format, or the reason for a refusal.
 * @param {Uint8Array} head  the first 64 KiB or all
 * @returns {Format}
 */
export function recognise(head) {
  const format = FORMATS.find((candidate) => candidate.is(head));
  if (!format) throw new PictureError(head.length ? STRINGS.pictureUnknown : STRINGS.pictureEmptyFile);
  if (!format.size) throw new PictureError(STRINGS.pictureKind(format.name));
  return format;
}

/** @param {Size|null} size */
function checkSides(size) {
  if (size && (size.width > MAX_SIDE || size.height > MAX_SIDE || size.width * size.height > MAX_PIXELS))
    throw new PictureError(STRINGS.pictureSides(size.width, size.height));
}

/**
 * @param {Blob} file
 * @returns {Promise<Picture>}  turned upright, at most 2048 a side
 */
export async function readPicture(file) {
  if (file.size > MAX_BYTES) throw new PictureError(STRINGS.pictureTooLarge((file.size / 2 ** 20).toFixed(0)));
  const head = new Uint8Array(await file.slice(0, 65536).arrayBuffer());
  const format = recognise(head);
  try {
    checkSides(format.size?.(new DataView(head.buffer)) ?? null);
  } catch (error) {
    if (error instanceof RangeError) throw new PictureError(STRINGS.pictureBroken(format.name));
    throw error;
  }
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => {
    throw new PictureError(STRINGS.pictureBroken(format.name));
  });
  try {
    checkSides(bitmap);
    return pixelsOf(bitmap);
  } finally {
    bitmap.close();
  }
}

/** @param {ImageBitmap} bitmap */
function pixelsOf(bitmap) {
  const shrink = Math.min(1, CANVAS_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * shrink));
  const height = Math.max(1, Math.round(bitmap.height * shrink));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new PictureError(STRINGS.pictureBlank);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  const rgba = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
  canvas.width = canvas.height = 0; /* gives the memory back at once on iOS */
  if (!rgba.some((value, i) => i % 4 === 3 && value > 0)) throw new PictureError(STRINGS.pictureBlank);
  return { rgba, width, height };
}
