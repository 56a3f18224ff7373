/**
 * Small weights files made from scratch, so that the program is tested on files that it did not write itself.
 *
 * A safetensors file: 8 bytes little-endian header length, JSON header, floats.  Weights are pseudo-random unless
 * `fill` says otherwise.  Leaves out checksums, which are optional (pmoe.sha256).
 */

/** @typedef {{name: string, shape: number[], fill?: (index: number) => number}} Tensor */

/** Numbers in [-0.5, 0.5) that depend on the seed alone. @param {number} seed @returns {() => number} */
function generator(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32 - 0.5;
  };
}

/**
 * @param {object} graph the layer list
 * @param {Tensor[]} tensors
 * @param {Record<string, string>} [metadata] beside the layer list
 * @returns {Buffer}
 */
export function modelFile(graph, tensors, metadata = {}) {
  /** @type {Record<string, object>} */
  const header = { __metadata__: { 'pmoe.model': JSON.stringify(graph), ...metadata } };
  /** @type {Buffer[]} */
  const parts = [];
  let at = 0;
  tensors.forEach(({ name, shape, fill }, index) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const random = generator(index + 1);
    const values = Float32Array.from({ length: count }, (_, i) => (fill ? fill(i) : random() / 10));
    const bytes = Buffer.from(values.buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  });
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

const input = { height: 112, width: 112, channels: 1 };

/** A dense network of 8 filters. */
export function denseModel() {
  return modelFile(
    {
      version: 1,
      name: 'dense-8',
      input,
      classes: ['0', '1'],
      layers: [
        { name: 'conv', type: 'patch_conv', patch: 28, filters: 8 },
        { name: 'relu', type: 'relu' },
        { name: 'pool', type: 'avg_pool', divisor: 'n' },
        { name: 'out', type: 'linear', outputs: 1 },
      ],
    },
    [
      { name: 'conv.weight', shape: [8, 1, 28, 28] },
      { name: 'out.weight', shape: [1, 8] },
    ],
  );
}

/**
 * Two experts of 4 filters that keep 3 patches each.  The first router adds up a patch's pixels, the second subtracts
 * them, so that anyone can say what they must pick.
 * @param {{classes?: number, metadata?: Record<string, string>}} [options]
 */
export function routedModel({ classes = 2, metadata = {} } = {}) {
  const outputs = classes === 2 ? 1 : classes;
  return modelFile(
    {
      version: 1,
      name: 'routed-8',
      input,
      classes: Array.from({ length: classes }, (_, i) => String(i)),
      layers: [
        { name: 'router', type: 'patch_router', input: 'image', patch: 28, experts: 2 },
        {
          name: 'experts',
          type: 'expert_group',
          input: 'image',
          router: 'router',
          kept: 3,
          gate: 'topl_softmax',
          expert: [{ type: 'patch_conv', patch: 28, filters: 4 }, { type: 'relu' }],
        },
        { name: 'pool', type: 'avg_pool', divisor: 'n' },
        { name: 'out', type: 'linear', outputs },
      ],
    },
    [
      { name: 'experts.weight', shape: [2, 4, 1, 28, 28] },
      { name: 'out.weight', shape: [outputs, 8] },
      { name: 'router.weight', shape: [2, 1, 28, 28], fill: (i) => (i < 784 ? 1 : -1) },
    ],
    metadata,
  );
}
