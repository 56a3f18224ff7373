/**
 * What the engine's tests share: the three modules as built, a worker as browsers have them, and a reference.
 */
import { readFileSync } from 'node:fs';
import { Worker as NodeWorker } from 'node:worker_threads';
import v8 from 'node:v8';
import { modelFile } from '../cli/model_file.mjs';

// Node before 22 knows relaxed SIMD but hides it; to be set before the first module is compiled.
v8.setFlagsFromString('--experimental-wasm-relaxed-simd');

const ROOT = new URL('../../', import.meta.url);

export const VARIANTS = /** @type {const} */ (['relaxed', 'simd', 'scalar']);

/** @param {string} variant @param {string} [folder] @returns {ArrayBuffer} */
export function wasmFile(variant, folder = '') {
  const bytes = readFileSync(new URL(`build/wasm/${folder}pmoe-${variant}.wasm`, ROOT));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

export function wasmFiles() {
  return { relaxed: wasmFile('relaxed'), simd: wasmFile('simd'), scalar: wasmFile('scalar') };
}

/** The modules with the benchmark's exports. */
export function benchFiles() {
  return { simd: wasmFile('simd', 'bench/') };
}

export function threadedFiles() {
  return { 'relaxed-threads': wasmFile('relaxed-threads'), 'simd-threads': wasmFile('simd-threads'), ...wasmFiles() };
}

/** Enough of the browser's Worker over node's, running the real worker.js in a real thread. */
export class Worker {
  #thread;
  /** @param {URL} url */
  constructor(url) {
    const setUp = `
            const { parentPort } = require('node:worker_threads');
            require('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
            globalThis.self = globalThis;
            globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
            const early = [];
            const keep = (data) => early.push(data);
            parentPort.on('message', (data) => (globalThis.onmessage ? globalThis.onmessage({ data }) : keep(data)));
            import(${JSON.stringify(url.href)}).then(() => {
                for (const data of early) globalThis.onmessage({ data });
            });`;
    this.#thread = new NodeWorker(setUp, { eval: true });
    this.#thread.on('message', (data) => this.onmessage({ data }));
    this.#thread.on('error', (error) => this.onerror(error));
  }
  onmessage = () => {};
  onerror = () => {};
  onmessageerror = () => {};
  /** @param {any} message @param {any[]} transfer */
  postMessage(message, transfer) {
    this.#thread.postMessage(message, transfer);
  }
  terminate() {
    return this.#thread.terminate();
  }
}

// ---- A small routed model, and what it must say ----

const SIDE = 12;
const PATCH = 4;
const ACROSS = SIDE / PATCH;
const PATCHES = ACROSS * ACROSS;
const EXPERTS = 2;
const KEPT = 3;
const FILTERS = 5;
const AREA = PATCH * PATCH;

export const SMALL = { side: SIDE, pixels: SIDE * SIDE, patches: PATCHES, experts: EXPERTS, kept: KEPT };

const weights = {
  router: (/** @type {number} */ i) => Math.fround(Math.sin(1 + 1.7 * i) / 4),
  experts: (/** @type {number} */ i) => Math.fround(Math.cos(2 + 1.3 * i) / 2),
  out: (/** @type {number} */ i) => Math.fround(Math.sin(3 + i)),
};

/** @param {Record<string, string>} [metadata] @returns {Uint8Array} */
export function smallModel(metadata = {}) {
  const expert = [{ type: 'patch_conv', patch: PATCH, filters: FILTERS }, { type: 'relu' }];
  const layers = [
    { name: 'router', type: 'patch_router', input: 'image', patch: PATCH, experts: EXPERTS },
    { name: 'experts', type: 'expert_group', input: 'image', router: 'router', kept: KEPT, gate: 'topl_softmax', expert },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 1 },
  ];
  const input = { height: SIDE, width: SIDE, channels: 1 };
  const tensors = [
    { name: 'experts.weight', shape: [EXPERTS, FILTERS, 1, PATCH, PATCH], fill: weights.experts },
    { name: 'out.weight', shape: [1, EXPERTS * FILTERS], fill: weights.out },
    { name: 'router.weight', shape: [EXPERTS, 1, PATCH, PATCH], fill: weights.router },
  ];
  return new Uint8Array(modelFile({ version: 1, name: 'small', input, classes: ['no', 'yes'], layers }, tensors, metadata));
}

/** Two convolutions of 9.4 million multiply-adds, enough for threads to pay; takes images of 24 x 24. @returns {Uint8Array} */
export function largeModel() {
  const conv = { type: 'conv', kernel: 3, padding: 1, filters: 40 };
  const layers = [
    { name: 'one', ...conv },
    { name: 'relu', type: 'relu' },
    { name: 'two', ...conv },
    { name: 'three', ...conv, filters: 4 },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 3 },
  ];
  const tensors = [
    { name: 'one.weight', shape: [40, 1, 3, 3], fill: weights.experts },
    { name: 'out.weight', shape: [3, 4], fill: weights.out },
    { name: 'three.weight', shape: [4, 40, 3, 3], fill: weights.router },
    { name: 'two.weight', shape: [40, 40, 3, 3], fill: weights.router },
  ];
  const graph = { version: 1, name: 'large', input: { height: 24, width: 24, channels: 1 }, classes: ['a', 'b', 'c'], layers };
  return new Uint8Array(modelFile(graph, tensors));
}

/** @param {number} seed @param {number} [pixels] @returns {Uint8Array} */
export function smallImage(seed, pixels = SMALL.pixels) {
  return Uint8Array.from({ length: pixels }, (_, i) => Math.floor(128 + 127 * Math.sin(seed + 12.9898 * i * (1 + seed / 7))));
}

/** The small model in double precision, straight from the equations. @param {Uint8Array} pixels */
export function reference(pixels) {
  const patch = (/** @type {number} */ j) =>
    Array.from({ length: AREA }, (_, t) => {
      const row = Math.floor(j / ACROSS) * PATCH + Math.floor(t / PATCH);
      return pixels[row * SIDE + (j % ACROSS) * PATCH + (t % PATCH)] / 255;
    });
  const dot = (/** @type {number[]} */ x, /** @type {(i: number) => number} */ w, /** @type {number} */ at) =>
    x.reduce((sum, value, t) => sum + value * w(at + t), 0);
  let logit = 0;
  const experts = Array.from({ length: EXPERTS }, (_, s) => {
    const scores = Array.from({ length: PATCHES }, (_, j) => dot(patch(j), weights.router, s * AREA));
    const picks = scores.map((_, j) => j).sort((a, b) => scores[b] - scores[a] || a - b).slice(0, KEPT);
    const powers = picks.map((j) => Math.exp(scores[j]));
    const gates = powers.map((power) => power / powers.reduce((a, b) => a + b));
    for (let f = 0; f < FILTERS; f++) {
      const values = picks.map((j) => Math.max(0, dot(patch(j), weights.experts, (s * FILTERS + f) * AREA)));
      const pooled = values.reduce((sum, value, i) => sum + gates[i] * value, 0) / PATCHES;
      logit += pooled * weights.out(s * FILTERS + f);
    }
    return { scores, picks, gates };
  });
  return { logit, experts };
}
