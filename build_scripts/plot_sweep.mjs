// The sweep of weights/results/routing.json to a picture: time of a pass over n at fixed l, beside what of it looks at
// every patch (stem, router, top-l) and what does not (the experts).
//
//     node build_scripts/plot_sweep.mjs
//
// writes weights/results/sweep.svg, which carries its own light and dark colours; a panel a host, both axes logarithmic.
import { readFileSync, writeFileSync } from 'node:fs';

const { sweep } = JSON.parse(readFileSync('weights/results/routing.json', 'utf8'));
const HOSTS = [['native-avx512', 'native, AVX-512'], ['wasm-relaxed', 'Chromium, relaxed SIMD']].filter(([host]) => sweep.some((row) => row.host === host));
const PANEL = 320, HEIGHT = 340, LEFT = 60, TOP = 40, BOTTOM = 64, GAP = 26;
const WIDTH = LEFT + HOSTS.length * PANEL + (HOSTS.length - 1) * GAP + 12;
const FROM = 16, TO = 4096;

const scanning = (row) => (row.ms_before ?? 0) + row.ms_router + row.ms_top_l;
const SERIES = [
  { name: 'whole', label: 'whole pass', of: (row) => row.ms },
  { name: 'scan', label: 'stem, router and top-l alone', of: scanning },
  { name: 'experts', label: 'experts alone, l = 4', of: (row) => row.ms_experts },
];
const shown = sweep.filter((row) => HOSTS.some(([host]) => host === row.host));
const values = shown.flatMap((row) => SERIES.map(({ of }) => of(row)));
const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];

const at = (value) => value.toFixed(1);
const x = (n) => (Math.log2(n / FROM) / Math.log2(TO / FROM)) * (PANEL - 24) + 12;
const y = (ms) => HEIGHT - BOTTOM - ((Math.log10(ms) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
const MARKS = {
  whole: (cx, cy) => `<circle cx="${at(cx)}" cy="${at(cy)}" r="4.5"/>`,
  scan: (cx, cy) => `<rect x="${at(cx - 4)}" y="${at(cy - 4)}" width="8" height="8"/>`,
  experts: (cx, cy) => `<path d="M${at(cx)} ${at(cy - 5.5)}l5 9h-10z"/>`,
};

function panel([host, label], index) {
  const rows = sweep.filter((row) => row.host === host).sort((a, b) => a.n - b.n);
  const lines = SERIES.map(({ name, of }) => {
    const line = rows.map((row, i) => `${i ? 'L' : 'M'}${at(x(row.n))} ${at(y(of(row)))}`).join('');
    return `<g class="${name}"><path class="line" d="${line}"/>${rows.map((row) => MARKS[name](x(row.n), y(of(row)))).join('')}</g>`;
  });
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return `<g transform="translate(${LEFT + index * (PANEL + GAP)} 0)">
<path class="grid" d="${ticks.map((tick) => `M0 ${at(y(tick))}H${PANEL}`).join('')}"/>
${index ? '' : ticks.map((tick) => `<text x="-8" y="${at(y(tick) + 4)}" text-anchor="end">${tick}</text>`).join('')}
${[16, 64, 256, 1024, 4096].map((n) => `<text x="${at(x(n))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${n}</text>`).join('')}
<text x="${PANEL / 2}" y="${TOP - 16}" text-anchor="middle">${label}</text>
${lines.join('\n')}</g>`;
}

const legend = SERIES.map(({ name, label }, i) => {
  const from = LEFT + [0, 110, 320][i];
  return `<g class="${name}">${MARKS[name](from + 5, HEIGHT - 14)}<text x="${from + 16}" y="${HEIGHT - 10}">${label}</text></g>`;
});

writeFileSync('weights/results/sweep.svg', `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
aria-label="Time of a pass over the number of patches n from 16 to 4096 at l = 4: it grows as stem, router and top-l alone do, and the experts take the same time throughout">
<style>
svg{background:#fff;font:12px system-ui,sans-serif;fill:#222}
.grid{stroke:#ddd;fill:none}.line{fill:none;stroke:var(--c);stroke-width:1.6}
.whole{--c:#555}.scan{--c:#0072b2}.experts{--c:#b34700}
g>circle,g>rect,g>path:not(.line):not(.grid){fill:var(--c)}
@media (prefers-color-scheme:dark){svg{background:#14161a;fill:#ddd}.grid{stroke:#333}
.whole{--c:#aaa}.scan{--c:#56b4e9}.experts{--c:#e69f00}}
</style>
<text x="16" y="${HEIGHT / 2 - 10}" text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2 - 10})">milliseconds a pass</text>
<text x="${WIDTH / 2}" y="${HEIGHT - BOTTOM + 36}" text-anchor="middle">patches n</text>
${HOSTS.map(panel).join('\n')}
${legend.join('\n')}
</svg>
`);
