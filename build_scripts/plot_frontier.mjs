// Accuracy against time on CIFAR-10, of weights/results/frontier.json, to a picture.
//
//     node build_scripts/plot_frontier.mjs
//
// writes weights/results/frontier.svg, which carries its own light and dark colours.
import { readFileSync, writeFileSync } from 'node:fs';

const { points } = JSON.parse(readFileSync('weights/results/frontier.json', 'utf8'));
const WIDTH = 640, HEIGHT = 400, LEFT = 60, RIGHT = 20, TOP = 20, BOTTOM = 76;
const STEP = 2; // percent from one line to the next

const accuracies = points.map(({ accuracy }) => accuracy);
const low = Math.floor(Math.min(...accuracies) / STEP) * STEP, high = Math.ceil(Math.max(...accuracies) / STEP) * STEP;
const most = Math.ceil(Math.max(...points.map(({ ms }) => ms)) / 0.05) * 0.05;

const at = (value) => value.toFixed(1);
const x = (ms) => LEFT + (ms / most) * (WIDTH - LEFT - RIGHT);
const y = (percent) => HEIGHT - BOTTOM - ((percent - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
const mark = (routed, cx, cy) =>
  routed ? `<rect class="routed" x="${at(cx - 4)}" y="${at(cy - 4)}" width="8" height="8"/>` : `<circle class="dense" cx="${at(cx)}" cy="${at(cy)}" r="4.5"/>`;

const percents = Array.from({ length: (high - low) / STEP + 1 }, (_, i) => low + STEP * i);
const times = Array.from({ length: 6 }, (_, i) => (most * i) / 5);
const frontier = points.filter(({ routed, outside }) => !routed && outside).sort((a, b) => a.ms - b.ms);
const steps = frontier.map(({ ms, accuracy }, i) => (i ? `H${at(x(ms))}V${at(y(accuracy))}` : `M${at(x(ms))} ${at(y(accuracy))}`)).join('');

writeFileSync('weights/results/frontier.svg', `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
aria-label="Accuracy on CIFAR-10 against milliseconds a photograph, dense networks and deep pMoE; the numbers are in the table beside it">
<style>
svg{background:#fff;font:12px system-ui,sans-serif;fill:#222}
.grid{stroke:#ddd;fill:none}.frontier{fill:none;stroke:#555;stroke-dasharray:4 3}
.dense{fill:#555}.routed{fill:#b34700}
@media (prefers-color-scheme:dark){svg{background:#14161a;fill:#ddd}.grid{stroke:#333}.frontier{stroke:#aaa}.dense{fill:#aaa}.routed{fill:#e69f00}}
</style>
<path class="grid" d="${percents.map((percent) => `M${LEFT} ${at(y(percent))}H${WIDTH - RIGHT}`).join('')}"/>
${percents.map((percent) => `<text x="${LEFT - 8}" y="${at(y(percent) + 4)}" text-anchor="end">${percent}</text>`).join('')}
${times.map((ms) => `<text x="${at(x(ms))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${ms.toFixed(2)}</text>`).join('')}
<path class="frontier" d="${steps}"/>
${points.map(({ name, routed, ms, accuracy }) => `<g><title>${name}: ${accuracy.toFixed(2)} %, ${ms.toFixed(3)} ms</title>${mark(routed, x(ms), y(accuracy))}</g>`).join('\n')}
<text x="16" y="${(HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(HEIGHT - BOTTOM) / 2})">accuracy, percent</text>
<text x="${WIDTH / 2}" y="${HEIGHT - BOTTOM + 38}" text-anchor="middle">milliseconds a photograph</text>
${mark(false, LEFT + 6, HEIGHT - 16)}<text x="${LEFT + 18}" y="${HEIGHT - 12}">dense; dashed: their frontier</text>
${mark(true, LEFT + 230, HEIGHT - 16)}<text x="${LEFT + 242}" y="${HEIGHT - 12}">deep pMoE</text>
</svg>
`);
