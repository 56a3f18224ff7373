/**
 * The program as its users meet it: commands, options, files good and bad.
 *
 * Runs build/pmoe, or the program that the environment variable PMOE names (the sanitized one), on files made here and
 * on the committed samples.  Every failure must be exit code 1, one line on stderr and nothing on stdout.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { lstatSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { denseModel, routedModel } from './model_file.mjs';
import { decodePng, encodeGrey, onlyHeader } from './png.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PMOE = resolve(process.env.PMOE ?? join(ROOT, 'build/pmoe'));
const SAMPLES = join(ROOT, 'weights/samples');

/** @type {string} */
let folder;
/** @param {string} name */
const at = (name) => join(folder, name);
/** @param {string} name @param {Buffer | string} bytes @returns {string} */
function make(name, bytes) {
  writeFileSync(at(name), bytes);
  return at(name);
}

before(() => {
  assert.ok(existsSync(PMOE), `${PMOE} is missing; make native builds it`);
  folder = mkdtempSync(join(tmpdir(), 'pmoe-cli-'));
  make('dense.safetensors', denseModel());
  make('routed.safetensors', routedModel());
  make('ten.safetensors', routedModel({ classes: 10 }));
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));

/** @param {string[]} args @param {import('node:child_process').SpawnSyncOptions} [options] */
function run(args, options = {}) {
  const done = spawnSync(PMOE, args, { cwd: ROOT, timeout: 120000, maxBuffer: 1 << 26, ...options });
  const { status, signal } = done;
  return { status, signal, stdout: String(done.stdout ?? ''), stderr: String(done.stderr ?? '') };
}

/** @param {string[]} args */
function succeed(args) {
  const { status, signal, stdout, stderr } = run(args);
  assert.equal(signal, null);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return stdout;
}

/** @param {string[]} args @returns {any} */
const json = (args) => JSON.parse(succeed([...args, '--json']));

/**
 * @param {string[]} args
 * @param {RegExp} sentence
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
function refuse(args, sentence, options) {
  const { status, signal, stdout, stderr } = run(args, options);
  assert.equal(signal, null, `${args.join(' ')}: ended by ${signal}`);
  assert.match(stderr, /^pmoe[^\n]*: [^\n]+\n$/, `${args.join(' ')}: one line on stderr`);
  assert.match(stderr, sentence);
  assert.equal(stdout, '');
  assert.equal(status, 1);
}

// ---- Help and options ----

test('help names every command, and every command has help', () => {
  const all = succeed(['--help']);
  assert.equal(succeed(['help']), all);
  const commands = [...all.matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) {2,}\S/gm)].map((match) => match[1]);
  for (const command of ['predict', 'info', 'eval', 'bench', 'board', 'self-test']) assert.ok(commands.includes(command));
  for (const command of commands) {
    const words = command.split(' ');
    const help = succeed([...words, '--help']);
    assert.match(help, new RegExp(`^usage: pmoe ${command} \\[OPTIONS\\]`));
    assert.match(help, /^ {2}--json +\S/m);
    assert.equal(succeed(['help', ...words]), help);
    assert.equal(succeed([...words, '--no-such-option', '-h']), help, 'help comes before complaints');
  }
});

test('the version names the build', () => {
  assert.match(succeed(['--version']), /^pmoe \d+\.\d+\.\d+, build [0-9a-f]{16}\n$/);
});

test('what is not a command is refused, and a near one suggested', () => {
  refuse([], /command is missing/);
  refuse(['perdict', 'x.png'], /unknown command "perdict"; did you mean predict\?/);
  refuse(['selftest'], /did you mean self-test\?/);
  refuse(['fly'], /unknown command "fly"; `pmoe --help` lists them/);
  refuse(['help', 'inf'], /did you mean info\?/);
  refuse(['x'.repeat(5000)], /unknown command/);
});

test('what is not an option is refused, and a near one suggested', () => {
  refuse(['eval', '--modle', 'x'], /^pmoe eval: unknown option "--modle"; did you mean --model\?/);
  refuse(['eval', '--board=3'], /did you mean --boards\?/);
  refuse(['eval', '--zzzz'], /unknown option "--zzzz"\n/);
  refuse(['eval', '-m'], /unknown option "-m"/);
  refuse(['info', '--', '--json'], /--json: cannot be opened/);
});

test('values are checked against the tables', () => {
  const model = ['eval', '--model', at('dense.safetensors')];
  refuse(['eval'], /--model FILE is missing/);
  refuse(['eval', '--model'], /--model: expected a value \(FILE\), found none/);
  refuse(['eval', '--model', '--json'], /--model: expected a value \(FILE\), found --json/);
  refuse(['eval', '--model='], /--model: expected a value/);
  refuse([...model, '--json=1'], /--json: expected no value, found "1"/);
  for (const bad of ['0', '-1', '1.5', '7x', '', ' ', '10000001', '99999999999999999999', '0x10', 'nan']) {
    refuse([...model, `--boards=${bad}`], /--boards: expected a (whole number from 1 to 10000000|value)/);
  }
  refuse([...model, '--seed', '9007199254740993'], /--seed: expected a whole number/);
  refuse([...model, '--threads', '257'], /--threads: expected a whole number from 0 to 256/);
  refuse([...model, '--set', 'mosaic1'], /--set: expected mosaic, mosaic10, mosaic64, cifar10, noise, vehicles, celeba, celeba-hair or celeba-glasses, found "mosaic1"; did you mean/);
  refuse([...model, '--isa', 'avx3'], /--isa: expected one that this build and this CPU have \(best, scalar/);
  refuse([...model, 'extra'], /expected options only, found "extra" too/);
  for (const bad of ['1,,2', '1,', ',', '0', '1,4097', '1;2', Array(40).fill(1).join()]) {
    refuse(['bench', '--batch', bad], /--batch: expected/);
  }
  for (const bad of ['nan', 'inf', '-1', '1e9', 'x']) {
    refuse(['bench', '--seconds', bad], /--seconds: expected a number from 0 to 3600/);
  }
  refuse(['info'], /expected a weights file or --network NAME, found neither/);
  refuse(['info', 'a', 'b'], /expected \[FILE\], found "b" too/);
  refuse(['predict'], /expected IMAGE..., found none/);
  refuse(['predict', 'a.png', ...Array(17).fill(['--model', 'm']).flat()], /--model: expected at most 16/);
});

test('both ways of giving a value mean the same, the last one counts', () => {
  const one = succeed(['board', '--data', SAMPLES, '--index', '7', '--out', at('b.png')]);
  assert.equal(succeed(['board', `--data=${SAMPLES}`, '--index=1', '--index=7', `--out=${at('b.png')}`]), one);
});

test('a result that cannot be written is an error', { skip: !existsSync('/dev/full') }, () => {
  const { status, stderr } = run(['--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  assert.equal(status, 0, stderr);
  const full = spawnSync('sh', ['-c', '"$0" info "$1" > /dev/full', PMOE, at('dense.safetensors')]);
  assert.equal(full.status, 1);
  assert.match(String(full.stderr), /^pmoe info: stdout: [^\n]+\n$/);
});

// ---- Weights files ----

test('info says what is in a file', () => {
  const text = succeed(['info', at('routed.safetensors')]);
  assert.match(text, /router +patch_router +2 x 16 +1568 +25088/);
  assert.match(text, /experts +2, each keeps 3 patches/);
  const { kind, file, sha256, model } = json(['info', at('routed.safetensors')]);
  assert.deepEqual([kind, file], ['info', at('routed.safetensors')]);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.equal(model.parameters, 2 * 784 + 8 * 784 + 8);
  assert.equal(model.multiply_adds, 16 * 2 * 784 + 2 * 3 * 4 * 784 + 8);
  assert.equal(JSON.parse(model.metadata['pmoe.model']).name, 'routed-8');
});

test('a file of more metadata and classes than fit a line is still one answer', () => {
  const metadata = { note: 'x'.repeat(100000), bell: '\u0007\n"' };
  const path = make('noted.safetensors', routedModel({ classes: 40, metadata }));
  assert.match(succeed(['info', path]), /classes +0, 1, .* and 20 more\n/);
  assert.deepEqual(json(['info', path]).model.metadata.bell, metadata.bell);
});

/** Bad bytes, and what must be said of them. @returns {[string, Buffer | string, RegExp][]} */
function badModels() {
  const good = routedModel();
  const length = Number(good.readBigUInt64LE());
  const cut = (/** @type {number} */ n) => good.subarray(0, n);
  const lying = Buffer.from(good);
  lying.writeBigUInt64LE(2n ** 63n);
  const over = Buffer.from(good);
  over.writeBigUInt64LE(BigInt(1 << 20) + 1n);
  const broken = Buffer.from(good);
  broken[8 + (length >> 1)] ^= 0x80;
  return [
    ['empty', '', /empty: .*0 bytes, expected/],
    ['short', 'abc', /short: .*3 bytes, expected/],
    ['page.html', '<!doctype html><title>404</title>'.repeat(40), /page.html: .*header/],
    ['cut-in-length', cut(7), /cut-in-length: /],
    ['cut-in-header', cut(8 + length - 1), /cut-in-header: .*header/],
    ['cut-in-data', cut(good.length - 1), /cut-in-data: /],
    ['longer', Buffer.concat([good, Buffer.alloc(4)]), /longer: /],
    ['lying-length', lying, /lying-length: .*9223372036854775808/],
    ['huge-header', over, /huge-header: .*1048576/],
    ['broken-header', broken, /broken-header: /],
    ['no-layers', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]), /pmoe\.model/],
  ];
}

test('bad weights files get one sentence, from every command that opens them', () => {
  for (const [name, bytes, sentence] of badModels()) {
    const path = make(name, bytes);
    refuse(['info', path], sentence);
    refuse(['info', path, '--json'], sentence);
    refuse(['eval', '--data', SAMPLES, '--model', path], sentence);
    refuse(['predict', join(SAMPLES, 'board.png'), '--model', path], sentence);
    refuse(['self-test', '--isa', 'scalar', '--model', path], sentence);
    refuse(['bench', '--model', at('dense.safetensors'), '--model', path], sentence);
  }
});

test('a good file stays good, and no cut of it passes', () => {
  const good = denseModel();
  assert.match(succeed(['info', make('whole.safetensors', good)]), /dense-8/);
  for (let size = 0; size < good.length; size += 997) {
    refuse(['info', make('cut.safetensors', good.subarray(0, size))], /cut\.safetensors: /);
  }
});

test('what is not a readable file gets one sentence', () => {
  refuse(['info', at('missing')], /missing: cannot be opened: No such file/);
  refuse(['info', folder], /expected a file, found a folder/);
  refuse(['info', ''], /cannot be opened/);
  refuse(['info', '/dev/null'], /\/dev\/null: /);
  refuse(['info', '/proc/self/mem'], /\/proc\/self\/mem: cannot be read/);
  refuse(['info', at('new\nline\u001b[31m')], /new\?line\?\[31m: cannot be opened/);
  refuse(['info', `${'deep/'.repeat(700)}x`], /cannot be opened/);
});

test('a file that may not be read is said to be so', { skip: process.getuid?.() === 0 && 'root may read all' }, () => {
  const path = make('locked', denseModel());
  chmodSync(path, 0);
  refuse(['info', path], /locked: cannot be opened: Permission denied/);
});

test('weights come through a pipe as well', () => {
  const piped = spawnSync('sh', ['-c', 'cat "$1" | "$0" info /dev/stdin', PMOE, at('routed.safetensors')]);
  assert.equal(piped.status, 0);
  assert.match(String(piped.stdout), /routed-8/);
  refuse(['info', '/dev/zero'], /\/dev\/zero: expected at most \d+ bytes, found more/);
});

// ---- Pictures and predictions ----

/** Sum of a patch's pixels, which is the first router's score times 255. @param {Uint8Array} grey */
function patchSums(grey) {
  return Array.from({ length: 16 }, (_, patch) => {
    let sum = 0;
    for (let y = 0; y < 28; y++) {
      for (let x = 0; x < 28; x++) sum += grey[((patch >> 2) * 28 + y) * 112 + (patch & 3) * 28 + x];
    }
    return sum;
  });
}

test('a board written by `board` is what `predict` sees', () => {
  for (const [index, set] of [[0, 'mosaic'], [5, 'mosaic'], [3, 'mosaic10']]) {
    const path = at('board.png');
    const options = ['--data', SAMPLES, '--set', String(set), '--index', String(index)];
    const truth = json(['board', ...options, '--out', path]);
    assert.equal(truth.labels.length, 16);
    if (set === 'mosaic') {
      assert.equal(truth.labels[truth.patch], truth.label);
      assert.equal(truth.labels.filter((/** @type {number} */ label) => label < 2).length, 1);
    }
    const { width, height, pixels: grey } = decodePng(readFileSync(path));
    assert.deepEqual([width, height], [112, 112]);
    const sums = patchSums(grey);
    const [picture] = json(['predict', path, '--model', at('routed.safetensors')]).pictures;
    assert.deepEqual([picture.width, picture.height, picture.inverted], [112, 112, false]);
    const { experts } = picture.models[0].prediction;
    const sorted = [...sums].sort((a, b) => b - a); // sums, not places: two patches may tie
    const picked = experts.map((/** @type {any} */ e) => e.picks.map((/** @type {number} */ pick) => sums[pick]));
    assert.deepEqual(picked, [sorted.slice(0, 3), sorted.reverse().slice(0, 3)]);
    sums.forEach((sum, i) => {
      assert.ok(Math.abs(experts[0].scores[i] - sum / 255) < 1e-3);
      assert.ok(Math.abs(experts[1].scores[i] + sum / 255) < 1e-3);
    });
    for (const { gates } of experts) {
      assert.ok(Math.abs(gates.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b) - 1) < 1e-6);
    }
  }
});

test('a board of 64 cells: the committed model keeps its true digit and names it', () => {
  const path = at('large.png');
  const truth = json(['board', '--data', SAMPLES, '--set', 'mosaic64', '--index', '3', '--out', path]);
  assert.deepEqual([truth.labels.length, truth.labels[truth.patch], truth.label], [64, 3, 3]);
  const [picture] = json(['predict', path, '--model', 'weights/board-deep-pmoe.safetensors']).pictures;
  assert.deepEqual([picture.width, picture.height, picture.inverted], [224, 224, false]);
  const { experts, ...prediction } = picture.models[0].prediction;
  assert.equal(String(prediction.class), '3');
  assert.ok(experts.some((/** @type {{picks: number[]}} */ { picks }) => picks.includes(truth.patch)));
  const evaluated = json(['eval', '--model', 'weights/board-deep-pmoe.safetensors', '--data', SAMPLES, '--boards', '50']);
  assert.equal(evaluated.set, 'mosaic64');
  assert.ok(evaluated.accuracy >= 90, `${evaluated.accuracy}`);
});

test('probabilities add up, and text and JSON agree', () => {
  const args = ['predict', join(SAMPLES, 'board.png'), '--model', at('ten.safetensors'), '--model'];
  const answer = json([...args, at('dense.safetensors')]);
  const text = succeed([...args, at('dense.safetensors')]);
  const [ten, dense] = answer.pictures[0].models.map((/** @type {any} */ model) => model.prediction);
  for (const one of [ten, dense]) {
    const sum = one.probabilities.reduce((/** @type {number} */ s, /** @type {any} */ p) => s + p.probability, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5);
    const best = 100 * Math.max(...one.probabilities.map((/** @type {any} */ p) => p.probability));
    assert.match(text, new RegExp(`${one.model} +class ${one.class}, ${best.toFixed(2)}%`));
  }
  assert.equal(ten.probabilities.length, 10);
  assert.equal(dense.experts, undefined);
});

test('predict says the same on any number of threads', () => {
  const args = ['predict', join(SAMPLES, 'board.png'), '--model', at('ten.safetensors'), '--model', at('routed.safetensors')];
  const { command, ...one } = json(args);
  for (const threads of ['1', '2', '5', '0']) {
    const { command: other, ...same } = json([...args, '--threads', threads]);
    assert.notEqual(other, command);
    assert.deepEqual(same, one);
  }
});

test('every instruction set gives the same picks and nearly the same logits', () => {
  const isas = json(['self-test']).rows.map((/** @type {any} */ row) => row.isa);
  assert.equal(isas[0], 'scalar');
  const seen = isas.map((/** @type {string} */ isa) => {
    const args = ['predict', join(SAMPLES, 'board.png'), '--model', at('routed.safetensors'), '--isa', isa];
    const answer = json(args);
    assert.equal(answer.environment.isa, isa === 'avx512vnni' ? 'avx512' : isa); /* the same kernels of floats */
    return answer.pictures[0].models[0].prediction;
  });
  for (const one of seen) {
    assert.deepEqual(one.experts.map((/** @type {any} */ e) => e.picks), seen[0].experts.map((/** @type {any} */ e) => e.picks));
    assert.ok(Math.abs(one.logits[0] - seen[0].logits[0]) < 1e-4);
  }
});

test('any size is read, dark on light is turned, several pictures are one answer', () => {
  const ring = (/** @type {number} */ x, /** @type {number} */ y) => (x > 99 && x < 160 && y > 40 && y < 90 ? 255 : 0);
  const light = make('light.png', encodeGrey(300, 200, ring));
  const dark = make('dark.png', encodeGrey(300, 200, (x, y) => 255 - ring(x, y)));
  const { pictures } = json(['predict', light, dark, '--model', at('dense.safetensors')]);
  assert.deepEqual(pictures.map((/** @type {any} */ p) => p.inverted), [false, true]);
  assert.deepEqual(pictures[0].models[0].prediction.logits, pictures[1].models[0].prediction.logits);
  assert.match(succeed(['predict', dark, '--model', at('dense.safetensors')]), /300 x 200, inverted/);
});

test('bad pictures get one sentence', () => {
  const model = ['--model', at('dense.safetensors')];
  const board = readFileSync(join(SAMPLES, 'board.png'));
  refuse(['predict', make('black.png', encodeGrey(50, 50, () => 0)), ...model], /black\.png: the board is empty/);
  refuse(['predict', make('faint.png', encodeGrey(50, 50, () => 31)), ...model], /faint\.png: the board is empty/);
  refuse(['predict', make('page.png', '<html><body>not found</body></html>'), ...model], /page\.png: .*found/);
  refuse(['predict', make('void.png', ''), ...model], /void\.png: .*empty/);
  refuse(['predict', make('half.png', board.subarray(0, board.length / 2)), ...model], /half\.png: /);
  refuse(['predict', make('wide.png', onlyHeader(100000, 100000)), ...model], /wide\.png: /);
  refuse(['predict', make('large.png', onlyHeader(16384, 16384)), ...model], /large\.png: .*16384/);
  refuse(['predict', folder, ...model], /expected a file, found a folder/);
  refuse(['predict', at('none.png'), ...model], /none\.png: cannot be opened/);
  refuse(['predict', join(SAMPLES, 'board.png'), at('none.png'), ...model], /none\.png/);
  refuse(['predict', at('dense.safetensors'), ...model], /expected a PNG, JPEG/);
});

test('without weights in the current folder, predict names the file it looked for', () => {
  refuse(['predict', join(SAMPLES, 'board.png')], /weights\/mosaic-cnn\.safetensors: cannot be opened/, { cwd: folder });
});

const trained = ['cnn', 'separate', 'joint'].map((name) => `weights/mosaic-${name}.safetensors`);
const missing = trained.filter((path) => !existsSync(join(ROOT, path)));

test('the committed weights read the committed board', { skip: missing.length > 0 && `no ${missing[0]}` }, () => {
  const { models } = json(['predict', join(SAMPLES, 'board.png')]).pictures[0];
  assert.deepEqual(models.map((/** @type {any} */ m) => m.file), trained);
  for (const { prediction } of models) assert.equal(prediction.class, '0');
  const separate = models[1].prediction;
  assert.ok(separate.experts.some((/** @type {any} */ expert) => expert.picks.includes(13)), 'the digit is in patch 13');
});

// ---- Boards and evaluation ----

test('the sample board can be made again', () => {
  succeed(['board', '--data', SAMPLES, '--seed', '1', '--index', '0', '--out', at('again.png')]);
  const again = decodePng(readFileSync(at('again.png')));
  assert.deepEqual(again, decodePng(readFileSync(join(SAMPLES, 'board.png'))));
});

test('board leaves nothing behind where it cannot write', () => {
  const board = ['board', '--data', SAMPLES, '--out'];
  refuse([...board, join(folder, 'no/such/folder.png')], /folder\.png/);
  mkdirSync(at('taken.png'));
  refuse([...board, at('taken.png')], /taken\.png/);
  assert.deepEqual(readdirSync(at('taken.png')), []);
  assert.ok(!readdirSync(folder).some((name) => name.endsWith('.tmp')));
  refuse(['board', '--data', SAMPLES], /--out FILE is missing/);
});

test('board keeps a link a link', () => {
  const target = make('target.png', 'old');
  symlinkSync(target, at('link.png'));
  succeed(['board', '--data', SAMPLES, '--out', at('link.png')]);
  assert.ok(lstatSync(at('link.png')).isSymbolicLink());
  assert.equal(decodePng(readFileSync(target)).width, 112);
});

/** A folder of digits. @param {string} name @param {Buffer | null} images @param {Buffer | null} labels */
function dataFolder(name, images, labels) {
  mkdirSync(at(name));
  if (images) make(`${name}/t10k-images-idx3-ubyte`, images);
  if (labels) make(`${name}/t10k-labels-idx1-ubyte`, labels);
  return at(name);
}

test('bad data folders get one sentence', () => {
  const images = readFileSync(join(SAMPLES, 'digits-images-idx3-ubyte'));
  const labels = readFileSync(join(SAMPLES, 'digits-labels-idx1-ubyte'));
  const few = Buffer.concat([Buffer.from([0, 0, 8, 1, 0, 0, 0, 120]), Buffer.alloc(120, 7)]);
  const model = ['eval', '--model', at('routed.safetensors'), '--data'];
  refuse([...model, at('nowhere')], /nowhere: expected a folder with t10k-images-idx3-ubyte or .*make data/);
  refuse([...model, dataFolder('half', images, null)], /t10k-labels-idx1-ubyte: cannot be opened/);
  refuse([...model, dataFolder('swapped', labels, images)], /swapped: IDX images: expected magic 00000803/);
  refuse([...model, dataFolder('cut', images.subarray(0, -1), labels)], /cut: IDX images: expected \d+ bytes/);
  refuse([...model, dataFolder('zip', Buffer.from([31, 139, 8, 0]), labels)], /zip: .*gunzip/);
  refuse([...model, dataFolder('void', Buffer.alloc(0), labels)], /void: IDX images/);
  refuse([...model, dataFolder('sevens', images, few)], /sevens: |0 and 1|digit/);
  refuse(['board', '--out', at('x.png'), '--data', at('cut')], /cut: IDX images/);
  refuse(['board', '--out', at('x.png'), '--data', dataFolder('sevens2', images, few)], /sevens2: /);
  assert.ok(!existsSync(at('x.png')));
  assert.match(succeed([...model, dataFolder('whole', images, labels), '--boards', '10']), /accuracy/);
});

test('eval counts the same for any number of threads and any way of asking', () => {
  for (const model of ['dense', 'routed', 'ten']) {
    const args = ['eval', '--model', at(`${model}.safetensors`), '--data', SAMPLES, '--boards', '333', '--seed', '4'];
    const { command, ...one } = json([...args, '--threads', '1']);
    for (const threads of ['2', '3', '0']) {
      const { command: other, ...same } = json([...args, '--threads', threads]);
      assert.deepEqual(same, one);
      assert.notEqual(other, command);
    }
    assert.equal(one.boards, 333);
    assert.equal(one.accuracy.toFixed(4), ((100 * one.correct) / 333).toFixed(4));
    assert.equal(one.classes.reduce((/** @type {number} */ sum, /** @type {any} */ c) => sum + c.boards, 0), 333);
    assert.equal(one.classes.length, model === 'ten' ? 10 : 2);
    for (const c of one.classes) {
      assert.equal(c.kept?.length, model === 'dense' ? undefined : 2);
      if (c.kept) {
        assert.ok(c.kept_by_any >= Math.max(...c.kept));
        c.kept.forEach((/** @type {number} */ share, /** @type {number} */ s) => assert.ok(share >= c.largest_gate[s]));
      }
    }
  }
});

test('eval agrees with board and predict, board by board', () => {
  const count = 12;
  const model = ['--model', at('routed.safetensors')];
  const { classes, correct } = json(['eval', ...model, '--data', SAMPLES, '--boards', String(count), '--seed', '9']);
  let right = 0;
  const kept = [[0, 0], [0, 0]];
  for (let index = 0; index < count; index++) {
    const out = at('one.png');
    const truth = json(['board', '--data', SAMPLES, '--seed', '9', '--index', String(index), '--out', out]);
    const { prediction } = json(['predict', out, ...model]).pictures[0].models[0];
    right += Number(prediction.index === truth.label);
    prediction.experts.forEach((/** @type {any} */ expert, /** @type {number} */ s) => {
      kept[truth.label][s] += Number(expert.picks.includes(truth.patch));
    });
  }
  assert.equal(correct, right);
  classes.forEach((/** @type {any} */ c, /** @type {number} */ label) => {
    c.kept.forEach((/** @type {number} */ share, /** @type {number} */ s) => {
      assert.equal(Math.round((share * c.boards) / 100), kept[label][s]);
    });
  });
});

test('a model and a set that do not fit are refused', () => {
  const args = ['eval', '--data', SAMPLES, '--model'];
  refuse([...args, at('ten.safetensors'), '--set', 'mosaic'], /the set has 2 classes, the model 10/);
  refuse([...args, at('dense.safetensors'), '--set', 'mosaic10'], /the set has 10 classes, the model 2/);
  const forty = make('forty.safetensors', routedModel({ classes: 40 }));
  refuse([...args, forty], /no set has samples of \d+ x \d+ x 1 and 40 classes, as this model/);
});

// ---- Self-test and benchmark ----

test('self-test checks every instruction set, or one', () => {
  const { rows } = json(['self-test', '--seed', '3', '--model', at('dense.safetensors')]);
  for (const row of rows) {
    assert.ok(row.kernel_checks > 0);
    assert.deepEqual(row.models, [{ file: at('dense.safetensors'), golden_checks: 0 }]);
  }
  assert.match(succeed(['self-test', '--isa', 'scalar']), /^scalar +\d+ kernel checks passed\n$/);
  refuse(['self-test', '--isa', 'mmx'], /--isa: expected/);
});

/** Every row of a result of `pmoe bench`, whatever it is of. @param {any} result */
function checkBench(result) {
  assert.equal(result.version, 1);
  assert.equal(result.kind, 'bench');
  assert.match(result.build, /^[0-9a-f]{16}$/);
  for (const key of ['cpu', 'isa', 'compiler', 'system']) assert.ok(result.environment[key].length > 0);
  const { clock_step_ns: step, reference, drift, drifted } = result.measured;
  assert.ok(step > 0 && drift >= 0);
  assert.equal(drifted, drift > 0.05);
  assert.deepEqual(reference.map((/** @type {any} */ set) => set.isa), json(['self-test']).rows.map((/** @type {any} */ row) => row.isa));
  for (const set of reference) assert.ok(set.gmac_per_s.length >= 2 && set.gmac_per_s.every((/** @type {number} */ rate) => rate > 0));
  result.rows.forEach((/** @type {any} */ row, /** @type {number} */ i) => {
    assert.ok(row.samples_ns.length >= 7 && row.calls >= 1 && row.first_ns > 0);
    assert.ok(row.low_ns <= row.median_ns && row.median_ns <= row.high_ns);
    assert.ok(row.samples_ns.some((/** @type {number} */ ns) => ns <= row.median_ns));
    assert.ok(row.time_ratio_low <= row.time_ratio_high);
    assert.ok(row.compared_with <= i && row.peak_share > 0 && row.threads >= 1);
    assert.ok(Math.abs(row.gmac_per_s * row.median_ns / row.multiply_adds - 1) < 1e-4);
  });
}

test('bench times models and kernels side by side and says how', () => {
  const models = ['--model', at('dense.safetensors'), '--model', at('routed.safetensors')];
  const result = json(['bench', ...models, '--seconds', '0', '--batch', '1,3']);
  checkBench(result);
  assert.match(result.command, /bench --model \S*dense\.safetensors .* --seconds 0 --batch 1,3 --json$/);
  assert.deepEqual(result.models.map((/** @type {any} */ one) => [one.model, one.file]), [
    ['dense-8', at('dense.safetensors')],
    ['routed-8', at('routed.safetensors')],
  ]);
  const timed = result.rows.filter((/** @type {any} */ row) => row.what === 'model');
  const begin = result.rows.length - timed.length;
  assert.deepEqual(timed.map((/** @type {any} */ r) => [r.model, r.batch, r.compared_with]), [
    ['dense-8', 1, begin],
    ['routed-8', 1, begin],
    ['dense-8', 3, begin + 2],
    ['routed-8', 3, begin + 2],
  ]);
  for (const row of timed) {
    const saving = (16 * 8 * 784 + 8) / (row.model === 'dense-8' ? 16 * 8 * 784 + 8 : 43912);
    assert.ok(Math.abs(row.multiply_add_ratio - saving) < 1e-4);
    assert.ok(Math.abs(row.kept - row.time_ratio / row.multiply_add_ratio) < 1e-4);
    assert.ok(row.open_ns > 0 && row.model_bytes > 0 && row.run_bytes > 0);
    assert.equal('ledger' in row, row.model === 'routed-8');
  }
  const kernels = result.rows.filter((/** @type {any} */ row) => row.what === 'kernel');
  const layers = new Set(kernels.map((/** @type {any} */ row) => `${row.model} ${row.layer}`));
  assert.deepEqual([...layers], ['dense-8 conv', 'dense-8 out', 'routed-8 router', 'routed-8 experts.1']);
  assert.equal(kernels.length, layers.size * json(['self-test']).rows.length);
  const text = succeed(['bench', ...models, '--what', 'models', '--batch', '1', '--seconds', '0', '--isa', 'scalar']);
  assert.match(text, /\nmodels on scalar, 1 thread, batch 1, \d+ samples each\n.*kept.*\n +dense-8 .*\n +routed-8 .*\n +of the time .*rest\n +routed-8 /);
});

test('bench says where the saving of a routed network went', () => {
  const networks = ['patch_cnn', 'patch_moe'].flatMap((name) => ['--network', name]);
  const files = { out: at('bench.json'), view: at('view.json') };
  const args = ['bench', ...networks, '--what', 'models', '--batch', '2', '--seconds', '0', '--out', files.out, '--compare-view', files.view];
  const result = json(args);
  checkBench(result);
  const [dense, routed] = result.rows;
  assert.deepEqual([dense.multiply_adds, routed.multiply_adds], [2 * 501800, 2 * 163112]);
  assert.deepEqual([routed.n, routed.k, routed.l], [16, 8, 2]);
  const { theory, measured, kept, router, top_l: top, gather, experts, rest } = routed.ledger;
  assert.ok(Math.abs(theory - 501800 / 163112) < 1e-4);
  assert.ok(Math.abs(measured - routed.time_ratio) < 1e-4 * measured);
  assert.ok(Math.abs(kept - routed.kept) < 1e-4);
  assert.ok(Math.abs(kept + router + top + gather + experts + rest - 1) < 0.01, 'its parts are all of the time');
  assert.ok(['router', 'top_l', 'gather', 'experts'].every((part) => routed.parts_ns[part] > 0));

  assert.deepEqual(JSON.parse(readFileSync(files.out, 'utf8')), result);
  const view = JSON.parse(readFileSync(files.view, 'utf8'));
  assert.ok(view.context.num_cpus >= 1);
  assert.equal(view.benchmarks.length, dense.samples_ns.length + routed.samples_ns.length);
  const repetitions = view.benchmarks.filter((/** @type {any} */ one) => one.name === `models/patch_moe/${routed.isa}/batch:2/threads:1`);
  assert.deepEqual(repetitions.map((/** @type {any} */ one) => one.real_time), routed.samples_ns);
  for (const one of repetitions) assert.ok(one.run_type === 'iteration' && one.time_unit === 'ns' && one.cpu_time === one.real_time);
});

test('networks of the benchmark stand in for files', () => {
  const { model, file } = json(['info', '--network', 'wrn10_2']);
  assert.equal(file, 'wrn10_2');
  assert.equal(model.multiply_adds, 44483840);
  assert.equal(json(['info', '--network', 'wrn10_2']).sha256, json(['info', '--network', 'wrn10_2']).sha256);
  refuse(['info', '--network', 'wrn10_3'], /--network: expected a network of the benchmark, found "wrn10_3"; did you mean wrn10_[24]\?/);
  refuse(['info', '--network', 'zzz'], /found "zzz"\n/);
  refuse(['info', '--network', 'wrn10_2', at('dense.safetensors')], /expected a weights file or --network NAME, found both/);
  refuse(['bench', '--network', 'conv64', '--seconds', '0'], /--network: expected a network/);
  refuse(['bench', '--what', 'nets'], /--what: expected all, layers, networks, routed, heads, kernels, models or int8, found "nets"/);
  refuse(['bench', '--model', at('dense.safetensors'), '--seconds', '0', '--out', at('no/such/folder/x')], /no\/such\/folder/);
});
