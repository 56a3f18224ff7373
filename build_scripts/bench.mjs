#!/usr/bin/env node
/**
 * The native benchmark, a group of comparisons at a time: prints the tables and keeps the results in weights/results.
 *
 *     node build_scripts/bench.mjs [GROUP...] [-- OPTIONS of pmoe bench]
 *
 * Without groups all of them.  Close other programs: what runs beside it is measured too.  bench_web.mjs does the same
 * in a browser.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { GROUPS, keep } from './results.mjs';

const OUT = 'build/bench/native.json';
const CPUS = availableParallelism();
const THREADS = CPUS > 1 ? ['--threads', `1,${CPUS}`] : [];

const args = process.argv.slice(2);
const split = args.includes('--') ? args.indexOf('--') : args.length;
const groups = split ? args.slice(0, split) : GROUPS;
const unknown = groups.find((group) => !GROUPS.includes(group));
if (unknown) {
  console.error(`bench: expected groups (${GROUPS.join(', ')}), found "${unknown}"`);
  process.exit(1);
}
mkdirSync('build/bench', { recursive: true });
for (const group of groups) {
  const { status } = spawnSync('build/pmoe', ['bench', '--what', group, ...THREADS, ...args.slice(split + 1), '--out', OUT], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  keep(JSON.parse(readFileSync(OUT, 'utf8')));
}
