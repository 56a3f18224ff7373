#!/usr/bin/env node
/**
 * The engine's worker in one file: its eight modules cost a starting page 25 to 30 ms more than one.
 *
 *     node build_scripts/bundle_worker.mjs web/engine/worker.js build/wasm/worker.js
 *
 * Joins modules that keep to a few rules and refuses others: each import is a line `import { a, b } from './file.js';`,
 * `export` stands before a declaration, and no name is declared at the top of two modules.  What is loaded on demand,
 * import('./file.js') or new URL('file.js', import.meta.url), stays where it is.  Comments that fill their lines are left
 * out.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { Script } from 'node:vm';

const IMPORT = /^import \{ [\w, ]+ \} from '(\.\/[\w-]+\.js)';\n/gm;
const ON_DEMAND = /\b(import\('|new URL\(')(?:\.\/)?([\w-]+\.js)('\)|', import\.meta\.url\))/g;
const EXPORT = /^export (?=(?:async function|function|class|const|let) )/gm;
const COMMENT = /^[ \t]*(?:\/\/.*|\/\*(?:(?!\*\/)[^])*\*\/)[ \t]*\n/gm;

const [from, to] = process.argv.slice(2);
if (!to) {
  console.error('usage: bundle_worker.mjs FROM TO');
  process.exit(1);
}

/**
 * A module behind those that it imports, each once.
 * @param {string} file @param {Set<string>} seen @returns {string}
 */
function joined(file, seen) {
  if (seen.has(file)) return '';
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const before = Array.from(text.matchAll(IMPORT), ([, other]) => joined(join(dirname(file), other), seen));
  const own = text.replace(IMPORT, '').replace(EXPORT, '').replace(COMMENT, '');
  const left = own.replace(ON_DEMAND, '').match(/^.*\b(?:import|export)\b.*$/m);
  if (left) throw new Error(`${file}: neither an import nor an export that can be joined: ${left[0].trim()}`);
  const place = relative(dirname(to), dirname(file)).replaceAll(sep, '/');
  return before.join('') + own.replace(ON_DEMAND, (_, start, name, end) => `${start}${place}/${name}${end}`);
}

try {
  const text = joined(from, new Set()).replace(/\n{2,}/g, '\n');
  new Script(`'use strict'; {${text.replaceAll('import.meta.url', '""')}}`); // throws where a name is declared twice
  writeFileSync(to, text.trimStart());
} catch (error) {
  console.error(`bundle_worker: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
