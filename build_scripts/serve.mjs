#!/usr/bin/env node
/**
 * Serve the page on this machine: node's http module and nothing else.
 *
 *     node build_scripts/serve.mjs [--port 8080] [--port-tries 20]
 *
 * Takes the port asked for or the next free one, prints one line with the address, and serves index.html, web/,
 * weights/ and build/wasm/ of this checkout: no other file, no folder listing, no link that leads out of those.
 * Every answer carries the headers that the page is promised to work under: cross-origin isolation, and a policy without
 * 'unsafe-eval'.  Also a module: tests call `serve()`.  Leaves out caching, compression, ranges and TLS: it is for
 * loopback.
 */
import { createServer } from 'node:http';
import { realpathSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FILES = ['/index.html'];
const FOLDERS = ['/web/', '/weights/', '/build/wasm/'];

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.wasm': 'application/wasm',
};

export const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "worker-src 'self'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

/** @param {string} path @param {string[]} folders */
function isPublic(path, folders) {
  return FILES.includes(path) || folders.some((folder) => path.startsWith(folder));
}

/**
 * The file behind a request path, or null for whatever is not to be served.
 * @param {string} root  absolute, links resolved
 * @param {string[]} folders  that may be served
 * @param {string} target  the request line's path with its query, as sent
 */
async function find(root, folders, target) {
  let path;
  try {
    path = decodeURIComponent(target.split(/[?#]/, 1)[0]);
  } catch {
    return null;
  }
  if (path === '/') path = '/index.html';
  const plain = !path.includes('\0') && !path.includes('\\') && !path.split('/').some((part) => part.startsWith('.'));
  if (!plain || !isPublic(path, folders)) return null;
  try {
    const file = await realpath(join(root, path));
    const inside = file.startsWith(root + sep) && isPublic(file.slice(root.length), folders);
    return inside ? { file, bytes: await readFile(file) } : null;
  } catch {
    return null; // not there, or a folder
  }
}

/**
 * @param {{root: string, folders: string[], headers: Record<string, string>}} site
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer({ root, folders, headers }, request, response) {
  /** @param {number} status @param {string} text */
  const refuse = (status, text) => {
    response.writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(request.method === 'HEAD' ? undefined : text + '\n');
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Only GET and HEAD are answered here.');
  const found = await find(root, folders, request.url ?? '/');
  if (!found) return refuse(404, 'There is no such file here.');
  const type = TYPES[extname(found.file)] ?? 'application/octet-stream';
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': found.bytes.length });
  response.end(request.method === 'HEAD' ? undefined : found.bytes);
}

/**
 * Listen on 127.0.0.1 at the first free port from `port` on (0: any).  `folders` are served beside the page's, `headers`
 * replace its own.
 * @param {{root?: string, port?: number, tries?: number, folders?: string[], headers?: Record<string, string>}} [options]
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve({ root = ROOT, port = 8080, tries = 20, folders = [], headers = HEADERS } = {}) {
  const site = { root: realpathSync(root), folders: [...FOLDERS, ...folders], headers };
  const server = createServer((request, response) => {
    answer(site, request, response).catch(() => response.destroy());
  });
  for (let at = port; ; at++) {
    try {
      await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(at, '127.0.0.1', () => {
          server.off('error', reject);
          resolve(undefined);
        });
      });
      break;
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'EADDRINUSE' || at + 1 >= port + tries || at >= 65535) throw error;
    }
  }
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve(undefined));
      server.closeAllConnections?.();
    });
  return { url: `http://127.0.0.1:${address.port}/`, close: /** @type {() => Promise<void>} */ (close) };
}

/** @param {string[]} args */
function options(args) {
  const known = { port: 8080, tries: 20 };
  for (let i = 0; i < args.length; i += 2) {
    const name = { '--port': 'port', '--port-tries': 'tries' }[args[i]];
    const value = Number(args[i + 1]);
    if (!name || !/^\d+$/.test(args[i + 1] ?? '') || value > 65535) {
      console.error(`serve: expected --port NUMBER or --port-tries NUMBER, found "${args.slice(i, i + 2).join(' ')}"`);
      process.exit(1);
    }
    known[/** @type {'port'|'tries'} */ (name)] = value;
  }
  return known;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { url } = await serve(options(process.argv.slice(2)));
    console.log(`pmoe is at ${url}   (Ctrl-C ends it)`);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
  } catch (error) {
    console.error(`serve: ${/** @type {Error} */ (error).message}`);
    process.exit(1);
  }
}
