/**
 * Training and studies as a user meets them, on the committed sample sheet (120 digits serve as both splits), in sizes
 * that take a moment: what comes out is a model, the same bytes each time, and a resumed run ends like a whole one.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodePng } from '../../build_scripts/png.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PMOE = resolve(process.env.PMOE ?? join(ROOT, 'build/pmoe'));
const DATA = ['--data', 'weights/samples'];
const SMALL = [...DATA, '--samples', '24', '--batch', '10', '--epochs', '3', '--boards', '64'];
const RECIPES = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint', 'mosaic10-cnn', 'mosaic10-pmoe', 'board-deep-pmoe', 'board-cnn'];

/** @type {string} */
let folder;
/** @param {string} name */
const at = (name) => join(folder, name);
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pmoe-train-'));
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));

/** @param {string[]} args */
function run(args) {
  const done = spawnSync(PMOE, args, { cwd: ROOT, timeout: 240000, maxBuffer: 1 << 26 });
  return { status: done.status, stdout: String(done.stdout), stderr: String(done.stderr) };
}

/** @param {string[]} args */
function succeed(args) {
  const { status, stdout, stderr } = run(args);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return stdout;
}

/** @param {string[]} args @param {RegExp} says */
function refuse(args, says) {
  const { status, stdout, stderr } = run(args);
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, says);
  assert.equal(stderr.trim().split('\n').length, 1);
}

for (const recipe of RECIPES) {
  test(`${recipe} trains to a model that opens, and again to the same bytes`, () => {
    const few = recipe.startsWith('mosaic10') ? ['--filters', '40'] : recipe.startsWith('board') ? ['--stages', '6/2,8x4/4'] : [];
    const more = recipe === 'mosaic-separate' ? ['--router-epochs', '2'] : [];
    const args = ['train', recipe, ...SMALL, ...few, ...more, '--out'];
    const result = JSON.parse(succeed([...args, at('a.safetensors'), '--threads', '1', '--json']));
    succeed([...args, at('b.safetensors'), '--threads', '2']);
    assert.deepEqual(readFileSync(at('a.safetensors')), readFileSync(at('b.safetensors')));
    assert.equal(result.kind, 'train');
    assert.equal(result.epochs.length, 3 + 2 * more.length / 2);
    assert.ok(result.epochs.every((/** @type {{loss: number}} */ epoch) => Number.isFinite(epoch.loss)));
    const { model } = JSON.parse(succeed(['info', at('a.safetensors'), '--json']));
    assert.equal(model.name, recipe);
    assert.equal(model.multiply_adds, result.multiply_adds);
    assert.equal(JSON.parse(model.metadata['pmoe.card']).accuracy, result.accuracy);
    const evaluated = JSON.parse(succeed(['eval', '--model', at('a.safetensors'), ...DATA, '--boards', '64', '--json']));
    assert.equal(evaluated.accuracy, result.accuracy);
  });
}

/** A folder of CIFAR-10's files with so few rows, each class a colour. @param {string} name @param {number} rows */
function photoFolder(name, rows) {
  const file = Buffer.alloc(rows * 3073);
  for (let i = 0; i < rows; i++) {
    file[i * 3073] = i % 10;
    for (let k = 0; k < 3072; k++) file[i * 3073 + 1 + k] = (i % 10) * 20 + ((k >> 10) * 30) + ((k * i) % 13);
  }
  mkdirSync(at(name));
  for (const part of [1, 2, 3, 4, 5]) writeFileSync(join(at(name), `data_batch_${part}.bin`), file);
  writeFileSync(join(at(name), 'test_batch.bin'), file);
  return at(name);
}

test('cifar-wrn trains, is judged and used like any other', () => {
  const data = ['--data', photoFolder('photos', 12)];
  const args = ['train', 'cifar-wrn', ...data, '--depth', '10', '--widen', '1', '--samples', '20', '--batch', '10', '--epochs', '2'];
  const whole = [...args, '--boards', '12', '--out', at('wrn.safetensors'), '--threads', '1', '--json'];
  const result = JSON.parse(succeed([...whole, '--test-every', '1']));
  assert.equal(result.epochs.length, 2);
  assert.equal(result.epochs[1].test_accuracy, result.accuracy);
  assert.deepEqual([result.recipe.set, result.recipe.depth, result.recipe.widen, result.recipe.flip], ['cifar10', 10, 1, true]);
  succeed([...args, '--boards', '12', '--out', at('wrn2.safetensors'), '--threads', '2']);
  assert.deepEqual(readFileSync(at('wrn.safetensors')), readFileSync(at('wrn2.safetensors')));
  const evaluated = JSON.parse(succeed(['eval', '--model', at('wrn.safetensors'), ...data, '--json']));
  assert.deepEqual([evaluated.set, evaluated.boards, evaluated.accuracy], ['cifar10', 12, result.accuracy]);
  assert.match(succeed(['eval', '--model', at('wrn.safetensors'), ...data]), /on 12 photographs of cifar10/);
  assert.match(succeed(['predict', '--model', at('wrn.safetensors'), 'web/screenshot.png']), /cifar-wrn +class [a-z]+, /);
  const { model } = JSON.parse(succeed(['info', at('wrn.safetensors'), '--json']));
  assert.equal(model.layers[0].name, 'normalise');
  /* Composed sets: 4 vehicles to a class in training, one in the test. */
  const vehicles = [...args, '--set', 'vehicles', '--out', at('vehicles.safetensors')];
  refuse([...vehicles, '--boards', '12'], /--boards: there are 4 photographs, 12 were asked for/);
  succeed([...vehicles, '--boards', '4']);
  assert.match(succeed(['eval', '--model', at('vehicles.safetensors'), ...data]), /on 4 photographs of vehicles[^]*class ship/);
  refuse(['eval', '--model', at('wrn.safetensors'), ...data, '--set', 'vehicles'], /the set has 4 classes, the model 10/);
  assert.equal(JSON.parse(model.metadata['pmoe.card']).test_photographs, 12);
  const out = ['--out', at('none')];
  refuse([...args, '--samples', '61', ...out], /samples is 61, there are 60 photographs/);
  refuse([...args, '--schedule', 'sine', ...out], /schedule is "sine"/);
  refuse([...args, '--depth', '11', ...out], /depth is 11/);
  refuse(['eval', '--model', at('wrn.safetensors'), ...DATA], /expected a folder with test_batch\.bin.*make data/);
  refuse(['eval', '--model', at('wrn.safetensors'), ...data, '--boards', '13'], /there are 12 photographs, 13/);
  refuse(['eval', '--model', at('wrn.safetensors'), ...DATA, '--set', 'mosaic10'], /112 x 112 x 1, its input is 32/);
  writeFileSync(join(at('photos'), 'test_batch.bin'), Buffer.alloc(3072));
  refuse(['eval', '--model', at('wrn.safetensors'), ...data], /photos: photographs, file 1: expected rows of 3073 bytes/);
});

test('heads say how their experts are used, in training, in eval and of a picture', () => {
  const data = ['--data', photoFolder('few', 12)];
  const size = ['--widen', '1', '--samples', '20', '--batch', '10', '--epochs', '2', '--boards', '12'];
  for (const [head, kept] of /** @type {[string, number][]} */ ([['dense', 0], ['soft', 4], ['sparse', 2], ['hard', 1]])) {
    const mixed = kept ? ['--experts', '4', '--kept', String(kept)] : [];
    const file = at(`${head}.safetensors`);
    const args = ['train', `cifar-head-${head}`, ...data, ...size, ...mixed, '--out', file];
    const result = JSON.parse(succeed([...args, '--threads', '1', '--json']));
    const bytes = readFileSync(file);
    const text = succeed([...args, '--threads', '2']);
    assert.deepEqual(readFileSync(file), bytes);
    assert.equal(result.recipe.head_width, kept ? 64 : 512);
    const evaluated = JSON.parse(succeed(['eval', '--model', file, ...data, '--json']));
    const table = succeed(['eval', '--model', file, ...data]);
    const seen = succeed(['predict', '--model', file, 'web/screenshot.png']);
    if (!kept) {
      assert.ok(!('usage' in evaluated) && !('usage' in result.epochs[0]));
      assert.doesNotMatch(text + table + seen, /experts/);
      continue;
    }
    const sum = (/** @type {number[]} */ numbers) => numbers.reduce((a, b) => a + b, 0);
    assert.equal(result.usage_by_class.length, 10);
    for (const { gates, load } of [result.usage, result.usage_by_class[3], result.epochs[1].usage, evaluated.usage, evaluated.classes[3].usage]) {
      assert.ok(Math.abs(sum(gates) - 1) < 1e-4 && Math.abs(sum(load) - kept) < 1e-4);
    }
    for (const key of ['gates_cv', 'load_cv', 'entropy']) // training folds no norms: another rounding
      for (const [judged, trained] of [[evaluated, result], [evaluated.classes[3], { usage: result.usage_by_class[3] }]])
        assert.ok(Math.abs(judged.usage[key] - trained.usage[key]) < 1e-4, key);
    assert.match(text, /experts: CV of mean gates \d/);
    assert.match(table, new RegExp(`an image keeps ${kept} of 4; CV of mean gates`));
    assert.equal(table.match(/^ {2}(automobile|truck|all|kept by) +\d+\.\d\d( +\d+\.\d\d){3}$/gm)?.length, 4);
    assert.equal(seen.match(/ [A-D] \(\d\.\d{3}\)/g)?.length, kept);
    assert.match(succeed(['info', file]), new RegExp(`experts +4, an image keeps ${kept}\n`));
  }
  const sparse = ['train', 'cifar-head-sparse', ...data, ...size, '--out', at('none')];
  refuse([...sparse, '--balance', 'mean'], /balance is "mean"/);
  refuse([...sparse, '--kept', '8'], /kept is 8, expected 2 to 7/);
  refuse([...sparse, '--dropout', '1'], /dropout is 1/);
});

test('a run that goes on from a checkpoint ends like one that was never stopped', () => {
  const args = ['train', 'mosaic-separate', ...SMALL, '--router-epochs', '2'];
  succeed([...args, '--out', at('whole.safetensors'), '--checkpoint', at('last'), '--checkpoint-every', '4']);
  /* Of five epochs, routers' and experts', the last checkpoint is the fourth's. */
  const { epochs } = JSON.parse(succeed([...args, '--out', at('resumed.safetensors'), '--resume', at('last'), '--json']));
  assert.deepEqual(epochs.map((/** @type {{epoch: number, phase: string}} */ row) => [row.epoch, row.phase]), [[5, 'experts']]);
  assert.deepEqual(readFileSync(at('whole.safetensors')), readFileSync(at('resumed.safetensors')));
  refuse([...args, '--seed', '2', '--out', at('x'), '--resume', at('last')], /another recipe/);
  writeFileSync(at('cut'), readFileSync(at('last')).subarray(0, 5000));
  refuse([...args, '--out', at('x'), '--resume', at('cut')], /cut/);
  assert.ok(!readdirSync(folder).includes('x'));
});

test('training refuses what makes no sense', () => {
  const out = ['--out', at('none')];
  refuse(['train', ...out], /RECIPE/);
  refuse(['train', 'mosaic-cn', ...out], /no recipe is called "mosaic-cn"; `pmoe train --help` names them/);
  refuse(['train', 'mosaic-cnn'], /out/);
  refuse(['train', 'mosaic-joint', ...SMALL, '--experts', '7', ...out], /do not divide/);
  refuse(['train', 'mosaic-joint', ...SMALL, '--kept', '17', ...out], /kept is 17, expected 1 to 16/);
  refuse(['train', 'mosaic-joint', ...SMALL, '--gate', 'soft', ...out], /gate is "soft"/);
  refuse(['train', 'mosaic-cnn', '--data', at('nowhere'), ...out], /nowhere/);
  refuse(['train', 'mosaic-cnn', ...SMALL, '--isa', 'mmx', ...out], /mmx/);
  refuse(['train', 'mosaic-cnn', ...SMALL, '--out', at('no/such/folder')], /no\/such\/folder/);
  assert.ok(!readdirSync(folder).includes('none'));
});

/** CelebA's layout with so many people, each picture's colour by what the list says of it. @param {string} name @param {number} people */
function facesFolder(name, people) {
  mkdirSync(join(at(name), 'img_align_celeba'), { recursive: true });
  const rows = [];
  for (let i = 0; i < people; i++) {
    const [smiling, glasses, black] = [i & 1, (i >> 1) & 1, (i >> 2) & 1];
    const pixels = new Uint8Array(89 * 109 * 3);
    for (let k = 0; k < pixels.length; k += 3) pixels.set([200 * smiling, 200 * glasses, 200 * black], k);
    const file = `${String(i + 1).padStart(6, '0')}.jpg`;
    writeFileSync(join(at(name), 'img_align_celeba', file), encodePng(89, 109, pixels, 3));
    rows.push([file, ...[black, 1 - black, glasses, smiling].map((is) => (is ? '1' : '-1'))].join(' '));
  }
  writeFileSync(join(at(name), 'list_attr_celeba.txt'), [people, 'Black_Hair Blond_Hair Eyeglasses Smiling', ...rows, ''].join('\n'));
  return at(name);
}

test("CelebA's folder serves paper 1's three tasks", () => {
  const folder = facesFolder('celeba', 80);
  const data = ['--data', folder];
  const few = ['--widen', '1', '--samples', '8', '--batch', '4', '--epochs', '1', '--out', at('faces.safetensors')];
  for (const [set, classes] of [['celeba-hair', 2], ['celeba-glasses', 4]]) {
    const result = JSON.parse(succeed(['train', 'celeba-wrn-pmoe', '--set', String(set), ...data, ...few, '--json']));
    assert.deepEqual([result.recipe.set, result.boards], [set, 8]);
    const evaluated = JSON.parse(succeed(['eval', '--model', at('faces.safetensors'), '--set', String(set), ...data, '--json']));
    assert.deepEqual([evaluated.classes.length, evaluated.accuracy], [classes, result.accuracy]);
  }
  const study = JSON.parse(succeed(['study', 'samples', '--set', 'celeba', ...data, '--widen', '1', '--epochs', '1', '--sizes', '8', '--seeds', '1', '--json']));
  assert.deepEqual(study.rows.map((/** @type {any} */ { figure, model }) => [figure, model]), [['10', 'wrn'], ['10', 'wrn-pmoe']]);
  assert.match(succeed(['predict', '--model', at('faces.safetensors'), join(folder, 'img_align_celeba/000003.jpg')]), /class (not )?smiling/);
  refuse(['train', 'celeba-wrn', ...data, ...few, '--samples', '200'], /samples is 200, there are 64 photographs/);
  writeFileSync(join(folder, 'img_align_celeba/000001.jpg'), 'no picture');
  refuse(['train', 'celeba-wrn', ...data, ...few], /000001\.jpg: /);
  writeFileSync(join(folder, 'list_attr_celeba.txt'), '80\nSmiling\n');
  refuse(['train', 'celeba-wrn', ...data, ...few], /list_attr_celeba\.txt: CelebA's list, line 2: expected an attribute Eyeglasses/);
  refuse(['train', 'celeba-wrn', '--data', at('nowhere'), ...few], /nowhere: expected a folder with CelebA's/);
});

test('study samples gives a row for each model and size, the same for any number of threads', () => {
  const args = ['study', 'samples', ...DATA, '--sizes', '8,20', '--seeds', '2', '--epochs', '2', '--router-epochs', '2'];
  const [one, two] = ['1', '2'].map((threads) => JSON.parse(succeed([...args, '--boards', '64', '--json', '--threads', threads])));
  assert.deepEqual(one.rows, two.rows);
  assert.deepEqual(
    one.rows.map((/** @type {any} */ { model, n_train: size }) => `${model} ${size}`),
    ['cnn 8', 'cnn 20', 'separate 8', 'separate 20', 'joint 8', 'joint 20'],
  );
  for (const row of one.rows) {
    assert.equal(row.seeds, 2);
    assert.ok(Math.abs(row.accuracy_mean - (row.values[0] + row.values[1]) / 2) < 1e-4);
    assert.ok(Math.abs(row.accuracy_std - Math.abs(row.values[0] - row.values[1]) / 2) < 1e-2);
  }
});

test('study samples of photographs trains the wide networks of their figure, on one seed like train', () => {
  const data = ['--data', photoFolder('study-photos', 12)];
  const few = ['--widen', '1', '--epochs', '1'];
  const args = ['study', 'samples', '--set', 'vehicles', ...data, ...few, '--sizes', '8', '--seeds', '1', '--json'];
  const study = JSON.parse(succeed(args));
  assert.deepEqual([study.set, study.test_boards], ['vehicles', 4]);
  assert.deepEqual(study.rows.map((/** @type {any} */ { figure, model, n_train: size }) => [figure, model, size]), [['16', 'wrn', 8], ['16', 'wrn-pmoe', 8]]);
  const recipe = ['train', 'vehicles-wrn', ...data, ...few, '--samples', '8', '--out', at('study.safetensors'), '--json'];
  assert.equal(JSON.parse(succeed(recipe)).accuracy, study.rows[0].accuracy_mean);
  const noise = JSON.parse(succeed([...args, '--set', 'noise', '--sizes', '8', '--boards', '5']));
  assert.deepEqual([noise.test_boards, noise.rows[0].figure, noise.rows[0].paper], [5, '15', undefined]);
  const backgrounds = ['--backgrounds', facesFolder('own', 3) + '/img_align_celeba'];
  const own = JSON.parse(succeed([...args, '--set', 'noise', '--sizes', '8', '--boards', '5', ...backgrounds]));
  assert.equal(own.rows.length, 2);
  refuse([...args, ...backgrounds], /--backgrounds: expected the set noise, found vehicles/);
  refuse([...args, '--set', 'noise', '--backgrounds', at('nowhere')], /nowhere: expected a folder of pictures, found none/);
  refuse([...args, '--set', 'noise', '--backgrounds', at('own')], /list_attr_celeba\.txt: /);
  refuse([...args, '--set', 'mosaic10'], /no figure of mosaic10/);
  const judge = ['eval', '--model', 'weights/cifar-head-dense.safetensors', ...data, '--json'];
  assert.equal(JSON.parse(succeed([...judge, '--set', 'noise', '--boards', '5', ...backgrounds])).boards, 5);
  refuse([...judge, ...backgrounds], /--backgrounds: expected the set noise, found cifar10/);
  refuse([...args, '--sizes', '100'], /trial \d: .*there are 20 photographs/);
});

test('study routing: shares grow with l and reach every patch', () => {
  const args = ['study', 'routing', ...DATA, '--sizes', '20', '--seeds', '1', '--epochs', '1', '--router-epochs', '5'];
  const { rows } = JSON.parse(succeed([...args, '--boards', '64', '--json']));
  const shares = rows.filter((/** @type {any} */ row) => row.figure === '8').map((/** @type {any} */ row) => row.share_mean);
  assert.equal(shares.length, 5);
  shares.forEach((/** @type {number} */ share, /** @type {number} */ i) => assert.ok(share >= (shares[i - 1] ?? 0) && share <= 100));
  assert.equal(rows.filter((/** @type {any} */ row) => row.figure === '9').length, 2);
  refuse(['study', 'samples', ...DATA, '--sizes', '0'], /sizes/);
  refuse(['study'], /study samples|study routing/);
});
