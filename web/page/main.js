/**
 * The page: what a visitor does on one side, the engine on the other, and between them one input: a board or a photograph.
 *
 * Every change ends in changed(): predictions at once (the newest input wins; those that were overtaken are skipped),
 * times once the input rests, one spoken sentence once the result stands.  A failure is told and changes nothing.
 */
import { address, begun, firstSession, listener, openSession } from './begin.js';
import { Boards } from './boards.js';
import { KINDS, SETS, findSet, firstOf } from './models.js';
import { readState, writeState } from './state.js';
import { STRINGS } from './strings.js';
import { count, kibibytes, wholePercent } from './format.js';
import { letter } from '../elements/experts.js';
import { html, find } from '../elements/dom.js';
import '../elements/routes.js';
import '../elements/result.js';

const LOADING_MS = 250; /* a load that is over sooner is not told: telling takes part of that time */
const REST_MS = 150; /* an input untouched for so long is timed */
const REST_DRAWING_MS = 1000; /* while someone draws: a digit takes several strokes */
const SPEAK_MS = 700;
const FEW_EXPERTS = 3;
const SHUFFLES = 1e6; /* boards that shuffling chooses from ... */

const parts = {
  routes: /** @type {import('../elements/routes.js').PmoeRoutes} */ (find(document, '#routes')),
  result: /** @type {import('../elements/result.js').PmoeResult} */ (find(document, '#result')),
  overlays: [find(document, '#pad'), find(document, '#samples-panel'), find(document, '#camera-panel')],
  mixtures: find(document, '#mixtures'),
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
  tools: /** @type {HTMLButtonElement[]} */ (['#shuffle', '#clear', '#samples', '#upload', '#camera'].map((id) => find(document, id))),
};

const { state } = address;
/** @type {import('./session.js').Session|null} */
let session = null;
let starting = Promise.resolve(); /* until the first session is there, or is not to be had */
/** @type {import('../engine/protocol.js').Prediction[]|null} */
let predictions = null;
let version = 0;
let choosing = 0; /* which set: the last one asked for wins */
let entering = 0; /* sets that were chosen and whose first picture is not here yet */
let answering = false;
let restTimer = 0;
let speakTimer = 0;
/** @type {AbortController|null} */
let timing = null;

const set = () => findSet(state.set);

/** Those of the set that have experts: what a button can show.  @param {import('./session.js').Session} running */
const routedModels = (running) => set().models.filter(({ id }) => running.model(id).experts);

/** @param {import('./session.js').Session} running  @returns {import('./models.js').ModelEntry|undefined} the one that is shown */
const routedModel = (running) => routedModels(running).find(({ id }) => id === state.model) ?? routedModels(running)[0];

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
  const { set: asked, seed, index } = opened.asked;
  input = await inputOf(findSet(asked));
  mixtures = await mixturesOf(opened.session, findSet(asked));
  session = opened.session;
  for (const tool of parts.tools) tool.disabled = false;
  if (await wantsWhatIf(state)) delete opened.predictions; /* they are of the models as they were trained */
  if (asked !== state.set || seed !== state.seed || index !== state.index) return chooseSet(state); /* the address changed */
  showModels();
  const shown = input.load(opened);
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
    ...(state.wasm === 'auto' && !state.threads ? [STRINGS.oneUnasked(running.threadsPay(set()))] : oneThread ? [STRINGS.oneThread(oneThread)] : []),
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
    button.addEventListener('click', () => choose(entry.id));
    return button;
  });
  const focused = buttons.findIndex((button) => document.activeElement?.matches(`#${id} [data-choice="${button.dataset.choice}"]`));
  find(document, `#${id}`).replaceChildren(...buttons);
  buttons[focused]?.focus();
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
      accuracy: running.accuracy(entry.id),
      patches: model.patches.high * model.patches.wide,
      experts: model.experts,
      kept: model.kept,
      mixture: running.mixture(entry.id),
      classes: model.classes,
    })),
  );
  const { kind, task } = set();
  document.documentElement.dataset.kind = kind;
  find(document, '#task').textContent = task;
  const ofKind = SETS.filter((other) => other.kind === kind);
  showChoice('kinds', KINDS, kind, (id) => attempt(() => (id === kind ? stay() : chooseSet({ set: firstOf(id).id, index: 0, model: '' }))));
  showChoice('sets', ofKind.length > 1 ? ofKind : [], state.set, (id) =>
    attempt(() => (id === state.set ? stay() : chooseSet({ set: findSet(id).id, index: set().photos?.file === findSet(id).photos?.file ? state.index : 0, model: '' }))),
  );
  mixtures?.enter();
  showRouted();
}

function showRouted() {
  const running = session;
  if (!running) return;
  const [all, shown] = [routedModels(running), routedModel(running)];
  parts.routes.hidden = !shown;
  parts.mixtures.hidden = !mixtures;
  showChoice('models', all, shown?.id ?? '', (id) => {
    const before = state.l || state.off;
    Object.assign(state, { model: id === all[0].id ? '' : id, l: 0, off: '' });
    remember();
    showRouted();
    if (before) changed();
    else showRoutes();
  });
  if (shown) {
    const { patches, experts, kept, input: picture } = running.model(shown.id);
    parts.routes.setModel({ experts, kept, high: patches.high, wide: patches.wide, height: picture.height, width: picture.width, channels: picture.channels });
    find(document, '#kept').textContent = String(kept);
    find(document, '#patches').textContent = String(patches.high * patches.wide);
  }
  whatIf?.show(); /* in the place that another shape has made anew */
}

/** @typedef {{l?: number, off?: string}} Otherwise  routing in a state */

/** @type {import('./what-if.js').WhatIf|null} until the first answer stands, or the address asks for it */
let whatIf = null;
/** @type {Promise<void>|null} */
let loadingWhatIf = null;

/** Told if it fails; then all is run as it was trained, and it can be asked for again. */
function loadWhatIf() {
  loadingWhatIf ??= import('./what-if.js')
    .then(({ WhatIf }) => WhatIf.open({ now: host.now, routed: () => session && routedModel(session), result: parts.result, tell, remember, changed }))
    .then((opened) => void (whatIf = opened))
    .catch((error) => {
      loadingWhatIf = null;
      tell(error);
    });
  return loadingWhatIf;
}

/** @param {Otherwise} asked  @returns {Promise<boolean>} whether it is another routing, which can now be shown */
async function wantsWhatIf({ l, off }) {
  if (!l && !off) return false;
  await loadWhatIf();
  return whatIf !== null;
}

/** What is shown was chosen again: it stays, whatever is still on its way. */
function stay() {
  choosing++;
  input.show();
}

/** Its models are fetched, if they are not here; until then all stays as it is.  @param {Pick<import('./state.js').State, 'set'|'index'|'model'> & Otherwise} asked */
async function chooseSet({ set: id, index, model, l = 0, off = '' }) {
  const mine = ++choosing;
  if (!session) return void Object.assign(state, { set: id, index, model, l, off }); /* start() comes back to it */
  const next = await openSet(session, findSet(id), mine);
  await wantsWhatIf({ l, off });
  if (mine !== choosing || !session) return;
  Object.assign(state, { set: id, index, model, l, off });
  [input, mixtures] = next;
  timing?.abort(); /* its times are of other models */
  clearTimeout(restTimer);
  showEngine(session);
  predictions = null;
  uncover();
  showModels();
  entering++;
  await input.load().finally(() => entering--);
}

/** @param {import('./session.js').Session} running  @param {import('./models.js').InputSet} wanted  @param {number} mine */
async function openSet(running, wanted, mine) {
  try {
    await running.openSet(wanted, (got, all) => mine === choosing && showStatus(STRINGS.loadingSet(kibibytes(got), kibibytes(all))));
    return /** @type {const} */ ([await inputOf(wanted), await mixturesOf(running, wanted)]);
  } catch (error) {
    if (mine !== choosing) return /** @type {const} */ ([input, mixtures]); /* nobody waits for it any more */
    input.show();
    throw error;
  }
}

/* ---- the input ---------------------------------------------------------------------------------------------------- */

/** Only one of these covers the input at a time.  @param {HTMLElement} overlay */
function cover(overlay) {
  for (const each of parts.overlays) each.hidden = each !== overlay;
  parts.under.inert = true;
}

function uncover() {
  if (parts.overlays.every((overlay) => overlay.hidden)) return;
  const inside = document.activeElement instanceof Element && document.activeElement.closest('.overlay') !== null;
  for (const each of parts.overlays) each.hidden = true;
  parts.under.inert = false;
  if (inside) input.focus();
  if (predictions && !answering) settleAgain();
}

/** The overlay is gone: time now what was being drawn. */
function settleAgain() {
  clearTimeout(restTimer);
  restTimer = window.setTimeout(measure, REST_MS);
}

/** @type {import('./samples.js').SamplePicker|null} until it is first needed */
let picker = null;
/** @type {import('./camera.js').Camera|null} until it is first wanted */
let camera = null;

/** @param {string} text  @param {string} [label]  @param {() => unknown} [act] */
function showStatus(text, label = '', act) {
  parts.status.textContent = text;
  parts.statusAct.hidden = !act;
  parts.statusAct.textContent = label;
  parts.statusAct.onclick = act ? () => attempt(act) : null;
}

async function shuffle() {
  const { photos } = set();
  state.index = photos ? (state.index + 1 + Math.floor(Math.random() * (photos.count - 1))) % photos.count : 1 + Math.floor(Math.random() * SHUFFLES);
  await input.load();
}

/** @param {EventTarget} target  @param {string} type  @param {(event: any) => unknown} act */
const on = (target, type, act) => target.addEventListener(type, (event) => attempt(() => act(event)));

/** @type {import('./input.js').Host} */
const host = {
  now() {
    if (!session) throw new Error(STRINGS.engineFailed);
    return { session, state, set: set() };
  },
  ready: () => session !== null && !entering,
  shows: (asking) => asking === input,
  changed,
  loaded: remember,
  shuffle,
  status: showStatus,
  cover,
  uncover,
  async pick(title, samples, choose) {
    const asking = input;
    const { SamplePicker } = await import('./samples.js');
    if (asking !== input) return;
    picker ??= new SamplePicker(parts.overlays[1], uncover);
    cover(parts.overlays[1]);
    picker.open(title, samples, choose);
  },
  on,
};

const boards = new Boards(host);
/** @type {import('./input.js').Input} */
let input = boards;
/** @type {import('./photos.js').Photos|null} until they are first chosen */
let photos = null;
/** @type {import('./mixtures.js').Mixtures|null} where the networks send whole images to experts */
let mixtures = null;

/** @param {import('./models.js').InputSet} wanted  @returns {Promise<import('./input.js').Input>} */
async function inputOf(wanted) {
  if (wanted.kind === 'board') return boards;
  const { Photos } = await import('./photos.js');
  return (photos ??= new Photos(host));
}

/** @param {import('./session.js').Session} running  @param {import('./models.js').InputSet} wanted */
async function mixturesOf(running, wanted) {
  if (!photos || !wanted.models.some(({ id }) => running.mixture(id))) return null;
  const { mixturesIn } = await import('./mixtures.js');
  return mixturesIn(parts.mixtures, host, photos);
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/** @param {import('../engine/protocol.js').Prediction[]} [known]  the answers to what the input shows now */
function changed(known) {
  version++;
  timing?.abort();
  clearTimeout(restTimer);
  clearTimeout(speakTimer);
  input.show();
  if (!input.blank) return void answer(known);
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
      const found = known ?? (await session.predict(asked, input.pixels.slice()));
      if (asked !== set()) continue; /* other models are shown now */
      if (input.blank) break;
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
  if (session) whatIf?.answered(predictions);
  showRoutes();
  document.documentElement.dataset.state = predictions ? 'live' : 'empty';
  if (!predictions || document.documentElement.dataset.firstPredictionMs) return;
  performance.mark('pmoe-first-prediction');
  const { duration } = performance.measure('pmoe-to-first-prediction', 'pmoe-start', 'pmoe-first-prediction');
  document.documentElement.dataset.firstPredictionMs = duration.toFixed(1);
  (window.requestIdleCallback ?? setTimeout)(() => {
    loadWhatIf().then(() => session && whatIf?.show());
    import('../elements/pad.js').catch(() => {}); /* whoever opens it asks again, and is told */
  });
}

function showRoutes() {
  mixtures?.show(predictions);
  const routed = session && routedModel(session);
  if (!routed) return;
  const found = predictions?.[set().models.indexOf(routed)];
  if (found?.experts) parts.routes.show(found, input.pixels);
  else parts.routes.showNothing(input.pixels);
}

/** The result stands, as far as is known: say it, and time it if it goes on standing. */
function settle() {
  parts.result.note(STRINGS.timingWaits);
  restTimer = window.setTimeout(measure, input.busy ? REST_DRAWING_MS : REST_MS);
  speakTimer = window.setTimeout(() => speak(sentence()), SPEAK_MS);
}

async function measure() {
  if (!session) return;
  const mine = (timing = new AbortController());
  parts.result.note(STRINGS.measuringNow);
  try {
    const { timings, clockStepUs } = await session.time(set(), input.pixels, mine.signal);
    if (mine.signal.aborted) return;
    const step = `${clockStepUs < 1 ? clockStepUs.toFixed(2) : count(clockStepUs)} ${STRINGS.microseconds}`;
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
  const routed = session && routedModel(session);
  const routes = (routed && predictions[set().models.indexOf(routed)].experts) ?? [];
  const took = routes.flatMap(({ picks }, e) => (picks.length ? [routes.length <= FEW_EXPERTS ? STRINGS.heardTook(letter(e), picks) : STRINGS.heardPair(letter(e), picks[0])] : []));
  const listedTook = routes.length <= FEW_EXPERTS || !took.length ? took : [STRINGS.heardMost(took)];
  return [whatIf?.spoken ?? '', ...said, ...listedTook, ...(mixtures?.heard(predictions) ?? [])].filter(Boolean).join(' ');
}

/** @param {string} text  once: the same sentence is not said again */
function speak(text) {
  if (parts.live.textContent !== text) parts.live.textContent = text;
}

/* ---- what a visitor does ------------------------------------------------------------------------------------------ */

/** @param {Blob} file */
async function usePicture(file) {
  if (!session) return;
  const { readPicture } = await import('./picture.js');
  await input.take(await readPicture(file));
}

/** @param {DataTransfer|null} data */
const firstFile = (data) => data?.files[0] ?? null;

function listen() {
  const [shuffleTool, clearTool, samplesTool, uploadTool, cameraTool] = parts.tools;
  cameraTool.hidden = !navigator.mediaDevices?.getUserMedia;
  on(shuffleTool, 'click', shuffle);
  on(clearTool, 'click', () => boards.clear());
  on(samplesTool, 'click', () => input.openSamples());
  on(uploadTool, 'click', () => parts.file.click());
  on(cameraTool, 'click', async () => {
    const { Camera } = await import('./camera.js');
    await (camera ??= new Camera(parts.overlays[2], host, usePicture)).open();
  });
  on(parts.file, 'change', async () => {
    const file = parts.file.files?.[0];
    parts.file.value = '';
    if (file) await usePicture(file);
  });
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
    if (!file) throw new Error(STRINGS.pasteNothing);
    return usePicture(file);
  });
  on(window, 'hashchange', onAddress);
}

async function onAddress() {
  const { state: next, problems } = readState(location.hash);
  state.seed = next.seed;
  if (next.wasm !== state.wasm || next.threads !== state.threads) await chooseEngine(next);
  if (next.set !== state.set || !session) await chooseSet(next);
  else {
    Object.assign(state, { index: next.index, model: next.model, l: next.l, off: next.off });
    await wantsWhatIf(next);
    showRouted();
    await input.load();
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
