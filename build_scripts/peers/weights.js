/**
 * A weights file as JavaScript sees it: layer list and tensors, unchecked, because pmoe wrote it; and random images.
 *
 * @typedef {{name?: string, type: string, [key: string]: any}} Layer
 * @typedef {{name: string, input: {height: number, width: number, channels: number}, classes: string[],
 *   layers: Layer[]}} Graph
 * @typedef {{shape: number[], values: Float32Array}} Tensor
 */

/** @param {ArrayBuffer} file @returns {{graph: Graph, tensors: Map<string, Tensor>}} */
export function readWeights(file) {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  /** @type {Map<string, Tensor>} */
  const tensors = new Map();
  for (const [name, about] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = about.data_offsets;
    tensors.set(name, { shape: about.shape, values: new Float32Array(file.slice(8 + length + from, 8 + length + to)) });
  }
  return { graph: JSON.parse(header.__metadata__['pmoe.model']), tensors };
}

/** Pixels from 0 to 1, the same on every host: [batch][height][width][channels]. @param {Graph} graph @param {number} batch */
export function randomImages({ input }, batch) {
  let state = 0x9e3779b9;
  return Float32Array.from({ length: batch * input.height * input.width * input.channels }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  });
}

/** The same images as runtimes for ONNX want them, [batch][channels][height][width]. @param {Graph} graph @param {Float32Array} images */
export function toPlanes({ input }, images) {
  const pixels = input.height * input.width;
  const planes = new Float32Array(images.length);
  for (let i = 0; i < images.length; i++) {
    const channel = i % input.channels;
    const at = Math.floor(i / input.channels);
    planes[(Math.floor(at / pixels) * input.channels + channel) * pixels + (at % pixels)] = images[i];
  }
  return planes;
}
