/**
 * The WebAssembly instruction sets under node: the vocabulary lane by lane (vocabulary.h, compiled here), and every
 * kernel of the built modules against the oracle, on more shapes and seeds than a page's start has time for.  The modules
 * of the benchmark hold the scalar kernels too, so that simd128 is held against them bit by bit.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--experimental-wasm-relaxed-simd');

const OUT = 'build/tests/kernels';
const SEEDS = 8;
const EMSCRIPTEN = { ...process.env, NODE_PATH: '/usr/share/nodejs' };
const COMMON = ['-std=c11', '-O2', '-ffp-contract=off', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-Isrc'];

/**
 * @param {string} file
 * @returns {Record<string, any>} the exports; imports are answered with 0, an imported memory is among them
 */
function instantiate(file) {
  const module = new WebAssembly.Module(readFileSync(file));
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 4096, shared: true });
  /** @type {Record<string, Record<string, any>>} */
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === 'memory' ? memory : () => 0;
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  /** @type {any} */ (exports)._initialize?.();
  return { memory, ...exports };
}

/** @param {Record<string, any>} exports @param {number} at */
function text(exports, at) {
  const bytes = new Uint8Array(exports.memory.buffer, at);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

/** @param {string} isa @param {string[]} flags @returns {string} the module's file */
function compileVocabulary(isa, flags) {
  const file = `${OUT}/vocabulary-${isa}.wasm`;
  const source = ['tests/kernels/vocabulary_wasm.c', `-DISA=${isa}`, `-DSIMD_H="simd/${isa}.h"`];
  mkdirSync(OUT, { recursive: true });
  if (isa !== 'relaxed') {
    const link = ['-sSTANDALONE_WASM', '--no-entry', '-sEXPORTED_FUNCTIONS=_vocabulary_fault'];
    execFileSync('emcc', [...COMMON, ...flags, ...source, ...link, '-o', file], { env: EMSCRIPTEN });
    return file;
  }
  const root = `${execFileSync('em-config', ['CACHE']).toString().trim()}/sysroot`;
  const target = ['--target=wasm32-unknown-emscripten', `--sysroot=${root}`];
  execFileSync('clang-19', [...target, ...COMMON, ...flags, ...source, '-c', '-o', `${OUT}/relaxed.o`]);
  const libraries = [`-L${root}/lib/wasm32-emscripten`, '-lstandalonewasm', '-lc', '-lcompiler_rt', '-ldlmalloc'];
  const link = ['--no-entry', '--export=vocabulary_fault', `${OUT}/relaxed.o`, ...libraries, '-o', file];
  execFileSync('wasm-ld-19', link);
  return file;
}

for (const [isa, ...flags] of [['scalar'], ['simd128', '-msimd128'], ['relaxed', '-msimd128', '-mrelaxed-simd']]) {
  test(`vocabulary of ${isa} is what scalar.h defines`, () => {
    const exports = instantiate(compileVocabulary(isa, flags));
    const fault = exports.vocabulary_fault();
    assert.equal(fault === 0 ? '' : text(exports, fault), '');
  });
}

/** Every kernel against the oracle, and its twin if it has one.  @param {Record<string, any>} exports */
function assertKernelsPass(exports) {
  const checks = exports.malloc(4);
  const error = exports.malloc(256); /* a pmoe_error: status, then text */
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const rounds of [0, 1]) { /* 0: what a page's start has time for */
      const status = exports.pmoe_self_test(0, rounds, BigInt(seed), checks, error);
      assert.equal(status === 0 ? '' : text(exports, error + 4), '');
      assert.ok(new DataView(exports.memory.buffer).getInt32(checks, true) > (rounds ? 500 : 100));
    }
  }
}

for (const variant of ['scalar', 'simd', 'relaxed', 'simd-threads', 'relaxed-threads']) {
  test(`every kernel of pmoe-${variant}.wasm, ${SEEDS} seeds`, () => {
    assertKernelsPass(instantiate(`build/wasm/pmoe-${variant}.wasm`));
  });
}

for (const variant of ['simd', 'simd-threads']) {
  test(`every kernel of bench/pmoe-${variant}.wasm is scalar's twin to the last bit, ${SEEDS} seeds`, () => {
    const exports = instantiate(`build/wasm/bench/pmoe-${variant}.wasm`);
    const [scalar, simd128] = [0, 1].map((index) => exports.kernels_at(index));
    const name = (/** @type {number} */ table) => text(exports, new DataView(exports.memory.buffer).getUint32(table, true));
    assert.deepEqual([name(scalar), name(simd128)], ['scalar', 'simd128']);
    assert.equal(exports.kernels_find(0), simd128); /* what the harness takes ... */
    assert.equal(exports.kernels_twin(simd128), scalar); /* ... and holds against */
    assertKernelsPass(exports);
  });
}
