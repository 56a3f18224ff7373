/**
 * A benchmark's result as text, as `pmoe bench` prints it: one table a comparison.
 *
 * @typedef {Record<string, any>} Row
 */

/** @param {number} ns */
export function duration(ns) {
  const [value, unit] = ns < 1e3 ? [ns, 'ns'] : ns < 1e6 ? [ns / 1e3, 'us'] : ns < 1e9 ? [ns / 1e6, 'ms'] : [ns / 1e9, 's'];
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

const right = (/** @type {unknown} */ value, /** @type {number} */ width) => String(value).padStart(width);
const left = (/** @type {unknown} */ value, /** @type {number} */ width) => String(value).padEnd(width);
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)}%`;

/** What sets a row apart from the others of its comparison. @param {Row} row */
function nameOf(row) {
  if (row.what === 'kernel') return row.algorithm ? `${row.isa}, ${row.algorithm}` : row.isa;
  return ['layers', 'networks'].includes(row.group) ? `${row.isa}, ${row.threads} thread${row.threads === 1 ? '' : 's'}` : `${row.model}${row.int8 ? ', int8' : ''}`;
}

/** @param {Row} row */
function titleOf(row) {
  if (row.what !== 'kernel') return `${row.group} ${row.comparison}, batch ${row.batch}, ${row.samples_ns.length} samples each`;
  const what = row.kernel === 'conv'
    ? `${row.side} x ${row.side} convolution, stride ${row.stride}, ${row.channels} to ${row.outputs} channels at ${row.height} x ${row.width}, ${row.maps} maps`
    : `patch_forward, ${row.rows} rows of ${row.runs} x ${row.run}, ${row.outputs} outputs`;
  return `${row.model}, layer ${row.layer}: ${what}`;
}

/** @param {Row} row */
function line(row) {
  const cold = row.what === 'kernel' ? '-' : duration(row.open_ns + row.first_ns);
  const routed = 'kept' in row ? `${right(row.multiply_add_ratio.toFixed(2), 11)} ${right(row.kept.toFixed(2), 6)}` : '';
  return (
    `  ${left(nameOf(row), 20)}${[cold, duration(row.first_ns), duration(row.median_ns)].map((text) => right(text, 10)).join('')}  ` +
    `${left(`${duration(row.low_ns)} - ${duration(row.high_ns)}`, 21)}${right(row.multiply_adds, 14)}${right(row.gmac_per_s.toFixed(2), 9)}` +
    `${right(percent(row.peak_share), 8)}${routed}   ${row.time_ratio.toFixed(2)} (${row.time_ratio_low.toFixed(2)} - ${row.time_ratio_high.toFixed(2)})`
  );
}

const LOSSES = ['router', 'top_l', 'gather', 'experts', 'rest'];
const PARTS = ['before', 'router', 'top_l', 'gather', 'experts'];

/** @param {Row[]} rows  of one comparison */
function table(rows) {
  const heading = ['cold', 'first', 'median'].map((text) => right(text, 10)).join('') + '  ' + left('quartiles', 21) +
    right('multiply-adds', 14) + right('GMAC/s', 9) + right('of peak', 8) + ('kept' in rows[0] ? right('madd ratio', 11) + right('kept', 7) : '');
  const lines = [titleOf(rows[0]), `  ${left(rows[0].what, 20)}${heading}   time ratio (95%)`, ...rows.map(line)];
  const ledgers = rows.filter((row) => row.ledger);
  if (ledgers.length) lines.push(`  ${left('of the time', 20)}${['theory', 'measured', 'kept', ...LOSSES].map((text) => right(text, 9)).join('')}`);
  for (const { model, ledger } of ledgers)
    lines.push(`  ${left(model, 20)}${right(ledger.theory.toFixed(2), 9)}${right(ledger.measured.toFixed(2), 9)}` +
      ['kept', ...LOSSES].map((loss) => right(percent(ledger[loss]), 9)).join(''));
  const parts = rows.filter((row) => row.parts_ns && !row.ledger);
  if (parts.length) lines.push(`  ${left('parts', 20)}${PARTS.map((part) => right(part, 10)).join('')}`);
  for (const { model, parts_ns: ns } of parts) lines.push(`  ${left(model, 20)}${PARTS.map((part) => right(duration(ns[part] ?? 0), 10)).join('')}`);
  return lines.join('\n');
}

/** @param {Row} result */
export function tables({ environment, measured, rows }) {
  const rates = measured.reference.map((/** @type {Row} */ { isa, gmac_per_s: rate }) =>
    `${isa} ${Math.min(...rate).toFixed(1)} - ${Math.max(...rate).toFixed(1)}`);
  const head = [
    `${environment.engine ?? environment.compiler}, ${environment.cpu}, clock step ${duration(measured.clock_step_ns)}`,
    `register-only multiply-adds before, between and after, GMAC/s: ${rates.join(', ')}`,
    ...(measured.drifted ? [`DRIFT: that is ${(100 * measured.drift).toFixed(0)}% apart, so this was not the same machine all along`] : []),
  ];
  const firsts = [...new Set(rows.map((/** @type {Row} */ row) => row.compared_with))];
  return [head.join('\n'), ...firsts.map((first) => table(rows.filter((/** @type {Row} */ row) => row.compared_with === first)))].join('\n\n') + '\n';
}
