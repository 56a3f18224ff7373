/**
 * Does this engine take the instructions of a variant, and does this place allow threads?
 *
 * Each probe is the smallest module that uses one instruction of the kind; WebAssembly.validate answers without
 * compiling or running it.  That an engine accepts an instruction does not make it right: the self-test judges that.
 *
 * @typedef {import('./protocol.js').Variant} Variant
 */

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

/** @returns {string} why there can be one thread only; '' if there can be more */
export function oneThreadBecause() {
    if (!globalThis.crossOriginIsolated) return 'the page is not cross-origin isolated: its server does not send COOP and COEP';
    if ('document' in globalThis) return 'the engine runs in a page, which may not wait for threads';
    return 'Worker' in globalThis ? '' : 'this browser has no workers within workers';
}

/** @param {Variant} variant @returns {boolean} */
export function accepts(variant) {
    if (variant === 'scalar') return true;
    return WebAssembly.validate(new Uint8Array(variant === 'simd' ? SIMD : RELAXED));
}
