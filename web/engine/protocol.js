/**
 * The worker protocol: every message between a page and the engine, in one file, which is read by people and by tsc.
 *
 * Request  {id, op, args}            page to worker; buffers are transferred
 * Reply    {id, result}              or {id, error: {code, message}}
 * Abort    {abort: id}               the reply of that id becomes an error with code 'aborted', if it has not been sent
 *
 * `message` is one sentence that can be shown to a person.  `code` is a name of pmoe_status ("checksum mismatch"), or
 * one of: 'aborted', 'fetch', 'not-wasm', 'csp', 'memory', 'unknown-op', 'bad-args', 'worker'.
 *
 * Requests are carried out one at a time, in the order they came.  URLs must be of the page's own origin; whatever comes
 * from elsewhere (a dropped file) is passed as bytes.
 *
 * @typedef {'scalar'|'simd'|'simd-threads'|'relaxed'|'relaxed-threads'} Variant
 *
 * @typedef {object} StartArgs
 * @property {Variant|'auto'} variant   'auto': the best that this browser accepts and that passes the self-test
 * @property {string} [wasmUrl]         folder with the pmoe-VARIANT.wasm, ends in '/' ...
 * @property {Partial<Record<Variant, ArrayBuffer>>} [wasmBytes]  ... and the files that need no fetching
 *                                      A variant that does not run here gives way to the next of VARIANTS (features.js).
 *                                      A second 'start' opens all models again in the new variant
 * @property {number} [threads]         of a variant for threads, 1 to 16; 0, the default: one per CPU, 4 at most, once a
 *                                      model is open for which they pay.  1 with 'auto': of the variants without
 *
 * @typedef {object} StartResult
 * @property {Variant} variant          which one runs
 * @property {{variant: Variant, reason: string}[]} demoted  better ones that do not run here, each with a sentence
 * @property {string} version
 * @property {number} checks            kernel checks that the self-test made
 * @property {number} wasmBytes         size of the .wasm file
 * @property {number} threads           that passes may use; no result depends on it
 * @property {string} oneThread         why it is only one, or ''
 *
 * @typedef {object} OpenArgs
 * @property {string} name              a name of the caller's choice for later calls; opening it again replaces it, and
 *                                      a failed open leaves the earlier model working
 * @property {string} [url]             fetched by the worker ...
 * @property {ArrayBuffer} [bytes]      ... or given
 *
 * @typedef {object} ModelDescription   pmoe_model_describe, parsed; see src/model/describe.c
 * @property {string} name
 * @property {string} isa
 * @property {{height: number, width: number, channels: number}} input
 * @property {string[]} classes
 * @property {number} outputs
 * @property {{high: number, wide: number}} patches
 * @property {number} experts           0 for a dense model, as is kept
 * @property {number} kept
 * @property {number} parameters
 * @property {number} multiply_adds
 * @property {boolean} threads_pay      for one image
 * @property {number} model_bytes
 * @property {number} activation_bytes
 * @property {{name: string, type: string, experts?: number, kept?: number}[]} layers  and more of each
 * @property {Record<string, string>} metadata  of the file
 *
 * @typedef {object} OpenResult
 * @property {ModelDescription} model
 * @property {boolean} golden           the file holds golden outputs and this engine reproduced them
 * @property {number} bytes             size of the file
 * @property {StartResult} [engine]     what runs from now on, if this model changed it: its golden outputs unmasked the
 *                                      variant, or it is the first for which threads pay
 *
 * @typedef {object} PredictArgs
 * @property {string[]} models          names given at open
 * @property {Uint8Array} pixels        [height * width * channels], 0 to 255
 * @property {Record<string, WhatIf>} [whatIf]  by name; a model without one is run as it was trained
 *
 * @typedef {object} WhatIf             pmoe_what_if: the same weights, routed otherwise
 * @property {number} [kept]            l; default 0: the model's own
 * @property {number[]} [off]           experts that are switched off, from 0, below 64
 *
 * @typedef {object} Route              all empty of an expert that is off
 * @property {number[]} picks           patch indices, best first
 * @property {number[]} gates           G of each pick
 * @property {number[]} scores          routing value of every patch
 *
 * @typedef {object} Mixing
 * @property {number[]} picks           experts that the image keeps, best first
 * @property {number[]} gates           what the output of each of those was multiplied by
 * @property {number[]} scores          of every expert
 *
 * @typedef {object} Prediction         pmoe_run_describe, parsed
 * @property {string} model
 * @property {string} class             label
 * @property {number} index
 * @property {{class: string, probability: number}[]} probabilities
 * @property {number[]} logits
 * @property {Route[]} [experts]        of a patch router; absent for a model without
 * @property {Mixing} [mixture]         of the first layer that sends a whole image to experts; absent for a model without
 * @property {{kept: number, off: number[], multiply_adds: number}} [what_if]  if it was asked for: all of it, and the count
 *
 * @typedef {object} TimeArgs
 * @property {string[]} models
 * @property {Uint8Array} pixels
 * @property {number} [budgetMs]        default 400, at most 60000
 * @property {number} [batch]           images of one pass, the same one repeated; default 1, at most 256
 * @property {Record<string, WhatIf>} [whatIf]  as for 'predict'
 *
 * @typedef {object} Timing             pmoe_timing, times of one forward pass (of `batch` images) in microseconds
 * @property {string} model
 * @property {number} firstUs
 * @property {number} medianUs
 * @property {number} lowUs
 * @property {number} highUs
 * @property {number} samples
 * @property {number} calls
 *
 * @typedef {object} TimeResult
 * @property {number} clockStepUs
 * @property {Timing[]} timings
 *
 * @typedef {object} Truth
 * @property {number} label
 * @property {number} patch
 * @property {number[]} digits          index into the sheet, a cell each
 *
 * @typedef {object} SamplesArgs        two IDX files, fetched by the worker or given
 * @property {string} [imagesUrl]
 * @property {string} [labelsUrl]
 * @property {ArrayBuffer} [images]
 * @property {ArrayBuffer} [labels]
 *
 * Operations: 'start' StartArgs -> StartResult
 *             'open' OpenArgs -> OpenResult            'close' {name} -> {}
 *             'predict' PredictArgs -> Prediction[]    'time' TimeArgs -> TimeResult
 *             'bench' {step, ...}: see bench.js
 *             'samples' SamplesArgs -> {count}                           the sheet of digits
 *             'sampleDigit' {index} -> {pixels: Uint8Array(784), label}
 *             'board' {set: 'mosaic'|'mosaic10'|'mosaic64', seed, index} -> {pixels: Uint8Array of its pixels, truth: Truth}
 *             'digit' {ink: Uint8Array, width, height} -> {pixels: Uint8Array(784), empty: boolean}
 *             'boardFromRgba' {rgba: Uint8Array, width, height, set?} -> {pixels: Uint8Array, inverted: boolean}  as large
 *                             as a board of that set, 'mosaic' unless it is given
 *             'photoFromRgba' {rgba: Uint8Array, width, height} -> {pixels: Uint8Array(3072)}
 */

export {}; /* types alone: no browser fetches this file */
