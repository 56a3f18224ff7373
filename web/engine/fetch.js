/**
 * Fetching a file for the engine: same origin only, never more than a cap, and errors that name the cause.
 *
 * The commonest failure by far is a server that answers with a web page (its 404 or start page) where a file was meant;
 * it is told apart here, before anyone tries to read HTML as a module or a model.  Leaves out retries and caching.
 */
import { EngineError } from './error.js';

/**
 * The absolute form of a URL, if this page may read it.
 * @param {string} url  relative to the worker
 * @param {string} what  named in errors
 */
export function sameOrigin(url, what) {
  const here = globalThis.location;
  if (!here) throw new EngineError('bad-args', `${what}: there is no page here whose URLs could be read; pass bytes`);
  let full;
  try {
    full = new URL(url, here.href);
  } catch {
    throw new EngineError('bad-args', `${what}: expected a URL, found "${String(url).slice(0, 80)}"`);
  }
  const web = full.protocol === 'https:' || full.protocol === 'http:';
  if (!web || full.origin !== here.origin || full.username || full.password) {
    const found = web ? full.origin : full.protocol;
    throw new EngineError('bad-args', `${what}: expected a URL of ${here.origin}, found one of ${found}; pass bytes instead`);
  }
  return full.href;
}

/** @param {number} bytes */
function size(bytes) {
  return bytes >= 1 << 20 ? `${(bytes / (1 << 20)).toFixed(1)} MB` : `${bytes} bytes`;
}

/**
 * The body of a response, stopped as soon as it exceeds `cap`.
 * @param {Response} response @param {string} place @param {number} cap
 */
async function readCapped(response, place, cap) {
  const tooBig = (/** @type {number} */ bytes) =>
    new EngineError('fetch', `${place}: expected at most ${size(cap)}, found ${size(bytes)} or more`);
  const announced = Number(response.headers.get('content-length') ?? 0);
  if (announced > cap) {
    await response.body?.cancel();
    throw tooBig(announced);
  }
  const parts = [];
  let total = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > cap) {
      await reader.cancel();
      throw tooBig(total);
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {Uint8Array} bytes  @returns {boolean} whether they begin like HTML */
export function looksLikeHtml(bytes) {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 256)).replace(/^(ï»¿)?\s+/, '');
  return /^(ï»¿)?<(!doctype|html|head|body|!--|\?xml)/i.test(start);
}

/**
 * @param {string} url  checked by sameOrigin
 * @param {{what: string, cap: number, signal?: AbortSignal}} options  what: named in errors; cap: most bytes accepted
 * @returns {Promise<Uint8Array>}
 */
export async function fetchBytes(url, { what, cap, signal }) {
  const full = sameOrigin(url, what);
  const place = `${what} (${new URL(full).pathname})`;
  try {
    const response = await fetch(full, { mode: 'same-origin', signal });
    if (!response.ok) {
      await response.body?.cancel();
      const text = response.statusText ? ` ${response.statusText}` : '';
      throw new EngineError('fetch', `${place}: the server answered ${response.status}${text}`);
    }
    const bytes = await readCapped(response, place, cap);
    if (looksLikeHtml(bytes)) throw new EngineError('fetch', `${place}: the server sent a web page instead of this file`);
    return bytes;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if (signal?.aborted) throw new EngineError('aborted', `${place}: loading was stopped`);
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineError('fetch', `${place}: could not be fetched, the network or the page's policy is in the way (${reason})`);
  }
}
