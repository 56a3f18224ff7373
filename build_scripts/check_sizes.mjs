#!/usr/bin/env node
/**
 * Size budgets: what a visitor downloads, gzipped, against what was promised.
 *
 *     node build_scripts/check_sizes.mjs
 *
 * Prints a line for each .wasm variant and one for the page without its weights; exit code 1 if one is over, or if a
 * module imports anything but the clock and, for threads, its memory.  Missing files are left out: what was not built is
 * not measured.  So are the benchmark's modules (build/wasm/bench/), what the page loads only when it is asked for, which
 * has a line of its own, and scripts without code: no browser fetches what only types are imported from.
 */
import { gzipSync } from 'node:zlib';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VARIANTS } from '../web/engine/features.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const KIB = 1024;
const WASM_BUDGET = 60 * KIB;
const PAGE_BUDGET = 60 * KIB;
const ON_DEMAND_BUDGET = 24 * KIB; // our own, for all of it together: no visitor waits for any of it to begin with
const PAGE_TYPES = ['.html', '.js', '.css', '.svg', '.json'];
const IMPORTS = ['env.pmoe_now_ns', 'env.memory'];
const ON_DEMAND = [
  ...['mixtures.js', 'pad.js', 'whatif.js', 'whatif.css'].map((file) => join('web/elements', file)),
  ...['camera.js', 'mixtures.css', 'mixtures.js', 'photos.js', 'picture.js', 'samples.js', 'strings_more.js', 'usage.js', 'what-if.js'].map((file) => join('web/page', file)),
];

let failed = false;

/** @param {string} what @param {number} plain @param {number} gzipped @param {number} budget */
function report(what, plain, gzipped, budget) {
  const over = gzipped > budget;
  failed ||= over;
  const kib = (/** @type {number} */ bytes) => (bytes / KIB).toFixed(1).padStart(6);
  console.log(`  ${what.padEnd(20)} ${kib(plain)} KiB, gzipped ${kib(gzipped)} of ${kib(budget)} KiB${over ? '  TOO BIG' : ''}`);
}

/** @param {string} file */
const gzipped = (file) => gzipSync(readFileSync(file), { level: 9 }).length;

for (const variant of [...VARIANTS].reverse()) {
  const file = join(ROOT, 'build/wasm', `pmoe-${variant}.wasm`);
  if (!existsSync(file)) continue;
  const bytes = readFileSync(file);
  report(`pmoe-${variant}.wasm`, bytes.length, gzipped(file), WASM_BUDGET);
  if (variant.startsWith('relaxed')) continue; // this node may need a flag to read its instructions; the engine's tests do
  for (const { module, name } of WebAssembly.Module.imports(new WebAssembly.Module(bytes))) {
    if (IMPORTS.slice(0, variant.endsWith('-threads') ? 2 : 1).includes(`${module}.${name}`)) continue;
    failed = true;
    console.log(`  pmoe-${variant}.wasm imports ${module}.${name}, expected only the clock, and a memory for threads`);
  }
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** @param {string} file  false for a script of comments and an empty list of exports */
function hasCode(file) {
  return extname(file) !== '.js' || !/^\s*export \{\};\s*$/.test(readFileSync(file, 'utf8').replaceAll(/\/\*.*?\*\//gs, ''));
}

const inWorker = ['worker', 'service', 'engine', 'core', 'instance', 'fetch', 'bench'].map((name) => join(ROOT, `web/engine/${name}.js`)); // and only there; bench.js no page asks for
const page = [join(ROOT, 'index.html'), ...filesBelow(join(ROOT, 'web')), join(ROOT, 'build/wasm/worker.js')].filter(
  (file) => existsSync(file) && PAGE_TYPES.includes(extname(file)) && !inWorker.includes(file) && hasCode(file),
);
const isOnDemand = (/** @type {string} */ file) => ON_DEMAND.includes(relative(ROOT, file));

/** @param {string} what @param {string[]} files @param {number} budget */
function reportFiles(what, files, budget) {
  const plain = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  report(`${what}, ${files.length} file${files.length === 1 ? '' : 's'}`, plain, files.reduce((sum, file) => sum + gzipped(file), 0), budget);
}
reportFiles('page', page.filter((file) => !isOnDemand(file)), PAGE_BUDGET);
reportFiles('on demand', page.filter(isOnDemand), ON_DEMAND_BUDGET);

process.exit(failed ? 1 : 0);
