// Speed of training: images a second of `pmoe train` and of PyTorch (Debian's python3-torch, where it is installed) on
// the same models, batches and threads, in turns.
//
//     node build_scripts/bench_training.mjs [--models wrn10_2,...] [--threads 2] [--rounds 5] [--out FILE]
//
// Ours reads or composes its samples, augments and shuffles them; PyTorch is given a few batches of random images made
// beforehand, and the faster of its two memory formats.  Close other programs.  Needs data/ (`make data`).
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, machine, release, tmpdir, type } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { median, ratioOf } from './peers/statistics.mjs';

const PYTHON = '/usr/bin/python3'; // Debian's own: another would not see its packages
const BATCH = 128;
/** Our recipe, and batches a turn: a few seconds of either. @type {Record<string, { recipe: string[], batches: number }>} */
const MODELS = {
  wrn10_2: { recipe: ['cifar-wrn', '--depth', '10', '--widen', '2'], batches: 12 },
  mosaic10_cnn: { recipe: ['mosaic10-cnn'], batches: 30 },
  mosaic10_pmoe: { recipe: ['mosaic10-pmoe'], batches: 30 },
};

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: Object.keys(MODELS).join(',') },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const [threads, rounds, models] = [Number(values.threads), Number(values.rounds), values.models.split(',')];
if (!(threads > 0) || !(rounds > 0) || !models.every((name) => MODELS[name])) {
  console.error(`bench_training: --threads and --rounds take numbers above 0, --models some of ${Object.keys(MODELS).join(',')}`);
  process.exit(1);
}

/** Seconds of the second of two epochs. @param {string} name */
function ours(name) {
  const { recipe, batches } = MODELS[name];
  const sizes = { samples: BATCH * batches, batch: BATCH, epochs: 2, boards: 1, threads, out: join(tmpdir(), `pmoe-${process.pid}.safetensors`) };
  const options = Object.entries(sizes).flatMap(([option, value]) => [`--${option}`, String(value)]);
  const result = JSON.parse(execFileSync('build/pmoe', ['train', ...recipe, ...options, '--json'], { encoding: 'utf8' }));
  return { isa: result.environment.isa, seconds: result.epochs[1].seconds };
}

/** A process of PyTorch that trains when asked to; undefined where there is none. @param {string} name */
async function theirs(name) {
  const child = spawn(PYTHON, ['build_scripts/peers/train_torch.py', name, String(threads), String(BATCH), String(MODELS[name].batches)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => {}); // no such program: no lines either
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return undefined;
  const steps = async () => {
    child.stdin.write('\n');
    return Number((await lines.next()).value);
  };
  await steps(); // the first is cold
  return { about: JSON.parse(first.value), steps, close: () => child.stdin.end() };
}

const rows = [];
let torch;
for (const model of models) {
  const peer = await theirs(model);
  torch ??= peer?.about;
  /** @type {number[]} */ const mine = [];
  /** @type {number[]} */ const other = [];
  let isa;
  for (let round = 0; round < rounds; round++) {
    const turn = ours(model);
    isa = turn.isa;
    mine.push(turn.seconds);
    if (peer) other.push(await peer.steps());
  }
  peer?.close();
  const speed = (/** @type {number[]} */ seconds) => Number(((BATCH * MODELS[model].batches) / median(seconds)).toPrecision(4));
  const ratio = peer && ratioOf(other, mine);
  const row = { model, threads, batch: BATCH, isa, rounds, images_per_second: speed(mine), ...(ratio && { pytorch: speed(other), format: peer.about.format, ratio: ratio.ratio, ratio_low: ratio.low, ratio_high: ratio.high }) };
  rows.push(row);
  console.log(`${model}: ${row.images_per_second} images/s${ratio ? `, PyTorch ${row.pytorch} (${row.format}), ratio ${ratio.ratio.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})` : ', no PyTorch here'}`);
}

const [, version, build] = execFileSync('build/pmoe', ['--version'], { encoding: 'utf8' }).match(/^pmoe (\S+), build (\S+)/) ?? [];
const result = {
  version: 1,
  kind: 'bench training',
  pmoe: version,
  build,
  command: ['node build_scripts/bench_training.mjs', ...process.argv.slice(2)].join(' '),
  environment: { cpu: cpus()[0].model, cpus_reported: availableParallelism(), system: `${type()} ${release()} ${machine()}`, node: process.version },
  ...(torch && { pytorch: torch.version, onednn: torch.onednn }),
  rows,
};
if (values.out) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`);
