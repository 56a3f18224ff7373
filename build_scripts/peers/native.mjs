/**
 * The native side of bench_peers.mjs: our library and onnxruntime-node in this process, called one after the other.
 *
 * Ours is an addon (addon.c), so both pay for a call from JavaScript; onnxruntime-node's also for the promise that its
 * interface is made of.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import ort from 'onnxruntime-node';
import { compare, measure } from './measure.js';
import { randomImages, readWeights, toPlanes } from './weights.js';

const pmoe = createRequire(import.meta.url)('../../build/peers/pmoe.node');

/** @param {string} path */
const fileOf = (path) => {
  const bytes = readFileSync(path);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
};

/** @param {string} path @param {Float32Array} images @param {number} batch @param {number} threads @param {string} name */
function ours(path, images, batch, threads, name) {
  const model = pmoe.open(new Uint8Array(fileOf(path)), batch, threads);
  const about = pmoe.describe(model);
  const logits = new Float32Array(batch * about.outputs);
  return {
    name,
    ...about,
    /** @param {number} calls */
    run(calls) {
      for (let i = 0; i < calls; i++) pmoe.forward(model, images, logits);
    },
    logits() {
      pmoe.forward(model, images, logits);
      return logits;
    },
    async close() {},
  };
}

/** @param {string} path @param {Float32Array} planes @param {number[]} dims @param {number} threads @param {string} name */
async function onnxRuntime(path, planes, dims, threads, name) {
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 });
  const call = () => session.run({ image: new ort.Tensor('float32', planes, dims) });
  return {
    name,
    /** @param {number} calls */
    async run(calls) {
      for (let i = 0; i < calls; i++) await call();
    },
    logits: async () => /** @type {Float32Array} */ ((await call()).logits.data),
    close: () => session.release(),
  };
}

/** As `compete` of worker.js. @param {any} args */
export async function compete({ weights, forms, also, batch, threads, seconds, restMs, tolerance }) {
  const { graph } = readWeights(fileOf(weights));
  const images = randomImages(graph, batch);
  const { height, width, channels } = graph.input;
  const first = ours(weights, images, batch, threads, 'pmoe');
  const contenders = [first];
  for (const [form, path] of Object.entries(forms))
    contenders.push(/** @type {any} */ (await onnxRuntime(path, toPlanes(graph, images), [batch, channels, height, width], threads, `onnxruntime-node${form}`)));
  const differences = await compare(contenders, tolerance);
  if (also) contenders.push(ours(also.weights, images, batch, threads, also.name));
  const samples = await measure(contenders, { seconds, restMs });
  for (const { close } of contenders) await close();
  return { samples, differences, skipped: [], multiplyAdds: first.multiplyAdds, isa: first.isa };
}
