// Bring the tables of README.md up to date with the result files that they show.
//
//     node build_scripts/readme_tables.mjs
//
// Between <!-- begin NAME --> and <!-- end NAME -->: `samples` from weights/results/mosaic-samples.json, `routing` from
// mosaic-routing.json, `ledgers` from routing.json, `peers` from peers.json, `training` from training.json, `frontier`
// from frontier.json, `start` from start.json, `kept_machines` and `peers_machines` from those of several machines, all
// others from bench-native.json and bench-web.json.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { floatIsa } from './results.mjs';

const read = (name) => JSON.parse(readFileSync(`weights/results/${name}.json`, 'utf8'));
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

function samples() {
  return execFileSync('node', ['build_scripts/plot_samples.mjs', 'weights/results/mosaic-samples.json'], { encoding: 'utf8' }).trim();
}

function routing() {
  const { rows } = read('mosaic-routing');
  const cell = (row) => `${row.share_mean.toFixed(1)} | ${row.paper.toFixed(1)}`;
  const last = Math.max(...rows.map((row) => row.n_train));
  const lines = ['| what | l | here, % | paper, % |', '|---|---:|---:|---:|'];
  for (const row of rows.filter((one) => one.figure === '8' && one.n_train === last))
    lines.push(`| Fig 8: in the top l of its class's router, N = ${last} | ${row.l} | ${cell(row)} |`);
  for (const row of rows.filter((one) => one.figure === '9' && one.n_train === last))
    lines.push(`| Fig 9: largest gate of one joint expert, class ${row.class}, N = ${last} | 6 | ${cell(row)} |`);
  return lines.join('\n');
}

// ---- The benchmark: runs of several hosts ----

const HOSTS = { 'native-avx512': 'native, AVX-512', 'wasm-relaxed': 'Chromium, relaxed SIMD', 'wasm-simd': 'Chromium, simd128' };
const runs = () => ['native', 'web'].flatMap((name) => read(`bench-${name}`).runs);

/** Rows of a group, each with its host, in the order of HOSTS; several threads of a browser are of another variant. */
function rowsOf(group) {
  const rows = (name, host) => runs().filter((run) => run.host === name && run.group === group)
    .flatMap((run) => run.rows.filter((row) => row.isa === floatIsa(run)).map((row) => ({ ...row, host })));
  return Object.keys(HOSTS).flatMap((host) => {
    const found = rows(host, host);
    if (!found.length) throw new Error(`weights/results: no ${group} of ${host}`);
    return [...found, ...rows(`${host}-threads`, host).filter(({ threads }) => threads > 1)];
  });
}

const time = (ns) => (ns < 1e6 ? `${(ns / 1e3).toFixed(ns < 1e4 ? 2 : ns < 1e5 ? 1 : 0)} µs` : `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : ns < 1e8 ? 1 : 0)} ms`);
const share = (value) => `${(100 * value).toFixed(0)} %`;

/** One line a model and batch, a few columns a host. */
function byHost(heading, rows, columns, cells) {
  const hosts = Object.keys(HOSTS).filter((host) => rows.some((row) => row.host === host));
  const names = [...new Set(rows.map((row) => `${row.model} ${row.batch}`))];
  const lines = [
    `| ${heading.join(' | ')} | ${hosts.flatMap((host) => columns.map((column) => `${HOSTS[host]}: ${column}`)).join(' | ')} |`,
    `|---|${'---:|'.repeat(heading.length - 1 + hosts.length * columns.length)}`,
  ];
  for (const name of names) {
    const same = rows.filter((row) => `${row.model} ${row.batch}` === name);
    const found = hosts.map((host) => same.filter((row) => row.host === host));
    lines.push(`| ${cells.first(same[0]).join(' | ')} | ${found.flatMap((of) => (of.length ? cells.host(of) : columns.map(() => ''))).join(' | ')} |`);
  }
  return lines.join('\n');
}

/** Layers and networks on their host's best instruction set: one thread, and what more threads give. */
function dense() {
  const rows = ['layers', 'networks'].flatMap(rowsOf);
  return byHost(['network', 'batch', 'multiply-adds an image'], rows, ['time', 'of peak', '2 threads'], {
    first: ({ model, batch, multiply_adds: macs }) => [model, batch, `${(macs / batch / 1e6).toFixed(1)} M`],
    host: (of) => {
      const one = of.find((row) => row.threads === 1), two = of.find((row) => row.threads === 2);
      return [time(one.median_ns), share(one.peak_share), two ? `${two.time_ratio.toFixed(2)}x` : ''];
    },
  });
}

function kept(group, families) {
  const all = rowsOf(group).filter((row) => families.includes(row.comparison));
  // The first of a comparison is what the others are compared with.
  const rows = all.filter((row, i) => i > 0 && ['host', 'comparison', 'batch'].every((key) => row[key] === all[i - 1][key]));
  return byHost(['model', 'batch', 'multiply-add ratio'], rows, ['time', 'time ratio', 'kept'], {
    first: ({ model, batch, multiply_add_ratio: ratio }) => [model, batch, ratio.toFixed(2)],
    host: ([row]) => [time(row.median_ns), row.time_ratio.toFixed(2), row.kept.toFixed(2)],
  });
}

const routed = () => kept('routed', ['patch', 'stack16', 'stack64', 'stack256']);
const heads = () => kept('heads', ['head', 'resnet18_head']);
const models = () => kept('models', ['models']);

function ledgers() {
  const parts = ['router', 'top_l', 'gather', 'experts', 'rest'];
  const { rows } = read('routing');
  const lines = ['| host | model | theory | measured | kept | router | top-l | gather | experts | rest |', `|---|---|${'---:|'.repeat(8)}`];
  for (const host of Object.keys(HOSTS))
    for (const row of rows.filter((one) => one.host === host && one.batch === 1))
      lines.push(`| ${HOSTS[host]} | ${row.model} | ${row.ledger.theory.toFixed(2)} | ${row.ledger.measured.toFixed(2)} | ${share(row.ledger.kept)} | ` +
        `${parts.map((part) => `${(100 * row.ledger[part]).toFixed(1)} %`).join(' | ')} |`);
  return lines.join('\n');
}

/** One row a model and host; a peer's time is that of the faster one, or of each form that a routed model is given in. */
function peers() {
  const lines = ['| model | host | threads | ours | peer | its time | times slower (95 % interval) |', '|---|---|---:|---:|---|---:|---:|'];
  for (const row of read('peers').rows) {
    const batch = row.batch > 1 ? `, batch ${row.batch}` : '';
    const forms = Object.keys(row.peers).filter((name) => name.includes(' '));
    for (const name of forms.length ? forms : [row.best]) {
      const { ratio, low, high } = row.ratios[name];
      lines.push(
        `| ${row.model}${batch} | ${row.host} | ${row.threads} | ${time(1e6 * row.ours_ms)} | ${name} | ${time(1e6 * row.peers[name])} | ` +
          `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) |`,
      );
    }
  }
  return lines.join('\n');
}

// ---- Machine beside machine ----

/** Folders of results and whose they are, that of all other tables first. */
const MACHINES = { '.': 'Zen 4', 'zen-5': 'Zen 5', 'ice-lake': 'Ice Lake' };

/** A table of `cells`, each of which holds one figure for each machine, in the order that `heading` ends with. */
function byMachine(heading, columns, names, cells) {
  const machines = Object.keys(MACHINES).map((_, machine) => machine);
  const lines = [`| ${[`${heading}: ${Object.values(MACHINES).join(', ')}`, ...columns].join(' | ')} |`, `|---|${'---:|'.repeat(columns.length)}`];
  for (const name of names)
    lines.push(`| ${[name, ...columns.map((_, column) => machines.map((machine) => cells(name, column, machine)).join(', '))].join(' | ')} |`);
  return lines.join('\n');
}

/** What of the saving on paper arrives, from each machine's routing.json. */
function keptMachines() {
  const found = Object.keys(MACHINES).map((folder) => read(`${folder}/routing`).rows);
  const hosts = Object.keys(HOSTS);
  const named = ({ model, batch }) => `${model}, batch ${batch}`;
  const names = found[0].filter(({ host, model }) => host === hosts[0] && !model.endsWith('_l4')).map(named);
  return byMachine('kept', Object.values(HOSTS), names, (name, h, m) =>
    found[m].find((row) => row.host === hosts[h] && named(row) === name).kept.toFixed(2));
}

/** How many times slower the faster peer is, from each machine's peers.json. */
function peersMachines() {
  const found = Object.keys(MACHINES).map((folder) => read(`${folder}/peers`).rows.filter(({ batch }) => batch === 1));
  const kinds = [['wasm', 1], ['wasm', 2], ['native', 1], ['native', 2]];
  const titles = kinds.map(([host, threads]) => `${host}, ${threads} thread${threads > 1 ? 's' : ''}`);
  return byMachine('times slower', titles, new Set(found[0].map(({ model }) => model)), (name, k, m) =>
    found[m].find(({ model, host, threads }) => model === name && host === kinds[k][0] && threads === kinds[k][1]).ratio_to_best.toFixed(2));
}

function training() {
  const lines = ['| model | threads | images a second | PyTorch | times slower (95 % interval) |', '|---|---:|---:|---:|---:|'];
  for (const row of read('training').rows)
    lines.push(`| ${row.model} | ${row.threads} | ${row.images_per_second.toFixed(0)} | ${row.pytorch.toFixed(0)} | ` +
      `${row.ratio.toFixed(1)} (${row.ratio_low.toFixed(1)} to ${row.ratio_high.toFixed(1)}) |`);
  return lines.join('\n');
}

/** Points by time; those outside the dense frontier are marked.  Of several seeds the lowest and the highest, too. */
function frontier() {
  const range = (values) => (values.length > 1 ? ` (${values.length}: ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})` : '');
  const points = read('frontier').points.sort((a, b) => a.ms - b.ms);
  const lines = ['| network | accuracy, % (seeds) | milliseconds (95 % interval) | multiply-adds | outside |', '|---|---:|---:|---:|---|'];
  for (const { name, accuracy, accuracies, ms, ms_low: low, ms_high: high, multiply_adds: macs, outside } of points)
    lines.push(`| ${name.replaceAll(' | ', '; ')} | ${accuracy.toFixed(2)}${range(accuracies)} | ${ms.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) | ` +
      `${(macs / 1e6).toFixed(1)} M | ${outside ? 'yes' : ''} |`);
  return lines.join('\n');
}

function start() {
  const { rows, runs } = read('start');
  const lines = [`| ${runs} starts, ms to the first prediction | median | quartiles | fastest | slowest |`, '|---|---:|---:|---:|---:|'];
  const whole = (ms) => ms.toFixed(0);
  for (const { from, median, low, high, fastest, slowest } of rows)
    lines.push(`| from the start of the ${from} | ${whole(median)} | ${whole(low)} to ${whole(high)} | ${whole(fastest)} | ${whole(slowest)} |`);
  return lines.join('\n');
}

const TABLES = {
  samples, routing, dense, routed, ledgers, heads, models, peers, training, frontier, start,
  kept_machines: keptMachines, peers_machines: peersMachines,
};
let text = readFileSync('README.md', 'utf8');
for (const [name, make] of Object.entries(TABLES)) {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) {
    console.error(`README.md: expected ${begin} and ${end}, found none`);
    process.exit(1);
  }
  text = `${text.slice(0, from + begin.length)}\n${make()}\n${text.slice(to)}`;
}
writeFileSync('README.md', text);
