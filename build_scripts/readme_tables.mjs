// Bring the tables of README.md up to date with the result files that they show.
//
//     node build_scripts/readme_tables.mjs
//
// Between <!-- begin NAME --> and <!-- end NAME -->: `samples` from weights/results/mosaic-samples.json, `routing` from
// mosaic-routing.json, `native` from bench-native.json, `web` from bench-web.json, `peers` from peers.json.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

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

function table(rows, host) {
  const lines = ['| host | batch | model | multiply-adds an image | time | time ratio | multiply-add ratio | kept |', '|---|---:|---|---:|---:|---:|---:|---:|'];
  for (const row of rows)
    lines.push(
      `| ${host(row)} | ${row.batch} | ${row.model} | ${grouped(row.macs)} | ${row.us < 100 ? row.us.toFixed(2) : row.us.toFixed(0)} µs | ` +
        `${row.timeRatio.toFixed(2)} | ${row.macRatio.toFixed(2)} | ${row.kept.toFixed(2)} |`,
    );
  return lines.join('\n');
}

function native() {
  const { rows, environment } = read('bench-native');
  const models = rows.filter((row) => row.what === 'model');
  return table(
    models.map((row) => ({ batch: row.batch, model: row.model, macs: row.multiply_adds / row.batch, us: row.median_ns / 1e3, timeRatio: row.time_ratio, macRatio: row.multiply_add_ratio, kept: row.kept })),
    () => `native, ${environment.isa}`,
  );
}

function web() {
  const { rows } = read('bench-web');
  return table(
    rows.filter((row) => row.variant !== 'scalar').map((row) => ({ ...row, macs: row.macs / row.batch, us: row.medianUs })),
    (row) => `Chromium, ${row.variant === 'simd' ? 'simd128' : row.variant}`,
  );
}

/** One row a model and host; a peer's time is that of the faster one, or of each form that a routed model is given in. */
function peers() {
  const lines = ['| model | host | threads | ours | peer | its time | times slower (95 % interval) |', '|---|---|---:|---:|---|---:|---:|'];
  const time = (ms) => (ms < 1 ? `${(1000 * ms).toFixed(1)} µs` : `${ms.toFixed(2)} ms`);
  for (const row of read('peers').rows) {
    const batch = row.batch > 1 ? `, batch ${row.batch}` : '';
    const forms = Object.keys(row.peers).filter((name) => name.includes(' '));
    for (const name of forms.length ? forms : [row.best]) {
      const { ratio, low, high } = row.ratios[name];
      lines.push(
        `| ${row.model}${batch} | ${row.host} | ${row.threads} | ${time(row.ours_ms)} | ${name} | ${time(row.peers[name])} | ` +
          `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) |`,
      );
    }
  }
  return lines.join('\n');
}

let text = readFileSync('README.md', 'utf8');
for (const [name, make] of Object.entries({ samples, routing, native, web, peers })) {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) {
    console.error(`README.md: expected ${begin} and ${end}, found none`);
    process.exit(1);
  }
  text = `${text.slice(0, from + begin.length)}\n${make()}\n${text.slice(to)}`;
}
writeFileSync('README.md', text);
