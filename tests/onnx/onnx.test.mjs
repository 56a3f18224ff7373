/**
 * `pmoe export --onnx`: what it writes gives our logits in ONNX Runtime, for every type of layer and the committed
 * weights, in every form, at batch 1 and 3.
 *
 * A pick that differs puts another patch through an expert, which moves logits by far more than rounding does.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ort from 'onnxruntime-node';
import { denseModel } from '../cli/model_file.mjs';
import { model, models, ties, uniform } from './models.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** What users run, and the same with checks of every access, which writes the files compared here. */
const [PMOE, CHECKED] = ['build/pmoe', 'build/sanitize/bin/pmoe'].map((path) => join(ROOT, path));
const LOGITS = join(ROOT, 'build/native/hosts/logits');
const WEIGHTS = join(ROOT, 'weights');
/** Of the largest logit, or of 1: both sides round on the way, in another order, and ours by way of Winograd. */
const TOLERANCE = 2e-5;
const FORMS = { shared: [], batched: ['--batched'], naive: ['--naive'] };

/** @type {string} */
let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'pmoe-onnx-'))));
after(() => folder && rmSync(folder, { recursive: true, force: true }));

/** @param {string} program @param {string[]} options @param {string} out */
function exportWith(program, options, out) {
  const { status, stderr } = spawnSync(program, ['export', '--onnx', ...options, '--out', out], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return readFileSync(out);
}

/** @param {string} file @param {Float32Array} images NHWC @param {number} batch */
function ours(file, images, batch) {
  const done = spawnSync(LOGITS, [file, String(batch)], { input: Buffer.from(images.buffer), maxBuffer: 1 << 26 });
  assert.equal(String(done.stderr), '');
  return new Float32Array(new Uint8Array(done.stdout).buffer);
}

/** @param {Float32Array} images NHWC @param {number} batch @param {[number, number, number]} size */
function toPlanes(images, batch, [high, wide, channels]) {
  const planes = new Float32Array(images.length);
  const pixels = high * wide;
  for (let n = 0; n < batch; n++)
    for (let at = 0; at < pixels; at++)
      for (let c = 0; c < channels; c++)
        planes[(n * channels + c) * pixels + at] = images[(n * pixels + at) * channels + c];
  return planes;
}

/** @param {string} onnx @param {Float32Array} images @param {number} batch @param {[number, number, number]} size */
async function theirs(onnx, images, batch, size) {
  const session = await ort.InferenceSession.create(onnx, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const [high, wide, channels] = size;
  const image = new ort.Tensor('float32', toPlanes(images, batch, size), [batch, channels, high, wide]);
  const { logits } = await session.run({ image });
  await session.release();
  assert.deepEqual([logits.dims[0], logits.dims.length], [batch, 2]);
  return /** @type {Float32Array} */ (logits.data);
}

/** @param {Float32Array} expected @param {Float32Array} found @param {string} what */
function assertClose(expected, found, what) {
  assert.equal(found.length, expected.length, what);
  const largest = Math.max(1, ...expected.map(Math.abs));
  expected.forEach((value, i) => {
    const off = Math.abs(value - found[i]);
    assert.ok(off <= TOLERANCE * largest, `${what}: logit ${i} is ${found[i]}, ours ${value}`);
  });
}

/** @param {number} count @param {number} seed */
function imagesOf(count, seed) {
  const random = uniform(seed);
  return Float32Array.from({ length: count }, () => (random() + 1) / 2);
}

/**
 * @param {string} file @param {[number, number, number]} size @param {string[]} forms
 * @param {(count: number, seed: number) => Float32Array} [make]
 */
async function compare(file, size, forms, make = imagesOf) {
  const pixels = size[0] * size[1] * size[2];
  for (const form of forms) {
    const onnx = join(folder, `${basename(file)}.${form}.onnx`);
    exportWith(CHECKED, [...FORMS[/** @type {keyof typeof FORMS} */ (form)], file], onnx);
    for (const batch of [1, 3]) {
      const images = make(batch * pixels, batch);
      assertClose(ours(file, images, batch), await theirs(onnx, images, batch, size), `${basename(file)}, ${form}, batch ${batch}`);
    }
  }
}

for (const { name, size, file } of models)
  test(`${name}: the same logits in ONNX Runtime`, async () => {
    const path = join(folder, `${name}.safetensors`);
    writeFileSync(path, file);
    const batched = /^(matrix|plain|one-kept|pixels|two-groups)/.test(name);
    await compare(path, size, batched ? ['shared', 'naive', 'batched'] : ['shared', 'naive']);
  });

for (const name of readdirSync(WEIGHTS).filter((one) => one.endsWith('.safetensors')))
  test(`weights/${name}: the same logits in ONNX Runtime`, async () => {
    const file = join(WEIGHTS, name);
    const info = JSON.parse(execFileSync(CHECKED, ['info', file, '--json'], { encoding: 'utf8' }));
    const { input, layers } = JSON.parse(info.model.metadata['pmoe.model']);
    const group = layers.find((/** @type {any} */ layer) => layer.type === 'expert_group');
    const forms = !group ? ['shared'] : group.expert[0].type === 'patch_conv' ? ['shared', 'naive', 'batched'] : ['shared', 'naive'];
    await compare(file, [input.height, input.width, input.channels], forms);
  });

test('ties go to the lower patch in ONNX Runtime too', async () => {
  const path = join(folder, 'ties.safetensors');
  writeFileSync(path, ties.file);
  /** First channel: whole patches of one of two values; second: anything. @param {number} count @param {number} seed */
  const twoValued = (count, seed) => {
    const images = imagesOf(count, seed);
    return images.map((value, i) => (i % 2 ? value : ((i >> 2) + (i >> 5)) % 2));
  };
  await compare(path, ties.size, ['shared', 'naive', 'batched'], twoValued);
});

test('metadata of ours goes along, and the same file gives the same bytes', () => {
  const file = join(WEIGHTS, 'mosaic-joint.safetensors');
  const out = join(folder, 'bytes.onnx');
  for (const options of Object.values(FORMS)) {
    const bytes = exportWith(PMOE, [...options, file], out);
    assert.deepEqual(bytes, exportWith(CHECKED, [...options, file], out));
    for (const key of ['pmoe.model', 'pmoe.sha256', 'pmoe.golden', 'pmoe.train']) assert.ok(bytes.includes(key), key);
  }
});

test('networks of the benchmark are exported by name, as themselves too', () => {
  const [onnx, weights] = [join(folder, 'moe.onnx'), join(folder, 'moe.safetensors')];
  const bytes = exportWith(PMOE, ['--network', 'patch_moe'], onnx);
  const args = ['export', '--safetensors', '--network', 'patch_moe', '--out', weights];
  const { status, stdout } = spawnSync(PMOE, [...args, '--json'], { encoding: 'utf8' });
  assert.equal(status, 0);
  const { written, network, kind } = JSON.parse(stdout);
  assert.deepEqual([kind, network, written.format, written.bytes], ['export', 'patch_moe', 'safetensors', readFileSync(weights).length]);
  assert.deepEqual(exportWith(PMOE, [weights], onnx), bytes);
});

test('what cannot be exported is refused by name', () => {
  const dense = join(folder, 'dense.safetensors');
  const deep = join(folder, 'deep.safetensors');
  writeFileSync(dense, denseModel());
  const stack = models.find(({ name }) => name.startsWith('convs-hard'));
  writeFileSync(deep, /** @type {ReturnType<typeof model>} */ (stack).file);
  const out = join(folder, 'none.onnx');
  /** @param {string[]} args @param {RegExp} sentence */
  const refuse = (args, sentence) => {
    const { status, stdout, stderr } = spawnSync(PMOE, ['export', ...args], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^pmoe export: [^\n]+\n$/);
    assert.match(stderr, sentence);
  };
  refuse(['--out', out, dense], /expected --onnx or --safetensors, found neither/);
  refuse(['--onnx', '--safetensors', '--out', out, dense], /expected --onnx or --safetensors, found both/);
  refuse(['--safetensors', '--naive', '--out', out, dense], /--batched and --naive at most, and with --onnx only/);
  refuse(['--onnx', '--out', out], /expected a weights file or --network NAME, found neither/);
  refuse(['--onnx', '--network', 'patch_moe', '--out', out, dense], /expected a weights file or --network NAME, found both/);
  refuse(['--onnx', '--network', 'patch_mo', '--out', out], /found "patch_mo"; did you mean patch_moe\?/);
  refuse(['--onnx', dense], /--out FILE is missing/);
  refuse(['--onnx', '--out', out, '--batched', '--naive', dense], /expected one of --batched and --naive at most/);
  refuse(['--onnx', '--out', out, '--batched', dense], /model "dense-8": has no expert group/);
  refuse(['--onnx', '--out', out, '--batched', deep], /layer "experts": its experts have 8 layers; a batched graph takes experts of one/);
  refuse(['--onnx', '--out', out, join(folder, 'nothing')], /nothing: cannot be opened/);
  for (const format of ['--onnx', '--safetensors']) refuse([format, '--out', out, join(ROOT, 'package.json')], /package.json: /);
  assert.equal(readdirSync(folder).includes('none.onnx'), false);
});
