/**
 * A layer list as calls of TensorFlow.js, written as one would by hand for speed: batch norms folded into convolutions,
 * biases and ReLUs fused with them, weights laid out once, experts of one layer in one batched product.
 *
 * Leaves out what no network of the comparison has: mixtures, gates on inputs, patches of zeros.
 *
 * @typedef {import('./weights.js').Graph} Graph
 * @typedef {import('./weights.js').Layer} Layer
 * @typedef {import('./weights.js').Tensor} Tensor
 * @typedef {any} Value  a tf.Tensor
 * @typedef {Map<string, Value>} Values  by the layer that gave it
 */

/** [filters][channels][p][p] as [p][p][channels][filters]. @param {Tensor} tensor @returns {Tensor} */
function toChannelsLast({ shape: [filters, channels, high, wide], values }) {
  const moved = new Float32Array(values.length);
  let from = 0;
  for (let f = 0; f < filters; f++)
    for (let c = 0; c < channels; c++)
      for (let at = 0; at < high * wide; at++) moved[(at * channels + c) * filters + f] = values[from++];
  return { shape: [high, wide, channels, filters], values: moved };
}

/** @param {Tensor} tensor @returns {Tensor} */
function transposed({ shape: [rows, columns], values }) {
  const moved = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
  return { shape: [columns, rows], values: moved };
}

/** The part of one expert. @param {Tensor} tensor @param {number} expert @returns {Tensor} */
function partOf({ shape: [experts, ...shape], values }, expert) {
  const count = values.length / experts;
  return { shape, values: values.slice(expert * count, (expert + 1) * count) };
}

class Builder {
  /** @param {any} tf @param {Map<string, Tensor>} tensors */
  constructor(tf, tensors) {
    this.tf = tf;
    this.tensors = tensors;
  }

  /** @param {Tensor} tensor @param {number[]} [shape] */
  constant({ shape, values }, shape_ = shape) {
    return this.tf.keep(this.tf.tensor(values, shape_, 'float32'));
  }

  /**
   * A layer list, or a stack of one expert, as a function of what it reads.
   * @param {Layer[]} list @param {{of?: string, expert?: number}} [place]
   * @returns {(given: Value) => Value}
   */
  compile(list, { of, expert } = {}) {
    const { tf } = this;
    const ids = list.map((layer, i) => layer.name ?? `#${i}`);
    const inputs = list.map((layer, i) => layer.input ?? (i ? ids[i - 1] : 'image'));
    const readers = (/** @type {string} */ id) => list.flatMap((layer, i) => ([inputs[i], layer.with, layer.router].includes(id) ? [i] : []));
    /** @param {Layer} layer @param {string} part @returns {Tensor | undefined} */
    const tensor = (layer, part) => {
      const found = this.tensors.get([of, layer.name, part].filter(Boolean).join('.'));
      return found && expert !== undefined ? partOf(found, expert) : found;
    };
    const must = (/** @type {Layer} */ layer, /** @type {string} */ part) => /** @type {Tensor} */ (tensor(layer, part));
    /** @type {Set<number>} */
    const done = new Set(); // by the layer before
    /** @type {[string, (values: Values) => Value][]} */
    const steps = [];

    /** Weights and bias of layer i with a batch norm after it folded in, a ReLU after that, and whose output it is. @param {number} i */
    const fused = (i) => {
      const layer = list[i];
      const isMatrix = layer.type === 'linear';
      const weight = isMatrix ? transposed(must(layer, 'weight')) : toChannelsLast(must(layer, 'weight'));
      const outputs = /** @type {number} */ (weight.shape.at(-1));
      const bias = tensor(layer, 'bias') ?? { shape: [outputs], values: new Float32Array(outputs) };
      let [at, activation] = [i, /** @type {string | undefined} */ (undefined)];
      let next = readers(ids[at]);
      if (next.length === 1 && list[next[0]].type === 'batch_norm') {
        at = next[0];
        done.add(at);
        const [gain, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => must(list[at], part).values);
        const scale = gain.map((value, c) => value / Math.sqrt(variance[c] + (list[at].epsilon ?? 1e-5)));
        weight.values = weight.values.map((value, j) => value * scale[j % outputs]);
        bias.values = bias.values.map((value, c) => (value - mean[c]) * scale[c] + shift[c]);
        next = readers(ids[at]);
      }
      if (next.length === 1 && list[next[0]].type === 'relu') {
        at = next[0];
        done.add(at);
        activation = 'relu';
      }
      return { weight, bias: this.constant(bias), activation, id: ids[at] };
    };

    list.forEach((layer, i) => {
      if (done.has(i)) return;
      const read = (/** @type {Values} */ values, id = inputs[i]) => values.get(id === 'patch' ? 'image' : id);
      switch (layer.type) {
        case 'conv':
        case 'patch_conv': {
          const { weight, bias, activation, id } = fused(i);
          const filter = this.constant(weight);
          const strides = layer.patch ?? layer.stride ?? 1;
          const p = layer.padding ?? 0;
          const pad = p ? [[0, 0], [p, p], [p, p], [0, 0]] : 'valid';
          steps.push([id, (values) => tf.fused.conv2d({ x: read(values), filter, strides, pad, bias, activation })]);
          break;
        }
        case 'linear': {
          const { weight, bias, activation, id } = fused(i);
          const b = this.constant(weight);
          steps.push([id, (values) => tf.fused.matMul({ a: tf.reshape(read(values), [-1, weight.shape[0]]), b, bias, activation })]);
          break;
        }
        case 'batch_norm': {
          const parts = ['running_mean', 'running_var', 'bias', 'weight'].map((part) => this.constant(must(layer, part)));
          steps.push([ids[i], (values) => tf.batchNorm(read(values), ...parts, layer.epsilon ?? 1e-5)]);
          break;
        }
        case 'relu':
          steps.push([ids[i], (values) => tf.relu(read(values))]);
          break;
        case 'add':
          steps.push([ids[i], (values) => tf.add(read(values), read(values, layer.with))]);
          break;
        case 'avg_pool': {
          const group = list.find((other, j) => other.type === 'expert_group' && ids[j] === inputs[i]);
          steps.push([ids[i], (values) => (group ? this.pool(group, layer.divisor, read(values)) : tf.mean(read(values), [1, 2]))]);
          break;
        }
        case 'patch_router': {
          const filter = this.constant(toChannelsLast(must(layer, 'weight')));
          steps.push([ids[i], (values) => this.scores(tf.conv2d(read(values), filter, layer.patch, 'valid'))]);
          break;
        }
        case 'expert_group': {
          const run = this.group(layer, /** @type {Layer} */ (list.find((_, j) => ids[j] === layer.router)).patch);
          steps.push([ids[i], (values) => run(read(values), read(values, layer.router))]);
          break;
        }
        default:
          throw new Error(`tfjs: layers of type ${layer.type} are left out`);
      }
    });
    return (given) => {
      /** @type {Values} */
      const values = new Map([['image', given]]);
      for (const [id, step] of steps) values.set(id, step(values));
      return values.get(steps[steps.length - 1][0]);
    };
  }

  /** [N][high][wide][k] as [N][k][n]. @param {Value} map */
  scores(map) {
    const [, high, wide, experts] = map.shape;
    return this.tf.transpose(this.tf.reshape(map, [-1, high * wide, experts]), [0, 2, 1]);
  }

  /** Experts on the kept patches, [N][k][l][c], times gates. @param {Layer} layer @param {number} patch */
  group(layer, patch) {
    const { tf } = this;
    if ((layer.gated ?? 'output') !== 'output' || (layer.dropped ?? 'absent') !== 'absent')
      throw new Error('tfjs: gates on inputs and patches of zeros are left out');
    const experts = this.experts(layer, patch);
    return (/** @type {Value} */ map, /** @type {Value} */ scores) => {
      const [images, high, wide, channels] = map.shape;
      const [, k, n] = scores.shape;
      const cut = tf.reshape(map, [-1, high / patch, patch, wide / patch, patch, channels]);
      const patches = tf.reshape(tf.transpose(cut, [0, 1, 3, 2, 4, 5]), [images, n, patch * patch * channels]);
      const { values: top, indices } = tf.topk(scores, layer.kept);
      const kept = tf.gather(patches, tf.reshape(indices, [images, k * layer.kept]), 1, 1);
      const made = experts(tf.reshape(kept, [images, k, layer.kept, patch * patch * channels]), channels);
      if (layer.gate === 'hard') return made;
      if (layer.gate !== 'topl_softmax') throw new Error(`tfjs: gates of the form ${layer.gate} are left out`);
      return tf.mul(made, tf.expandDims(tf.softmax(top), -1));
    };
  }

  /** @param {Layer} layer @param {number} patch @returns {(kept: Value, channels: number) => Value} [N][k][l][D] to [N][k][l][c] */
  experts(layer, patch) {
    const { tf } = this;
    const [first, second] = layer.expert;
    const name = [layer.name, first.name].filter(Boolean).join('.');
    const whole = first.type === 'patch_conv' && first.patch === patch && !first.bias;
    if (whole && (layer.expert.length === 1 || (layer.expert.length === 2 && second.type === 'relu'))) {
      const weight = /** @type {Tensor} */ (this.tensors.get(`${name}.weight`));
      const [k, filters] = weight.shape;
      const parts = Array.from({ length: k }, (_, e) => toChannelsLast(partOf(weight, e)).values);
      const matrices = this.constant({ shape: [1, k, weight.values.length / (k * filters), filters], values: Float32Array.from(parts.flatMap((part) => [...part])) });
      return (kept) => {
        const made = tf.matMul(kept, matrices);
        return second ? tf.relu(made) : made;
      };
    }
    const k = /** @type {Tensor} */ (this.tensors.get(`${name}.weight`)).shape[0];
    const stacks = Array.from({ length: k }, (_, expert) => this.compile(layer.expert, { of: layer.name, expert }));
    return (kept, channels) => {
      const [images, , l] = kept.shape;
      const outputs = tf.split(kept, k, 1).map((/** @type {Value} */ part, /** @type {number} */ e) => {
        const made = stacks[e](tf.reshape(part, [-1, patch, patch, channels]));
        return tf.reshape(made, [images, 1, l, -1]);
      });
      return tf.concat(outputs, 1);
    };
  }

  /** @param {Layer} group @param {string} divisor @param {Value} made */
  pool(group, divisor, made) {
    const { tf } = this;
    if (divisor !== 'l') throw new Error('tfjs: pools that divide by n are left out');
    return tf.reshape(tf.mean(made, 2), [made.shape[0], -1]);
  }
}

/** @param {any} tf @param {Graph} graph @param {Map<string, Tensor>} tensors @returns {(images: Value) => Value} NHWC to logits */
export function build(tf, graph, tensors) {
  return new Builder(tf, tensors).compile(graph.layers);
}
