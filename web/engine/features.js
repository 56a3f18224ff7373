/**
 * The variants: does this engine take the instructions of one, and may there be threads?
 *
 * Each probe is the smallest module that uses one instruction of the kind; WebAssembly.validate answers without
 * compiling or running it.  That an engine accepts an instruction does not make it right: the self-test judges that.
 *
 * @typedef {import('./protocol.js').Variant} Variant
 */

/** @type {readonly Variant[]} best first */
export const VARIANTS = Object.freeze(['relaxed-threads', 'relaxed', 'simd-threads', 'simd', 'scalar']);

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/* (func (param v128 v128) (result v128)  local.get 0  local.get 1  f32x4.mul) */
const SIMD = [
  ...MAGIC_AND_VERSION,
  ...[0x01, 0x07, 0x01, 0x60, 0x02, 0x7b, 0x7b, 0x01, 0x7b], // section 1, types: (v128, v128) -> v128
  ...[0x03, 0x02, 0x01, 0x00], // section 3, functions: one, of type 0
  ...[0x0a, 0x0b, 0x01, 0x09, 0x00], // section 10, code: one body of 9 bytes, no locals
  ...[0x20, 0x00, 0x20, 0x01, 0xfd, 0xe6, 0x01, 0x0b], // local.get 0, local.get 1, f32x4.mul, end
];

/* (func (param v128 v128 v128) (result v128)  local.get 0  local.get 1  local.get 2  f32x4.relaxed_madd) */
const RELAXED = [
  ...MAGIC_AND_VERSION,
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b], // types: (v128, v128, v128) -> v128
  ...[0x03, 0x02, 0x01, 0x00], // functions: one, of type 0
  ...[0x0a, 0x0d, 0x01, 0x0b, 0x00], // code: one body of 11 bytes, no locals
  ...[0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b], // three local.get, f32x4.relaxed_madd, end
];

/** @param {Variant} variant @returns {boolean} */
export function accepts(variant) {
  if (variant === 'scalar') return true;
  return WebAssembly.validate(new Uint8Array(variant.startsWith('simd') ? SIMD : RELAXED));
}

/** @param {Variant} variant */
export function isThreaded(variant) {
  return variant.endsWith('-threads');
}

/**
 * What to try, best first.  Who asks for one thread gets a variant for more only by its name.
 * @param {Variant|'auto'} wanted @param {number} threads @returns {readonly Variant[]}
 */
export function candidates(wanted, threads) {
  const lower = wanted === 'auto' ? VARIANTS : VARIANTS.slice(VARIANTS.indexOf(wanted));
  return lower.filter((variant) => variant === wanted || threads !== 1 || !isThreaded(variant));
}

/** @param {number} wanted  0: as it pays @param {boolean} [inWorker] @returns {string} why there is one thread only, or '' */
export function threadsRefused(wanted, inWorker = !('document' in globalThis) && !!globalThis.Worker) {
  if (wanted === 1) return 'one thread was asked for';
  if (!globalThis.crossOriginIsolated) return 'the page is not cross-origin isolated, since its server does not send COOP and COEP';
  if (!inWorker) return 'only workers can have threads, and not in every browser';
  return wanted || globalThis.navigator?.hardwareConcurrency > 1 ? '' : 'this browser reports one CPU';
}

/**
 * The variant that a worker of this page will run if its file loads and computes what it should.
 * @param {Variant|'auto'} wanted @param {number} threads @returns {Variant}
 */
export function likelyVariant(wanted, threads) {
  const runs = (/** @type {Variant} */ variant) => accepts(variant) && !(isThreaded(variant) && threadsRefused(threads, true));
  return candidates(wanted, threads).find(runs) ?? 'scalar';
}
