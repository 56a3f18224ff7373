/**
 * The page: what a visitor does on one side, the engine on the other, and between them one board of pixels.
 *
 * Every change ends in changed(): predictions at once (the newest board wins; boards that were overtaken are skipped),
 * times once the board rests, one spoken sentence once the result stands.  A failure is told and changes nothing.
 */
import { address, begun, firstSession, listener, openSession } from './begin.js';
import { SETS, findSet } from './models.js';
import { readState, writeState } from './state.js';
import { PictureError, readPicture } from './picture.js';
import { SamplePicker } from './samples.js';
import { STRINGS } from './strings.js';
import { count, kibibytes, wholePercent } from './format.js';
import { BOARD, CELLS, cellPixels, emptyCells, setCellPixels } from '../elements/board.js';
import { letter } from '../elements/experts.js';
import { html, find } from '../elements/dom.js';
import '../elements/pad.js';
import '../elements/routes.js';
import '../elements/result.js';

const LOADING_MS = 250; /* a load that is over sooner is not told: telling takes part of that time */
const REST_MS = 150; /* a board untouched for so long is timed */
const REST_DRAWING_MS = 1000; /* while the pad is open: a digit takes several strokes */
const SPEAK_MS = 700;
const FEW_EXPERTS = 3;
const SHUFFLES = 1e6; /* boards that shuffling chooses from ... */
const FIRST_FILL = 2 ** 30; /* ... and the first of those that fill gaps: far from them */

/** @typedef {'empty'|'drawn'|'picture'|'sample'|{sample: number, whole: boolean}} Origin  ('sample': not known yet of which digit) */

const parts = {
  board: /** @type {import('../elements/board.js').PmoeBoard} */ (find(document, '#board')),
  pad: /** @type {import('../elements/pad.js').PmoePad} */ (find(document, '#pad')),
  routes: /** @type {import('../elements/routes.js').PmoeRoutes} */ (find(document, '#routes')),
  result: /** @type {import('../elements/result.js').PmoeResult} */ (find(document, '#result')),
  samples: find(document, '#samples-panel'),
  under: find(document, '#under'),
  status: find(document, '#status'),
  statusAct: /** @type {HTMLButtonElement} */ (find(document, '#status-act')),
  alert: find(document, '#alert'),
  dismiss: find(document, '#dismiss'),
  live: find(document, '#live'),
  engineLine: find(document, '#engine-line'),
  engineMore: find(document, '#engine-more'),
  variant: /** @type {HTMLSelectElement} */ (find(document, '#wasm')),
  file: /** @type {HTMLInputElement} */ (find(document, '#file')),
  tools: /** @type {HTMLButtonElement[]} */ (['#shuffle', '#clear', '#samples', '#upload'].map((id) => find(document, id))),
};

let { state } = address;
/** @type {import('./session.js').Session|null} */
let session = null;
let starting = Promise.resolve(); /* until the first session is there, or is not to be had */
const board = {
  pixels: /** @type {Uint8Array} */ (new Uint8Array(BOARD * BOARD)),
  origins: /** @type {Origin[]} */ (Array(CELLS).fill('empty')),
  /** where the board's own digit still stands; null once it was drawn over or the board is someone's picture */
  truth: /** @type {{label: string, patch: number}|null} */ (null),
  note: '',
};
/** @type {import('../engine/protocol.js').Prediction[]|null} */
let predictions = null;
let editing = 0;
let beforeDrawing = () => {}; /* puts back what the pad was opened on */
let fills = 0;
let version = 0;
let answering = false;
let restTimer = 0;
let speakTimer = 0;
/** @type {AbortController|null} */
let timing = null;

const set = () => findSet(state.set);
const routedModel = () => set().models.find((model) => model.id === state.model) ?? set().models[1];

/* ---- telling ------------------------------------------------------------------------------------------------------ */

/** @param {unknown} error */
function tell(error) {
  parts.alert.textContent = error instanceof Error ? error.message : String(error);
  parts.dismiss.hidden = !parts.alert.textContent;
}

/** Run what a visitor asked for; tell if it fails.  @param {() => unknown} act */
async function attempt(act) {
  try {
    tell('');
    await act();
  } catch (error) {
    tell(error);
  }
}

function remember() {
  const hash = writeState(state);
  if (hash !== location.hash) history.replaceState(null, '', location.pathname + location.search + hash);
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

/** @type {import('./session.js').OnProgress} */
listener.progress = (got, all) => {
  if (!session && document.documentElement.dataset.engine !== 'failed' && performance.now() - begun > LOADING_MS)
    parts.engineLine.textContent = STRINGS.loading(kibibytes(got), kibibytes(all));
};

listener.died = (error) => {
  session = null;
  stopped(error);
};

/** @param {Promise<import('./session.js').Opened>} opening */
async function start(opening) {
  const opened = await opening;
  session = opened.session;
  for (const tool of parts.tools) tool.disabled = false;
  const { set: asked, seed, index } = opened.asked;
  if (asked !== state.set || seed !== state.seed || index !== state.index) return chooseSet(state.set); /* the address changed */
  showModels();
  const shown = loadBoard(opened);
  showEngine(opened.session);
  await shown;
}

/** @param {unknown} error */
function stopped(error) {
  document.documentElement.dataset.engine = 'failed';
  parts.engineLine.textContent = STRINGS.engineFailed;
  for (const tool of parts.tools) tool.disabled = true;
  tell(error);
}

/** @param {import('./session.js').Session} running */
function showEngine(running) {
  const { variant, threads, oneThread, checks, demoted, version: release, wasmBytes } = running.started;
  document.documentElement.dataset.engine = variant;
  parts.variant.value = state.wasm;
  parts.engineLine.textContent = STRINGS.engine(variant, threads, checks);
  const passed = demoted.map((entry) => STRINGS.demoted(entry.variant, entry.reason));
  const facts = [
    ...(passed.length ? passed : [STRINGS.noneDemoted]),
    ...(state.wasm === 'auto' && !state.threads ? [STRINGS.oneIsEnough] : oneThread ? [STRINGS.oneThread(oneThread)] : []),
    STRINGS.golden(running.golden(set()), set().models.length),
    STRINGS.version(release, kibibytes(wasmBytes)),
  ];
  parts.engineMore.replaceChildren(...facts.map((text) => html('p', {}, text)));
}

/** @param {import('./session.js').Engine} engine */
async function chooseEngine({ wasm, threads }) {
  await starting;
  const before = { wasm: state.wasm, threads: state.threads };
  Object.assign(state, { wasm, threads });
  try {
    if (session) {
      await session.start(state);
      showEngine(session);
      parts.result.clearTimings();
      remember();
      changed();
    } else await start(openSession(state));
  } catch (error) {
    Object.assign(state, before);
    parts.variant.value = before.wasm;
    throw error;
  }
}

/* ---- models and sets ---------------------------------------------------------------------------------------------- */

/**
 * A row of buttons of which one is pressed.
 * @param {string} id
 * @param {{id: string, label: string}[]} entries
 * @param {string} pressed
 * @param {(id: string) => void} choose
 */
function showChoice(id, entries, pressed, choose) {
  const buttons = entries.map((entry) => {
    const button = html('button', { type: 'button', 'aria-pressed': String(entry.id === pressed), 'data-choice': entry.id }, entry.label);
    button.addEventListener('click', () => {
      choose(entry.id);
      find(document, `#${id} [data-choice="${entry.id}"]`).focus();
    });
    return button;
  });
  find(document, `#${id}`).replaceChildren(...buttons);
}

function showModels() {
  const running = session;
  if (!running) return;
  const described = set().models.map((entry) => ({ entry, model: running.model(entry.id) }));
  parts.result.setModels(
    described.map(({ entry, model }) => ({
      id: entry.id,
      label: entry.label,
      multiplyAdds: model.multiply_adds,
      patches: model.patches.high * model.patches.wide,
      experts: model.experts,
      kept: model.kept,
      classes: model.classes,
    })),
  );
  find(document, '#task').textContent = set().task;
  if (SETS.length > 1) showChoice('sets', SETS, state.set, (id) => attempt(() => chooseSet(/** @type {'mosaic'|'mosaic10'} */ (id))));
  showRouted();
}

function showRouted() {
  const running = session;
  if (!running) return;
  const { patches, experts, kept } = running.model(routedModel().id);
  parts.routes.setModel({ experts, kept, high: patches.high, wide: patches.wide });
  find(document, '#kept').textContent = String(kept);
  find(document, '#patches').textContent = String(patches.high * patches.wide);
  showChoice('models', set().models.slice(1), routedModel().id, (id) => {
    state.model = id === set().models[1].id ? '' : id;
    remember();
    showRouted();
    showRoutes();
  });
}

/** @param {'mosaic'|'mosaic10'} id */
async function chooseSet(id) {
  await session?.openModels(findSet(id), listener.progress);
  state.set = id;
  timing?.abort(); /* its times are of other models */
  clearTimeout(restTimer);
  if (session) showEngine(session);
  state.model = '';
  predictions = null;
  showModels();
  await loadBoard();
}

/* ---- the board ---------------------------------------------------------------------------------------------------- */

/** @param {number} patch  @param {number} label  @returns {Origin} */
const sampleOrigin = (patch, label) => ({ sample: label, whole: state.set === 'mosaic' || patch === board.truth?.patch });

/**
 * The board that the address names.
 * @param {import('./session.js').Opened} [known]  it and its answers, if they are here already
 */
async function loadBoard(known) {
  if (!session) return;
  const { pixels, truth } = known?.board ?? (await session.board(set(), state.seed, state.index));
  board.pixels = pixels;
  board.truth = { label: session.model(set().models[0].id).classes[truth.label], patch: truth.patch };
  board.origins.fill('sample');
  board.note = '';
  remember();
  closeOverlays();
  changed(known?.predictions);
  const mine = version;
  const labels = await Promise.all(truth.digits.map(async (index) => (await session?.sampleDigit(index))?.label ?? 0));
  if (mine !== version) return; /* someone draws already */
  board.origins = labels.map((label, patch) => sampleOrigin(patch, label));
  showBoard([]);
}

async function shuffle() {
  state.index = 1 + Math.floor(Math.random() * SHUFFLES);
  await loadBoard();
}

/** @param {number} cell  @param {Uint8Array} pixels  @param {Origin} origin */
function setCell(cell, pixels, origin) {
  setCellPixels(board.pixels, cell, pixels);
  board.origins[cell] = origin;
  if (board.truth?.patch === cell) board.truth = null;
  board.note = STRINGS.yours;
  changed();
}

/** @param {number} cell */
const eraseCell = (cell) => setCell(cell, new Uint8Array(784), 'empty');

function clearBoard() {
  board.pixels = new Uint8Array(BOARD * BOARD);
  board.origins.fill('empty');
  board.truth = null;
  board.note = '';
  changed();
}

/** Clutter for some cells, from a board of this set that no shuffle shows; its own digit stays out.  @param {number[]} cells */
async function fillCells(cells) {
  if (!session) return;
  if (cells.length === CELLS) return shuffle();
  const { pixels, truth } = await session.board(set(), state.seed, FIRST_FILL + fills++);
  for (const cell of cells) {
    const from = cell === truth.patch ? (cell + 1) % CELLS : cell;
    const { label } = await session.sampleDigit(truth.digits[from]);
    setCellPixels(board.pixels, cell, cellPixels(pixels, from));
    board.origins[cell] = { sample: label, whole: state.set === 'mosaic' };
    if (board.truth?.patch === cell) board.truth = null;
  }
  board.note = STRINGS.yours;
  changed();
}

/** @param {Blob} file */
async function usePicture(file) {
  if (!session) return;
  const { pixels, inverted } = await session.boardFromRgba(await readPicture(file));
  board.pixels = pixels;
  board.origins.fill('picture');
  board.truth = null;
  board.note = STRINGS.picture(inverted);
  closeOverlays();
  changed();
}

/** @param {Origin} origin */
function originName(origin) {
  if (origin === 'empty') return STRINGS.cellEmpty;
  if (origin === 'drawn') return STRINGS.cellDrawn;
  if (origin === 'picture') return STRINGS.cellPicture;
  if (origin === 'sample') return STRINGS.cellAnySample;
  return origin.whole ? STRINGS.cellSample(origin.sample) : STRINGS.cellScrambled(origin.sample);
}

/** @param {number[]} empty */
function showBoard(empty) {
  parts.board.show(board.pixels, board.origins.map((origin, i) => STRINGS.cell(i, empty.includes(i) ? STRINGS.cellEmpty : originName(origin))));
  const touched = board.origins.some((origin) => typeof origin === 'string' && origin !== 'sample');
  /** @type {[string, string, (() => Promise<void>)|null]} */
  const [text, label, act] =
    empty.length === CELLS
      ? [STRINGS.boardEmpty, STRINGS.shuffle, shuffle]
      : empty.length
        ? [STRINGS.cellsEmpty(empty), STRINGS.fill, () => fillCells(empty)]
        : board.truth && touched
          ? [STRINGS.truthStands(board.truth.label, board.truth.patch), STRINGS.truthReplace, () => fillCells([/** @type {any} */ (board.truth).patch])]
          : [board.truth ? STRINGS.truth(board.truth.label, board.truth.patch) : board.note, '', null];
  parts.status.textContent = text;
  parts.statusAct.hidden = !act;
  parts.statusAct.textContent = label;
  parts.statusAct.onclick = act && (() => attempt(act));
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/** @param {import('../engine/protocol.js').Prediction[]} [known]  the answers to what the board shows now */
function changed(known) {
  version++;
  timing?.abort();
  clearTimeout(restTimer);
  clearTimeout(speakTimer);
  const empty = emptyCells(board.pixels);
  showBoard(empty);
  if (!empty.length) return void answer(known);
  predictions = null;
  showAnswers();
  speakTimer = window.setTimeout(() => speak(parts.status.textContent ?? ''), SPEAK_MS);
}

/** @param {import('../engine/protocol.js').Prediction[]} [known] */
async function answer(known) {
  if (answering) return;
  answering = true;
  try {
    for (let seen = -1; seen !== version && session; known = undefined) {
      seen = version;
      const asked = set();
      const found = known ?? (await session.predict(asked, board.pixels.slice()));
      if (asked !== set()) continue; /* other models are shown now */
      if (emptyCells(board.pixels).length) break;
      predictions = found;
      showAnswers();
    }
    if (predictions) settle();
  } catch (error) {
    tell(error);
  } finally {
    answering = false;
  }
}

function showAnswers() {
  parts.result.showPredictions(predictions);
  showRoutes();
  document.documentElement.dataset.state = predictions ? 'live' : 'empty';
  if (!predictions || document.documentElement.dataset.firstPredictionMs) return;
  performance.mark('pmoe-first-prediction');
  const { duration } = performance.measure('pmoe-to-first-prediction', 'pmoe-start', 'pmoe-first-prediction');
  document.documentElement.dataset.firstPredictionMs = duration.toFixed(1);
}

function showRoutes() {
  const found = predictions?.[set().models.indexOf(routedModel())];
  if (found?.experts) parts.routes.show(found, board.pixels);
  else parts.routes.showNothing(board.pixels);
}

/** The result stands, as far as is known: say it, and time it if it goes on standing. */
function settle() {
  parts.result.note(STRINGS.timingWaits);
  restTimer = window.setTimeout(measure, parts.pad.hidden ? REST_MS : REST_DRAWING_MS);
  speakTimer = window.setTimeout(() => speak(sentence()), SPEAK_MS);
}

async function measure() {
  if (!session) return;
  const mine = (timing = new AbortController());
  parts.result.note(STRINGS.measuringNow);
  try {
    const { timings, clockStepUs } = await session.time(set(), board.pixels, mine.signal);
    if (mine.signal.aborted) return;
    const step = `${clockStepUs < 1 ? clockStepUs.toFixed(2) : count(clockStepUs)} ${STRINGS.unit}`;
    parts.result.showTimings(timings, STRINGS.measuredHere(step, session.started.threads));
    document.documentElement.dataset.timed = String(version);
  } catch (error) {
    if (!mine.signal.aborted) tell(error);
  }
}

function sentence() {
  if (!predictions) return '';
  const said = predictions.map((prediction, i) =>
    STRINGS.heard(set().models[i].label, prediction.class, wholePercent(prediction.probabilities[prediction.index].probability)),
  );
  const routes = predictions[set().models.indexOf(routedModel())]?.experts ?? [];
  const took =
    routes.length <= FEW_EXPERTS
      ? routes.map((route, e) => STRINGS.heardTook(letter(e), route.picks))
      : [STRINGS.heardMost(routes.map((route, e) => STRINGS.heardPair(letter(e), route.picks[0])))];
  return [...said, ...took].join(' ');
}

/** @param {string} text  once: the same sentence is not said again */
function speak(text) {
  if (parts.live.textContent !== text) parts.live.textContent = text;
}

/* ---- what a visitor does ------------------------------------------------------------------------------------------ */

/** @param {number} cell */
function openPad(cell) {
  if (!session) return;
  const [pixels, origin, { truth, note }] = [cellPixels(board.pixels, cell), board.origins[cell], board];
  beforeDrawing = () => {
    drawings++;
    setCell(cell, pixels, origin);
    Object.assign(board, { truth, note });
    showBoard(emptyCells(board.pixels));
  };
  editing = cell;
  parts.samples.hidden = true;
  parts.pad.open(cell, pixels);
  parts.under.inert = true;
}

/** @param {number} cell */
async function openSamples(cell) {
  editing = cell;
  parts.pad.hidden = true;
  await picker.open(cell);
  parts.under.inert = true;
}

function closeOverlays() {
  if (parts.pad.hidden && parts.samples.hidden) return;
  const inside = document.activeElement instanceof Element && document.activeElement.closest('.overlay') !== null;
  parts.pad.hidden = parts.samples.hidden = true;
  parts.under.inert = false;
  if (inside) parts.board.focusCell(editing);
  if (predictions && !answering) settleAgain();
}

/** The pad is gone: time now what was being drawn. */
function settleAgain() {
  clearTimeout(restTimer);
  restTimer = window.setTimeout(measure, REST_MS);
}

const picker = new SamplePicker(
  parts.samples,
  async () => {
    const running = session;
    return running ? Promise.all(Array.from({ length: running.samples }, (_, i) => running.sampleDigit(i))) : [];
  },
  (digit) => {
    setCell(editing, digit.pixels, { sample: digit.label, whole: true });
    closeOverlays();
  },
  closeOverlays,
);

let drawings = 0;

/** @param {{ink: Uint8Array<ArrayBuffer>, width: number, height: number}} drawing */
async function onInk(drawing) {
  const [mine, cell] = [++drawings, editing];
  const digit = await session?.digit(drawing);
  if (!digit || mine !== drawings) return; /* overtaken by the next stroke */
  parts.pad.showSeen(digit.pixels);
  setCell(cell, digit.pixels, digit.empty ? 'empty' : 'drawn');
}

/** @param {DataTransfer|null} data */
const firstFile = (data) => data?.files[0] ?? null;

function listen() {
  /** @param {EventTarget} target  @param {string} type  @param {(event: any) => unknown} act */
  const on = (target, type, act) => target.addEventListener(type, (event) => attempt(() => act(event)));
  const [shuffleTool, clearTool, samplesTool, uploadTool] = parts.tools;
  on(shuffleTool, 'click', shuffle);
  on(clearTool, 'click', clearBoard);
  on(samplesTool, 'click', () => openSamples(parts.board.cell));
  on(uploadTool, 'click', () => parts.file.click());
  on(parts.file, 'change', async () => {
    const file = parts.file.files?.[0];
    parts.file.value = '';
    if (file) await usePicture(file);
  });
  on(parts.board, 'pmoe-open', ({ detail }) => openPad(detail.cell));
  on(parts.board, 'pmoe-erase', ({ detail }) => eraseCell(detail.cell));
  on(parts.pad, 'pmoe-ink', ({ detail }) => onInk(detail));
  on(parts.pad, 'pmoe-restore', () => beforeDrawing());
  on(parts.pad, 'pmoe-close', closeOverlays);
  on(parts.pad, 'pmoe-samples', () => openSamples(editing));
  on(parts.variant, 'change', () => chooseEngine({ ...state, wasm: /** @type {any} */ (parts.variant.value) }));
  on(parts.dismiss, 'click', () => {});
  window.addEventListener('dragover', (event) => event.preventDefault());
  on(window, 'drop', (event) => {
    event.preventDefault();
    const file = firstFile(event.dataTransfer);
    if (file) return usePicture(file);
  });
  on(window, 'paste', (event) => {
    const file = firstFile(event.clipboardData);
    if (!file) throw new PictureError(STRINGS.pasteNothing);
    return usePicture(file);
  });
  on(window, 'hashchange', onAddress);
}

async function onAddress() {
  const before = state;
  const { state: next, problems } = readState(location.hash);
  state = { ...next, wasm: before.wasm, threads: before.threads, set: before.set };
  if (next.wasm !== before.wasm || next.threads !== before.threads) await chooseEngine(next);
  if (next.set !== before.set) await chooseSet(next.set);
  else {
    showRouted();
    await loadBoard();
  }
  tellProblems(problems);
}

/** @param {import('./state.js').Problem[]} problems */
function tellProblems(problems) {
  if (!problems.length) return;
  tell(problems.map(({ key, value, expected }) => (expected ? STRINGS.badValue(key, value, expected) : STRINGS.unknownKey(key))).join(' '));
}

/* ---- begin -------------------------------------------------------------------------------------------------------- */

tellProblems(address.problems);
listen();
starting = start(firstSession).catch(stopped);
if (location.hash !== address.hash) attempt(onAddress); /* it changed before anyone listened */
