#!/usr/bin/env node
/**
 * Runs all tests and adds them up.
 *
 *     node tests/run.mjs [--qemu "test_simd ..."] [--only WORD]      everything, or the steps whose name has WORD
 *     node tests/run.mjs --fuzz SECONDS                              the fuzzers only, so long each
 *
 * Each step is a program of its own; its output goes to build/test-logs/ and, if it fails, to the terminal.  cmocka and
 * node:test say how many tests they ran, any other step counts as one.  A crash, a time-out and a program that ran no
 * test are failures.  The last line is `N passed, N failed`; the exit code is 1 if anything failed.  Installing is
 * build_scripts/install.sh's, how things are built the Makefile's.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LOGS = 'build/test-logs';
const SHORT_FUZZ_SECONDS = 10;
const LIMIT_SECONDS = 300;
const BUILD_LIMIT_SECONDS = 1800;
const TAIL_LINES = 60;

process.chdir(ROOT);

/**
 * @typedef {object} Count
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {string[]} command
 * @property {Record<string, string>} [env]
 * @property {number} [limit]           seconds
 * @property {(output: string) => Count} [count]  without it the step counts as one
 */

// ---- What there is to run ----

/** @param {string} folder @param {RegExp} pattern */
function filesOf(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** @param {string} file */
const stem = (file) => basename(file).replace(/\.\w+$/, '');

const CHECKED = { ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
const QEMU = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', '-E', 'LD_LIBRARY_PATH=build/arm64/usr/lib/aarch64-linux-gnu'];

/** @param {string[]} qemuUnits @returns {Step[]} */
function unitSteps(qemuUnits) {
  const units = filesOf('tests/units', /^test_.*\.c$/).map(stem);
  return [
    ...units.map((unit) => ({ name: `unit ${unit}`, command: [`build/native/units/${unit}`], count: countCmocka })),
    ...units.map((unit) => ({
      name: `sanitized ${unit}`,
      command: [`build/sanitize/units/${unit}`],
      env: CHECKED,
      count: countCmocka,
    })),
    { name: 'thread sanitizer test_pool', command: ['build/thread/units/test_pool'], count: countCmocka },
    ...qemuUnits.map((unit) => ({
      name: `aarch64 ${unit}`,
      command: [...QEMU, `build/aarch64/units/${unit}`],
      count: countCmocka,
    })),
  ];
}

/** Replay the corpus, then search for so many seconds; new inputs and findings go to build/fuzz. @param {number} seconds @returns {Step[]} */
function fuzzSteps(seconds) {
  return filesOf('tests/fuzz', /^fuzz_.*\.c$/).flatMap((file) => {
    const fuzzer = stem(file);
    const corpus = `tests/fuzz/corpus/${fuzzer.replace(/^fuzz_/, '')}`;
    const found = `build/fuzz/${fuzzer}`;
    mkdirSync(found, { recursive: true });
    const limits = ['-rss_limit_mb=2048', '-malloc_limit_mb=1024', '-timeout=10', `-artifact_prefix=${found}-`];
    const program = `build/sanitize/fuzz/${fuzzer}`;
    const seeds = existsSync(corpus) ? [corpus] : [];
    return [
      { name: `replay ${fuzzer}`, command: [program, '-runs=0', ...limits, ...seeds], env: CHECKED },
      {
        name: `fuzz ${fuzzer}`,
        command: [program, `-max_total_time=${seconds}`, '-print_final_stats=1', ...limits, found, ...seeds],
        env: CHECKED,
        limit: seconds + LIMIT_SECONDS,
      },
    ];
  });
}

/** @returns {Step[]} */
function otherSteps() {
  const scripts = [...filesOf('build_scripts', /\.sh$/), '.ci/run'];
  return [
    { name: 'types', command: ['node_modules/.bin/tsc', '-p', '.'] },
    { name: 'format', command: ['make', '-s', 'format-check'] },
    { name: 'sizes', command: ['node', 'build_scripts/check_sizes.mjs'] },
    { name: 'shell scripts', command: ['shellcheck', ...scripts] },
    { name: 'public header alone', command: ['gcc', '-std=c11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', 'src/pmoe.h'] },
    ...readdirSync('tests', { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => filesOf(join('tests', name), /\.test\.mjs$/))
      .map((file) => ({
        name: `node ${stem(stem(file))}`,
        command: ['node', '--test', '--test-reporter=tap', file],
        limit: 2 * LIMIT_SECONDS,
        count: countTap,
      })),
  ];
}

// ---- Counting ----

/** @param {string} text @param {RegExp} pattern */
const occurrences = (text, pattern) => (text.match(pattern) ?? []).length;

/** @param {string} output  one line per test as it ends, so that what passed before a crash counts @returns {Count} */
function countCmocka(output) {
  return {
    passed: occurrences(output, /^\[ +OK \]/gm),
    failed: failedNames(output),
    skipped: occurrences(output, /^\[ +SKIPPED +\] (?!\d+ test)/gm),
  };
}

/** cmocka names a failed test when it ends and again in its summary. @param {string} output */
function failedNames(output) {
  return new Set(Array.from(output.matchAll(/^\[ +(?:FAILED|ERROR) +\] (?!\d+ test)(\S+)/gm), (match) => match[1])).size;
}

/** @param {string} output @returns {Count} */
function countTap(output) {
  const number = (/** @type {string} */ word) => Number(output.match(new RegExp(`^# ${word} (\\d+)$`, 'm'))?.[1] ?? 0);
  return { passed: number('pass'), failed: number('fail') + number('cancelled'), skipped: number('skipped') + number('todo') };
}

/** @param {Step} step @param {{code: number | null, output: string}} end @returns {Count} */
function judge(step, { code, output }) {
  if (!step.count) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  const count = step.count(output);
  const nothing = count.passed + count.failed + count.skipped === 0;
  if (count.failed === 0 && (code !== 0 || nothing)) count.failed = 1;
  return count;
}

/** Of TAP, what it says of each failed test; of anything else, the end. @param {string} output @returns {string[]} */
function whatFailed(output) {
  const failed = output.match(/^ *not ok .*\n(?: *---\n[^]*?\n *\.\.\.$)?/gm);
  return failed ? failed.flatMap((text) => text.split('\n')) : output.trimEnd().split('\n').slice(-TAIL_LINES);
}

// ---- Running ----

/**
 * @param {Step} step
 * @returns {Promise<{code: number | null, output: string, seconds: number}>}  code null: killed or never started
 */
function execute({ command, env, limit = LIMIT_SECONDS }) {
  const start = performance.now();
  return new Promise((resolve) => {
    /** @type {Buffer[]} */
    const parts = [];
    const child = spawn(command[0], command.slice(1), {
      env: { ...process.env, MAKEFLAGS: '', ...env }, // the make that called shares no job slots with steps
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, so that a time-out ends its children too
    });
    /** @param {number | null} code @param {string} [why] */
    const end = (code, why) => {
      clearTimeout(timer);
      const output = Buffer.concat(parts).toString() + (why ? `\n${why}\n` : '');
      resolve({ code, output, seconds: (performance.now() - start) / 1000 });
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid) process.kill(-child.pid, 'SIGKILL');
    }, limit * 1000);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
    child.on('error', (error) => end(null, `${command[0]} could not be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (late) end(null, `stopped after ${limit} s`);
      else end(code, signal ? `ended by ${signal}` : undefined);
    });
  });
}

/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const failures = [];

/** @param {Step} step */
async function run(step) {
  const end = await execute(step);
  const count = judge(step, end);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  const log = join(LOGS, `${step.name.replace(/[^\w.-]+/g, '-')}.log`);
  writeFileSync(log, `${step.command.join(' ')}\n${end.output}`);
  const numbers = `${count.passed} passed${count.failed ? `, ${count.failed} failed` : ''}${count.skipped ? `, ${count.skipped} skipped` : ''}`;
  console.log(`${count.failed ? 'FAIL' : 'ok  '} ${step.name.padEnd(36)} ${numbers.padEnd(22)} ${end.seconds.toFixed(1)} s`);
  if (count.failed === 0) return true;
  failures.push(`${step.name} (${log})`);
  console.log(whatFailed(end.output).map((line) => `     | ${line}`).join('\n'));
  return false;
}

/** Steps in order, as many at a time as there are processors. @param {Step[]} steps */
async function runAll(steps) {
  const queue = [...steps];
  const lanes = (availableParallelism ?? (() => cpus().length))();
  const lane = async () => {
    for (let step = queue.shift(); step; step = queue.shift()) await run(step);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** @param {string[]} args */
function options(args) {
  const known = { qemu: '', only: '', fuzz: '' };
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, '');
    if (!Object.hasOwn(known, name) || args[i + 1] === undefined) {
      console.error(`run: expected --qemu NAMES, --only WORD or --fuzz SECONDS, found "${args.slice(i).join(' ')}"`);
      process.exit(1);
    }
    known[/** @type {keyof typeof known} */ (name)] = args[i + 1];
  }
  return known;
}

const { qemu, only, fuzz } = options(process.argv.slice(2));
mkdirSync(LOGS, { recursive: true });
if (fuzz) {
  await runAll(fuzzSteps(Number(fuzz)));
} else {
  await run({ name: 'build', command: ['make', '-k', 'test-programs'], limit: BUILD_LIMIT_SECONDS });
  const steps = [...otherSteps(), ...unitSteps(qemu.split(/\s+/).filter(Boolean)), ...fuzzSteps(SHORT_FUZZ_SECONDS)];
  await runAll(steps.filter((step) => step.name.includes(only)));
}
if (failures.length) console.log(`\nfailed:\n${failures.map((name) => `  ${name}`).join('\n')}`);
const skipped = total.skipped ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed ? 1 : 0;
