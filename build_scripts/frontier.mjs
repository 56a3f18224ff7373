#!/usr/bin/env node
/**
 * The frontier of accuracy against time on CIFAR-10: dense networks of several widths and deep pMoE of several k and l,
 * all with one recipe and one budget, then all timed side by side.
 *
 *     node build_scripts/frontier.mjs train [--seeds N] [NAME...]   those whose weights are missing in build/frontier/
 *     node build_scripts/frontier.mjs time [--seconds S]            and keep the result: weights/results/frontier.json
 *
 * Needs build/pmoe and data/cifar10.  A point's accuracy is the mean of the seeds that are there, its time the first
 * seed's.  It is outside the dense frontier if no dense network is both at least as accurate and at least as fast.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import { lines } from './results.mjs';

const FOLDER = 'build/frontier';
const RESULT = 'weights/results/frontier.json';
const run = promisify(execFile);

/** @typedef {{name: string, recipe: string, options: string[]}} Configuration */

/** @param {string} stem @param {string} stages @returns {Configuration} */
const dense = (stem, stages) => ({ name: `dense ${stem} | ${stages}`, recipe: 'cifar-cnn', options: ['--stem', stem, '--stages', stages] });

/** @param {string} stem @param {number} patch @param {number} k @param {number} l @param {string} stages @returns {Configuration} */
const deep = (stem, patch, k, l, stages) => ({
  name: `pMoE ${stem} | k = ${k}, l = ${l} | ${stages}`,
  recipe: 'cifar-deep-pmoe',
  options: ['--stem', stem, '--patch', `${patch}`, '--experts', `${k}`, '--kept', `${l}`, '--stages', stages],
});

/** @type {Configuration[]} */
const CONFIGURATIONS = [
  dense('8/2,16,32/2', '64'),
  dense('16/2,32/2', '64'),
  dense('16/2,32,64/2', '64x2/2,64x1'),
  dense('16/2,32,64/2', '64'),
  dense('16/2,32,64/2', '128'),
  dense('16,32/2,64/2', '64'),
  dense('8,16/2', '32,64/2,64'),
  dense('16,32/2', '32,64/2,64'),
  dense('16,32/2', '64,128/2,128'),
  deep('16/2,32,64/2', 2, 4, 4, '64x2/2,64x1'),
  deep('16/2,32,64/2', 1, 8, 16, '64x1,64x1'),
  deep('16/2,32,64/2', 2, 8, 4, '128x2/2'),
  deep('16,32/2,64/2', 2, 4, 4, '64x2/2,64x1'),
  deep('16,32/2,64/2', 2, 4, 8, '64x2/2,64x1'),
  deep('16,32/2', 4, 2, 4, '32,64/2,64'),
  deep('16,32/2', 4, 2, 8, '32,64/2,64'),
];

/** Without its ending. @param {Configuration} configuration @param {number} seed */
const fileOf = ({ recipe, options }, seed) =>
  `${FOLDER}/${[recipe, ...options.filter((_, i) => i % 2), ...(seed > 1 ? [`seed${seed}`] : [])].join('_').replaceAll(/[/,]/g, '-')}`;

/** The logs of a configuration's seeds, 1 and on. @param {Configuration} configuration @returns {any[]} */
function logsOf(configuration) {
  const logs = [];
  for (let file; existsSync((file = `${fileOf(configuration, logs.length + 1)}.json`)); ) logs.push(JSON.parse(readFileSync(file, 'utf8')));
  return logs;
}

/** What a command of build/pmoe prints. @param {string[]} args @returns {Promise<any>} */
async function pmoe(args) {
  const { stdout } = await run('build/pmoe', [...args, '--json'], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** Two at a time, one thread each: threads change no byte, and two small trainings waste less than one of two threads.
 * @param {Configuration[]} wanted @param {number} seeds */
async function train(wanted, seeds) {
  mkdirSync(FOLDER, { recursive: true });
  const left = Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) => wanted.map((configuration) => ({ configuration, seed })))
    .filter(({ configuration, seed }) => !existsSync(`${fileOf(configuration, seed)}.json`));
  const worker = async () => {
    for (let next; (next = left.shift()); ) {
      const { configuration: { name, recipe, options }, seed } = next;
      const file = fileOf(next.configuration, seed);
      const result = await pmoe(['train', recipe, ...options, '--seed', `${seed}`, '--threads', '1', '--out', `${file}.safetensors`]);
      writeFileSync(`${file}.json`, JSON.stringify(result));
      console.log(`${result.accuracy.toFixed(2)} %  ${(result.multiply_adds / 1e6).toFixed(1)} M  ${result.seconds.toFixed(0)} s  seed ${seed}  ${name}`);
    }
  };
  await Promise.all([worker(), worker()]);
}

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param {number} seconds */
async function time(seconds) {
  const trained = CONFIGURATIONS.map((configuration) => ({ ...configuration, logs: logsOf(configuration) })).filter(({ logs }) => logs.length);
  const bench = await pmoe(['bench', '--what', 'models', '--batch', '1', '--seconds', `${seconds}`,
    ...trained.flatMap((configuration) => ['--model', `${fileOf(configuration, 1)}.safetensors`])]);
  const points = trained.map((configuration, i) => {
    const accuracies = configuration.logs.map(({ accuracy }) => accuracy);
    const { parameters, epochs } = configuration.logs[0];
    const { multiply_adds: macs, median_ns: ns, low_ns: low, high_ns: high } = bench.rows[i];
    return { name: configuration.name, routed: configuration.recipe !== 'cifar-cnn', accuracy: mean(accuracies), accuracies, ms: ns / 1e6, ms_low: low / 1e6, ms_high: high / 1e6,
      multiply_adds: macs, parameters, epochs: epochs.length, train: ['build/pmoe train', configuration.recipe, ...configuration.options].join(' ') };
  });
  const rivals = points.filter(({ routed }) => !routed);
  const judged = points.map((point) => ({ ...point, outside: !rivals.some((dense) => dense !== point && dense.accuracy >= point.accuracy && dense.ms <= point.ms) }));
  const { pmoe: release, build, command, environment, measured } = bench;
  writeFileSync(RESULT, lines({ version: 1, kind: 'frontier', pmoe: release, build, command, environment, measured, points: judged }, 2) + '\n');
  for (const { name, accuracy, ms, multiply_adds: macs, outside } of judged)
    console.log(`${accuracy.toFixed(2)} %  ${ms.toFixed(3)} ms  ${(macs / 1e6).toFixed(1)} M  ${outside ? 'outside' : '       '}  ${name}`);
}

const { values, positionals: [what, ...names] } = parseArgs({ allowPositionals: true, options: { seeds: { type: 'string', default: '1' }, seconds: { type: 'string', default: '2' } } });
const [seeds, seconds] = [Number(values.seeds), Number(values.seconds)];
if (!Number.isInteger(seeds) || seeds < 1 || !(seconds >= 0)) throw new Error('frontier.mjs: --seeds takes a number from 1 on, --seconds one from 0 on');
if (what === 'train')
  await train(CONFIGURATIONS.filter(({ name }) => !names.length || names.some((one) => name.includes(one))), seeds);
else if (what === 'time') await time(seconds);
else throw new Error('usage: frontier.mjs train [--seeds N] [NAME...] | time [--seconds S]');
