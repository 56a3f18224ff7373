// weights/results/mosaic-samples.json (pmoe study samples --json) to a picture and a Markdown table beside it.
//
//     node build_scripts/plot_samples.mjs weights/results/mosaic-samples.json
//
// writes mosaic-samples.svg next to the file and prints the table.  The picture carries its own light and dark colours.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.argv[2];
if (!file?.endsWith('.json')) {
  console.error('usage: plot_samples.mjs RESULT.json');
  process.exit(1);
}
const result = JSON.parse(readFileSync(file, 'utf8'));

const MODELS = [
  { model: 'cnn', label: 'CNN-40', mark: 'square' },
  { model: 'separate', label: 'pMoE, separate', mark: 'circle' },
  { model: 'joint', label: 'pMoE, joint', mark: 'triangle' },
];
const WIDTH = 640, HEIGHT = 380, LEFT = 56, RIGHT = 130, TOP = 20, BOTTOM = 44;
const X = { from: 0, to: 1050, ticks: [100, 300, 500, 700, 900, 1000] };
const Y = { from: 76, to: 100, ticks: [76, 80, 84, 88, 92, 96, 100] };

const x = (n) => LEFT + ((n - X.from) / (X.to - X.from)) * (WIDTH - LEFT - RIGHT);
const y = (value) => HEIGHT - BOTTOM - ((value - Y.from) / (Y.to - Y.from)) * (HEIGHT - TOP - BOTTOM);
const at = (value) => value.toFixed(1);

const rowsOf = (model) => result.rows.filter((row) => row.model === model).sort((a, b) => a.n_train - b.n_train);

function mark(kind, cx, cy) {
  if (kind === 'square') return `<rect x="${at(cx - 4)}" y="${at(cy - 4)}" width="8" height="8"/>`;
  if (kind === 'circle') return `<circle cx="${at(cx)}" cy="${at(cy)}" r="4.5"/>`;
  return `<path d="M${at(cx)} ${at(cy - 5.5)}l5 9h-10z"/>`;
}

function series({ model, label, mark: kind }) {
  const rows = rowsOf(model);
  const line = rows.map((row, i) => `${i ? 'L' : 'M'}${at(x(row.n_train))} ${at(y(row.accuracy_mean))}`).join('');
  const bars = rows.map((row) => {
    const [low, high] = [row.accuracy_mean - row.accuracy_std, row.accuracy_mean + row.accuracy_std];
    return `M${at(x(row.n_train))} ${at(y(low))}V${at(y(high))}`;
  });
  const marks = rows.map((row) => mark(kind, x(row.n_train), y(row.accuracy_mean)));
  const paper = rows.filter((row) => row.paper).map((row) => mark(kind, x(row.n_train), y(row.paper)));
  const last = rows[rows.length - 1];
  return `<g class="${model}"><path class="line" d="${line}"/><path class="line" d="${bars.join('')}"/>
<g class="paper">${paper.join('')}</g><g class="mark">${marks.join('')}</g>
<text x="${at(x(last.n_train) + 12)}" y="${at(y(last.accuracy_mean) + labelShift[model])}">${label}</text></g>`;
}
// End labels side by side would run into each other: spread them by rank, 16 px apart.
const ends = MODELS.map(({ model }) => ({ model, y: y(rowsOf(model).at(-1).accuracy_mean) })).sort((a, b) => a.y - b.y);
const labelShift = {};
ends.forEach((end, i) => {
  const wanted = i ? Math.max(end.y + 4, ends[i - 1].label + 16) : end.y + 4;
  end.label = wanted;
  labelShift[end.model] = wanted - end.y;
});

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
aria-label="Test accuracy against the number of training boards for three models; filled marks measured, hollow marks the paper's">
<style>
svg{background:#fff;font:12px system-ui,sans-serif;fill:#222}
.grid{stroke:#ddd;fill:none}.line{fill:none;stroke-width:1.6}.paper{fill:none;stroke-width:1}
.cnn{--c:#555}.separate{--c:#0072b2}.joint{--c:#b34700}
.line,.paper{stroke:var(--c)}.mark,g>text{fill:var(--c)}
@media (prefers-color-scheme:dark){svg{background:#14161a;fill:#ddd}.grid{stroke:#333}
.cnn{--c:#aaa}.separate{--c:#56b4e9}.joint{--c:#e69f00}}
</style>
<path class="grid" d="${Y.ticks.map((t) => `M${LEFT} ${at(y(t))}H${WIDTH - RIGHT}`).join('')}"/>
${Y.ticks.map((t) => `<text x="${LEFT - 8}" y="${at(y(t) + 4)}" text-anchor="end">${t}</text>`).join('')}
${X.ticks.map((t) => `<text x="${at(x(t))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${t === 1000 ? '' : t}</text>`).join('')}
<text x="${at(x(1000))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle" dx="6">1000</text>
<text x="${at((LEFT + WIDTH - RIGHT) / 2)}" y="${HEIGHT - 8}" text-anchor="middle">training boards N</text>
<text x="14" y="${at(HEIGHT / 2)}" text-anchor="middle" transform="rotate(-90 14 ${at(HEIGHT / 2)})">test accuracy, %</text>
${MODELS.map(series).join('\n')}
<text x="${LEFT + 8}" y="${HEIGHT - BOTTOM - 10}">filled: measured, mean and std of ${result.rows[0].seeds} seeds; hollow: the paper, Fig 4</text>
</svg>
`;
writeFileSync(file.replace(/\.json$/, '.svg'), svg);

const sizes = rowsOf('cnn').map((row) => row.n_train);
console.log(`| N | ${MODELS.map(({ label }) => `${label} | paper`).join(' | ')} |`);
console.log(`|---:|${MODELS.map(() => '---:|---:').join('|')}|`);
for (const size of sizes) {
  const cells = MODELS.map(({ model }) => {
    const row = rowsOf(model).find((candidate) => candidate.n_train === size);
    return `${row.accuracy_mean.toFixed(1)} ± ${row.accuracy_std.toFixed(1)} | ${row.paper?.toFixed(1) ?? ''}`;
  });
  console.log(`| ${size} | ${cells.join(' | ')} |`);
}
