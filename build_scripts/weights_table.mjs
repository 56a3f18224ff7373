// Write what the weights files say of themselves into the tables of weights/README.md: of all files, and of heads.
//
//     node build_scripts/weights_table.mjs [--check]     with --check only compare, and fail if the table is not true
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';

const README = 'weights/README.md';
const BEGIN = '<!-- table: node build_scripts/weights_table.mjs -->';
const BEGIN_HEADS = '<!-- table of heads: node build_scripts/weights_table.mjs -->';
const END = '<!-- end of table -->';
const ORDER = [
  'mosaic-cnn',
  'mosaic-separate',
  'mosaic-joint',
  'mosaic10-cnn',
  'mosaic10-pmoe',
  'board-deep-pmoe',
  'board-cnn',
  'cifar-wrn',
  'cifar-wrn-pmoe',
  'cifar-cnn',
  'cifar-deep-pmoe',
  'cifar-head-dense',
  'cifar-head-soft',
  'cifar-head-sparse',
  'cifar-head-hard',
  'vehicles-wrn',
  'vehicles-wrn-pmoe',
];

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

/** What a network is made of: its filters, or the convolutions of its stem and behind it. */
const parts = ({ filters, stem, stages }) => (stem ? `stem ${stem}, stages ${stages}` : `${filters} filters`);

/* What it is, in a few words: "wrn-10-1, sparse head, 2 of 8 experts of 8". */
function described(recipe) {
  const routed = recipe.experts ? `${recipe.experts} experts, l = ${recipe.kept}` : 'dense';
  if (!recipe.depth) return `${recipe.kind}, ${parts(recipe)}, ${routed}`;
  const network = `wrn-${recipe.depth}-${recipe.widen}`;
  if (recipe.kind === 'wrn-pmoe') return `${network}, the last convolution a pMoE of ${routed}`;
  if (!recipe.head) return network;
  const width = recipe.experts
    ? `${recipe.kept} of ${recipe.experts} experts of ${recipe.head_width}`
    : `${recipe.head_width} hidden`;
  return `${network}, ${recipe.head} head, ${width}`;
}

function read(name) {
  const file = `weights/${name}.safetensors`;
  const { sha256, model } = JSON.parse(execFileSync('build/pmoe', ['info', file, '--json'], { encoding: 'utf8' }));
  const card = JSON.parse(model.metadata['pmoe.card']);
  const { recipe } = JSON.parse(model.metadata['pmoe.train']);
  return { name, file, sha256, model, card, recipe };
}

const line = (cells) => `| ${cells.join(' | ')} |`;

const row = ({ name, file, sha256, model, card, recipe }) =>
  line([
    `\`${name}\``,
    described(recipe),
    card.accuracy.toFixed(2),
    grouped(model.multiply_adds),
    grouped(model.parameters),
    grouped(statSync(file).size),
    recipe.seed,
    `\`${sha256}\``,
  ]);

/* Of the layers behind the pool alone. */
function headRow({ model, card, recipe }) {
  const layers = model.layers.slice(model.layers.findIndex(({ type }) => type === 'avg_pool') + 1);
  const sum = (key) => grouped(layers.reduce((all, layer) => all + layer[key], 0));
  const of = (key) => (key in card ? card[key].toFixed(3) : '');
  return line([
    recipe.head,
    card.accuracy.toFixed(2),
    sum('multiply_adds'),
    sum('parameters'),
    of('gates_cv'),
    of('load_cv'),
    of('entropy'),
  ]);
}

const present = new Set(readdirSync('weights').filter((name) => name.endsWith('.safetensors')));
const files = ORDER.filter((name) => present.has(`${name}.safetensors`)).map(read);

/* The text with what stands between two lines replaced. */
function replaced(text, begin, lines) {
  const from = text.indexOf(begin);
  const to = text.indexOf(END, from);
  if (from < 0 || to < from) {
    console.error(`${README}: expected the lines "${begin}" and "${END}", found none`);
    process.exit(1);
  }
  return text.slice(0, from) + [begin, ...lines, ''].join('\n') + text.slice(to);
}

const text = readFileSync(README, 'utf8');
const all = replaced(text, BEGIN, [
  '| file | model | accuracy, % | multiply-adds | parameters | bytes | seed | SHA-256 |',
  '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
  ...files.map(row),
]);
const updated = replaced(all, BEGIN_HEADS, [
  '| head | accuracy, % | its multiply-adds | its parameters | CV of mean gates | CV of load | entropy, nats |',
  '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ...files.filter(({ recipe }) => recipe.head).map(headRow),
]);
if (process.argv[2] === '--check') {
  if (updated !== text) {
    console.error(`${README}: its table is not what the weights files say; node build_scripts/weights_table.mjs mends it`);
    process.exit(1);
  }
} else {
  writeFileSync(README, updated);
}
