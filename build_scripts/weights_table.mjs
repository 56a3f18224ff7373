// Write what the weights files say of themselves into the table of weights/README.md.
//
//     node build_scripts/weights_table.mjs [--check]     with --check only compare, and fail if the table is not true
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';

const README = 'weights/README.md';
const BEGIN = '<!-- table: node build_scripts/weights_table.mjs -->';
const END = '<!-- end of table -->';
const ORDER = ['mosaic-cnn', 'mosaic-separate', 'mosaic-joint', 'mosaic10-cnn', 'mosaic10-pmoe', 'board-deep-pmoe', 'board-cnn'];

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

/** What a network is made of: its filters, or the convolutions of its stem and behind it. */
const parts = ({ filters, stem, stages }) => (stem ? `stem ${stem}, stages ${stages}` : `${filters} filters`);

function row(name) {
  const file = `weights/${name}.safetensors`;
  const { sha256, model } = JSON.parse(execFileSync('build/pmoe', ['info', file, '--json'], { encoding: 'utf8' }));
  const card = JSON.parse(model.metadata['pmoe.card']);
  const { recipe } = JSON.parse(model.metadata['pmoe.train']);
  const routed = recipe.experts ? `${recipe.experts} experts, l = ${recipe.kept}` : 'dense';
  return `| \`${name}\` | ${recipe.kind}, ${parts(recipe)}, ${routed} | ${card.accuracy.toFixed(2)} | ${grouped(
    model.multiply_adds,
  )} | ${grouped(model.parameters)} | ${grouped(statSync(file).size)} | ${recipe.seed} | \`${sha256}\` |`;
}

const present = new Set(readdirSync('weights').filter((name) => name.endsWith('.safetensors')));
const names = ORDER.filter((name) => present.has(`${name}.safetensors`));
const table = [
  BEGIN,
  '| file | model | accuracy, % | multiply-adds | parameters | bytes | seed | SHA-256 |',
  '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
  ...names.map(row),
  END,
].join('\n');

const text = readFileSync(README, 'utf8');
const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
if (from < 0 || to < from) {
  console.error(`${README}: expected the lines "${BEGIN}" and "${END}", found none`);
  process.exit(1);
}
const updated = text.slice(0, from) + table + text.slice(to + END.length);
if (process.argv[2] === '--check') {
  if (updated !== text) {
    console.error(`${README}: its table is not what the weights files say; node build_scripts/weights_table.mjs mends it`);
    process.exit(1);
  }
} else {
  writeFileSync(README, updated);
}
