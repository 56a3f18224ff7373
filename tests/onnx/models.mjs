/**
 * Small models of every type of layer, for comparing runtimes: layer lists, and weights made for them.
 *
 * Weights are scaled by what they sum over, so that activations neither vanish nor explode and a gate is neither uniform
 * nor one-hot.
 */
import { modelFile } from '../cli/model_file.mjs';

/** @typedef {{a: number, b: number, c: number}} Shape  height, width, channels */
/** @typedef {{name?: string, type: string, [key: string]: any}} Layer */
/** @typedef {{name: string, shape: number[], fill: (index: number) => number}} Tensor */

/** Numbers in [-1, 1) that depend on the seed alone. @param {number} seed */
export function uniform(seed) {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  const next = () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 31 - 1;
  };
  for (let i = 0; i < 8; i++) next();
  return next;
}

/**
 * The tensors of a layer list and the shape that its last layer gives.
 * @param {Layer[]} layers @param {Shape} given @param {{of?: string, experts?: number[]}} [stack]
 * @returns {{tensors: Tensor[], last: Shape}}
 */
function tensorsOf(layers, given, { of = '', experts = [] } = {}) {
  /** @type {Map<string, Shape>} */
  const shapes = new Map([['image', given], ['patch', given]]);
  /** @type {Map<string, Layer>} */
  const known = new Map();
  /** @type {Tensor[]} */
  const tensors = [];
  let last = given;
  for (const layer of layers) {
    const input = layer.input ? /** @type {Shape} */ (shapes.get(layer.input)) : last;
    const name = [of, layer.name].filter(Boolean).join('.');
    /** @param {string} part @param {number[]} shape @param {number} scale @param {number} [offset] */
    const add = (part, shape, scale, offset = 0) => {
      const random = uniform(tensors.length + 7 * name.length + shape.length);
      tensors.push({ name: `${name}.${part}`, shape: [...experts, ...shape], fill: () => offset + scale * random() });
    };
    /** @param {number} outputs @param {number} kernel */
    const weigh = (outputs, kernel) => {
      const fan = input.c * kernel * kernel;
      const isMatrix = layer.type === 'linear' || layer.type === 'sample_router';
      add('weight', isMatrix ? [outputs, fan] : [outputs, input.c, kernel, kernel], Math.sqrt(6 / fan));
      if (layer.bias) add('bias', [outputs], 0.5);
    };
    let shape = input;
    switch (layer.type) {
      case 'conv': {
        const { kernel, stride = 1, padding = 0, filters } = layer;
        const side = (/** @type {number} */ n) => Math.floor((n + 2 * padding - kernel) / stride) + 1;
        weigh(filters, kernel);
        shape = { a: side(input.a), b: side(input.b), c: filters };
        break;
      }
      case 'patch_conv':
        weigh(layer.filters, layer.patch);
        shape = { a: input.a / layer.patch, b: input.b / layer.patch, c: layer.filters };
        break;
      case 'linear':
        weigh(layer.outputs, 1);
        shape = { a: 1, b: 1, c: layer.outputs };
        break;
      case 'batch_norm':
        add('weight', [input.c], 0.5, 1);
        add('bias', [input.c], 0.5);
        add('running_mean', [input.c], 0.5);
        add('running_var', [input.c], 0.5, 1);
        break;
      case 'patch_router':
        weigh(layer.experts, layer.patch);
        break;
      case 'sample_router':
        weigh(layer.experts, 1);
        break;
      case 'expert_group':
      case 'mixture': {
        const router = /** @type {Layer} */ (known.get(layer.router));
        const inside = layer.type === 'mixture' ? input : { a: router.patch, b: router.patch, c: input.c };
        const inner = tensorsOf(layer.expert, inside, { of: layer.name, experts: [router.experts] });
        tensors.push(...inner.tensors);
        shape = { a: 1, b: 1, c: layer.type === 'mixture' ? inner.last.c : inner.last.c * router.experts };
        break;
      }
      case 'avg_pool':
      case 'max_pool':
        shape = { a: 1, b: 1, c: input.c };
        break;
    }
    if (layer.name) {
      shapes.set(layer.name, shape);
      known.set(layer.name, layer);
    }
    if (!layer.type.endsWith('router')) last = shape;
  }
  return { tensors, last };
}

/**
 * @param {string} name @param {[number, number, number]} size height, width, channels @param {Layer[]} layers
 * @returns {{name: string, size: [number, number, number], file: Buffer}}
 */
export function model(name, size, layers) {
  const [height, width, channels] = size;
  const { tensors, last } = tensorsOf(layers, { a: height, b: width, c: channels });
  const graph = {
    version: 1,
    name,
    input: { height, width, channels },
    classes: Array.from({ length: last.c }, (_, i) => String(i)),
    layers,
  };
  return { name, size, file: modelFile(graph, tensors) };
}

// ---- Layers outside of experts ----

const dense = [
  model('peaks', [11, 9, 3], [
    { name: 'stem', type: 'conv', kernel: 3, stride: 2, padding: 1, filters: 7, bias: true },
    { name: 'pool', type: 'max_pool' },
    { name: 'out', type: 'linear', outputs: 4 },
  ]),
  model('residual', [13, 10, 3], [
    { name: 'stem', type: 'conv', kernel: 3, padding: 1, filters: 12, bias: true },
    { name: 'n1', type: 'batch_norm' },
    { name: 'r1', type: 'relu' },
    { name: 'a', type: 'conv', kernel: 3, stride: 2, padding: 1, filters: 20 },
    { name: 'n2', type: 'batch_norm', epsilon: 0.001 },
    { name: 'r2', type: 'relu' },
    { name: 'b', type: 'conv', kernel: 3, padding: 1, filters: 20, bias: true },
    { name: 'skip', type: 'conv', input: 'r1', kernel: 1, stride: 2, filters: 20 },
    { name: 'sum', type: 'add', input: 'b', with: 'skip' },
    { name: 'wide', type: 'conv', kernel: 5, padding: 2, filters: 7 },
    { name: 'twice', type: 'add', with: 'wide' },
    { name: 'r3', type: 'relu' },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 5, bias: true },
  ]),
  model('one-pixel-maps', [6, 6, 2], [
    { name: 'whole', type: 'conv', kernel: 6, filters: 9, bias: true },
    { name: 'norm', type: 'batch_norm' },
    { name: 'one', type: 'conv', kernel: 1, filters: 8 },
    { name: 'padded', type: 'conv', kernel: 3, padding: 1, filters: 8, bias: true },
    { name: 'sum', type: 'add', with: 'one' },
    { name: 'relu', type: 'relu' },
    { name: 'pool', type: 'avg_pool', divisor: 'l' },
    { name: 'vector', type: 'batch_norm' },
    { name: 'out', type: 'linear', outputs: 3 },
  ]),
  model('one-pixel-image', [1, 1, 30], [
    { name: 'norm', type: 'batch_norm' },
    { name: 'hidden', type: 'linear', outputs: 12, bias: true },
    { name: 'relu', type: 'relu' },
    { name: 'logits', type: 'linear', outputs: 12 },
    { name: 'sum', type: 'add', with: 'hidden' },
  ]),
  model('patches', [12, 8, 3], [
    { name: 'cut', type: 'patch_conv', patch: 4, filters: 11, bias: true },
    { name: 'relu', type: 'relu' },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 2 },
  ]),
];

// ---- Experts on patches ----

/** @type {Record<string, Layer[]>} */
const stacks = {
  matrix: [{ type: 'patch_conv', patch: 4, filters: 3, bias: true }, { type: 'relu' }],
  plain: [{ type: 'patch_conv', patch: 4, filters: 3 }],
  convs: [
    { name: 'a', type: 'conv', kernel: 3, padding: 1, filters: 6, bias: true },
    { name: 'an', type: 'batch_norm' },
    { name: 'ar', type: 'relu' },
    { name: 'b', type: 'conv', kernel: 3, padding: 1, filters: 6 },
    { name: 'sum', type: 'add', with: 'ar' },
    { name: 'c', type: 'conv', kernel: 3, stride: 2, padding: 1, filters: 4 },
    { name: 'cr', type: 'relu' },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
  ],
  early: [
    { name: 'in', type: 'batch_norm' },
    { name: 'cut', type: 'patch_conv', patch: 2, filters: 5 },
    { name: 'to-one', type: 'conv', kernel: 2, filters: 4, bias: true },
    { name: 'relu', type: 'relu' },
  ],
};

/** @param {string} stack @param {object} group @param {string} divisor @returns {Layer[]} */
const routed = (stack, group, divisor) => [
  { name: 'stem', type: 'conv', kernel: 3, padding: 1, filters: 3, bias: true },
  { name: 'router', type: 'patch_router', input: 'stem', patch: 4, experts: 3 },
  { name: 'experts', type: 'expert_group', input: 'stem', router: 'router', expert: stacks[stack], ...group },
  { name: 'pool', type: 'avg_pool', divisor },
  { name: 'out', type: 'linear', outputs: 4, bias: true },
];

const groups = ['hard', 'topl_softmax', 'softmax_topl'].flatMap((gate) =>
  ['output', 'input'].flatMap((gated) =>
    ['absent', 'zeros'].flatMap((dropped) =>
      Object.keys(stacks).map((stack, i) => {
        const divisor = (i + gate.length) % 2 ? 'n' : 'l';
        const name = `${stack}-${gate}-${gated}-${dropped}-${divisor}`;
        return model(name, [16, 12, 2], routed(stack, { kept: 5, gate, gated, dropped }, divisor));
      }),
    ),
  ),
);

const others = [
  model('all-kept', [16, 12, 2], routed('convs', { kept: 12, gate: 'topl_softmax', dropped: 'zeros' }, 'n')),
  model('one-kept', [16, 12, 2], routed('matrix', { kept: 1, gate: 'softmax_topl' }, 'l')),
  model('pixels', [5, 3, 6], [
    { name: 'router', type: 'patch_router', patch: 1, experts: 2 },
    {
      name: 'experts', type: 'expert_group', input: 'image', router: 'router', kept: 4, gate: 'topl_softmax',
      expert: [{ type: 'linear', outputs: 3, bias: true }, { type: 'relu' }],
    },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 2 },
  ]),
  model('two-groups', [8, 8, 1], [
    { name: 'router', type: 'patch_router', input: 'image', patch: 2, experts: 2 },
    {
      name: 'first', type: 'expert_group', input: 'image', router: 'router', kept: 3, gate: 'hard',
      expert: [{ type: 'patch_conv', patch: 2, filters: 4 }, { type: 'relu' }],
    },
    { name: 'pool1', type: 'avg_pool', divisor: 'n' },
    {
      name: 'second', type: 'expert_group', input: 'image', router: 'router', kept: 5, gate: 'topl_softmax',
      expert: [{ type: 'conv', kernel: 2, filters: 4, bias: true }],
    },
    { name: 'pool2', type: 'avg_pool', divisor: 'l' },
    { name: 'sum', type: 'add', with: 'pool1' },
    { name: 'out', type: 'linear', outputs: 3 },
  ]),
];

/** Both experts' routers see the first channel only, so that patches of equal first channels tie. */
export const ties = (() => {
  const layers = [
    { name: 'router', type: 'patch_router', input: 'image', patch: 2, experts: 2 },
    {
      name: 'experts', type: 'expert_group', input: 'image', router: 'router', kept: 3, gate: 'hard',
      expert: [{ type: 'patch_conv', patch: 2, filters: 4 }],
    },
    { name: 'pool', type: 'avg_pool', divisor: 'n' },
    { name: 'out', type: 'linear', outputs: 3 },
  ];
  const size = /** @type {[number, number, number]} */ ([8, 8, 2]);
  const graph = { version: 1, name: 'ties', input: { height: 8, width: 8, channels: 2 }, classes: ['0', '1', '2'], layers };
  const { tensors } = tensorsOf(layers, { a: 8, b: 8, c: 2 });
  const fills = tensors.map((one) => (one.name === 'router.weight' ? { ...one, fill: (/** @type {number} */ i) => (i % 8 < 4 ? 1 : 0) } : one));
  return { name: 'ties', size, file: modelFile(graph, fills) };
})();

// ---- Experts on whole images ----

const heads = ['hard', 'topl_softmax', 'softmax_topl'].flatMap((gate) =>
  [1, 2, 5].map((kept) =>
    model(`head-${gate}-${kept}`, [6, 6, 3], [
      { name: 'stem', type: 'conv', kernel: 3, filters: 8, bias: true },
      { name: 'relu', type: 'relu' },
      { name: 'pool', type: 'avg_pool', divisor: 'n' },
      { name: 'gate', type: 'sample_router', experts: 5, bias: kept > 1, normalise: kept !== 1 },
      {
        name: 'head', type: 'mixture', input: 'pool', router: 'gate', kept, gate,
        expert: [
          { name: 'in', type: 'linear', outputs: 7, bias: true },
          { type: 'relu' },
          { name: 'norm', type: 'batch_norm' },
          { name: 'out', type: 'linear', outputs: 4 },
        ],
      },
    ]),
  ),
);

export const models = [...dense, ...groups, ...others, ...heads];
