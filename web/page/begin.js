/**
 * What runs first: the worker starts and the weights are on their way before the rest of the page has even been read.
 * main.js takes over from here.
 */
import { Session } from './session.js';
import { findSet } from './models.js';
import { readState } from './state.js';

export const begun = performance.mark('pmoe-start').startTime;

/** What the address said when the page was opened. */
export const address = { hash: location.hash, ...readState(location.hash) };

/** How main.js is told; it replaces these. */
export const listener = {
  /** @type {import('./session.js').OnProgress} */
  progress() {},
  /** @type {(error: unknown) => void} */
  died() {},
};

/** @param {import('./state.js').State} state */
export const openSession = (state) =>
  Session.open(state, findSet(state.set), (got, all) => listener.progress(got, all), (error) => listener.died(error));

export const firstSession = openSession(address.state);
firstSession.catch(() => {}); /* main.js tells it, once it is there */
