/**
 * Which inputs the page can show and which models answer them: the one table that a new model is added to.
 * Everything else about a model (experts, patches, counts, classes, the size of its input) comes from its file.
 *
 * @typedef {object} ModelEntry
 * @property {string} id      also the name given to the engine
 * @property {string} file    under weights/
 * @property {string} label
 *
 * @typedef {object} InputSet
 * @property {'mosaic'|'mosaic10'|'mosaic64'|'cifar10'|'heads'|'vehicles'} id
 * @property {'board'|'photo'} kind
 * @property {string} label
 * @property {string} task    one sentence: what the networks look for
 * @property {{file: string, count: number}} [photos]  sheet of samples under weights/samples/, a column a class
 * @property {ModelEntry[]} models  of one input size; the first is the dense one that the others are measured against
 */

export const KINDS = [
  { id: 'board', label: 'Digits' },
  { id: 'photo', label: 'Photographs' },
];

/** @type {InputSet[]} the first of a kind is the one that the kind's button shows */
export const SETS = [
  {
    id: 'mosaic',
    kind: 'board',
    label: '0 or 1',
    task: 'One patch is a 0 or a 1, the others are digits from 2 to 9. The networks say which of the two it is.',
    models: [
      { id: 'cnn', file: 'mosaic-cnn.safetensors', label: 'CNN' },
      { id: 'separate', file: 'mosaic-separate.safetensors', label: 'pMoE separate' },
      { id: 'joint', file: 'mosaic-joint.safetensors', label: 'pMoE joint' },
    ],
  },
  {
    id: 'mosaic10',
    kind: 'board',
    label: '0 to 9',
    task: 'One patch is a true digit from 0 to 9, the others are digits with their quarters scrambled. The networks say which digit is the true one.',
    models: [
      { id: 'cnn10', file: 'mosaic10-cnn.safetensors', label: 'CNN' },
      { id: 'pmoe10', file: 'mosaic10-pmoe.safetensors', label: 'pMoE' },
    ],
  },
  {
    id: 'mosaic64',
    kind: 'board',
    label: '0 to 9, 64 patches',
    task: 'One patch is a true digit from 0 to 9, the others are digits with their quarters scrambled. The networks say which digit is the true one. Both learned from as many boards.',
    models: [
      { id: 'cnn64', file: 'board-cnn.safetensors', label: 'CNN' },
      { id: 'pmoe64', file: 'board-deep-pmoe.safetensors', label: 'pMoE' },
    ],
  },
  {
    id: 'cifar10',
    kind: 'photo',
    label: 'CIFAR-10',
    task: 'Airplane, automobile, bird, cat, deer, dog, frog, horse, ship or truck? The networks know these ten and name one of them, whatever the picture.',
    photos: { file: 'cifar10.png', count: 50 },
    models: [
      { id: 'wrn', file: 'cifar-wrn.safetensors', label: 'Wide ResNet' },
      { id: 'wrn-pmoe', file: 'cifar-wrn-pmoe.safetensors', label: 'WRN-pMoE' },
      { id: 'deep', file: 'cifar-deep-pmoe.safetensors', label: 'Deep pMoE' },
    ],
  },
  {
    id: 'heads',
    kind: 'photo',
    label: 'Heads with experts',
    task: 'The same ten classes, four small networks that differ in their last layers: one dense, and three that send a photograph to all of eight experts, to two or to one.',
    photos: { file: 'cifar10.png', count: 50 },
    models: [
      { id: 'dense', file: 'cifar-head-dense.safetensors', label: 'Dense head' },
      { id: 'soft', file: 'cifar-head-soft.safetensors', label: 'Soft' },
      { id: 'sparse', file: 'cifar-head-sparse.safetensors', label: 'Sparse' },
      { id: 'hard', file: 'cifar-head-hard.safetensors', label: 'Hard' },
    ],
  },
  {
    id: 'vehicles',
    kind: 'photo',
    label: 'Vehicles among animals',
    task: 'One quarter is an airplane, an automobile, a ship or a truck, the other three are animals. The networks name the vehicle; they learned from 4,000 such pictures alone.',
    photos: { file: 'vehicles.png', count: 20 },
    models: [
      { id: 'wrn-v', file: 'vehicles-wrn.safetensors', label: 'Wide ResNet' },
      { id: 'pmoe-v', file: 'vehicles-wrn-pmoe.safetensors', label: 'WRN-pMoE' },
    ],
  },
];

/** @param {string} id */
export function findSet(id) {
  const found = SETS.find((set) => set.id === id);
  if (!found) throw new Error(`no set is called ${id}`);
  return found;
}

/** @param {string} kind */
export function firstOf(kind) {
  const found = SETS.find((set) => set.kind === kind);
  if (!found) throw new Error(`no set is of the kind ${kind}`);
  return found;
}

const base = new URL('../../', import.meta.url);

export const URLS = {
  worker: new URL('build/wasm/worker.js', base),
  wasm: new URL('build/wasm/', base).href,
  images: new URL('weights/samples/digits-images-idx3-ubyte', base).href,
  labels: new URL('weights/samples/digits-labels-idx1-ubyte', base).href,
  /** @param {InputSet} set  of photographs */
  sheet: (set) => new URL(`weights/samples/${set.photos?.file}`, base).href,
  /** @param {ModelEntry} model */
  weights: (model) => new URL(`weights/${model.file}`, base).href,
};
