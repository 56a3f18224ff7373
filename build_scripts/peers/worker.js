/**
 * The browser's side of bench_peers.mjs: a classic worker (TensorFlow.js is a script) in which our engine, ONNX Runtime
 * Web and TensorFlow.js run the same model on the same images, one call of each at a time.
 *
 * All three take floats from JavaScript and give floats back in every call, as their users would have them do.  One
 * worker knows one number of threads, because runtimes fix it when they start.
 */
/** @type {any} */
const scope = self;
scope.onmessage = async ({ data: { op, args } }) => {
  try {
    scope.postMessage({ result: await operations[op](args) });
  } catch (error) {
    scope.postMessage({ error: error?.stack ?? String(error) });
  }
};

let base = '';
let threads = 1;
/** @type {any} */
let parts;
/** @type {{name: string, core: any, variant: string}[]} */
let engines = [];

/** @param {string} path */
const at = (path) => new URL(path, base).href;
/** @param {string} path */
const bytesOf = async (path) => (await fetch(at(path))).arrayBuffer();

async function startOurs() {
  const { Core } = await import(at('web/engine/core.js'));
  const { accepts } = await import(at('web/engine/features.js'));
  for (const plain of ['relaxed', 'simd']) {
    const variant = threads > 1 ? `${plain}-threads` : plain;
    if (!accepts(variant)) continue;
    const core = await Core.load(new Uint8Array(await bytesOf(`build/wasm/pmoe-${variant}.wasm`)), variant, threads > 1);
    const absent = threads > 1 ? await core.wasm.startThreads(threads - 1) : [];
    if (absent.length) throw new Error(`pmoe: ${absent[0]}`);
    engines.push({ name: engines.length ? `pmoe ${plain}` : 'pmoe', core, variant });
  }
}

async function startOnnxRuntime() {
  const ort = await import(at('node_modules/onnxruntime-web/dist/ort.wasm.min.mjs'));
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = at('node_modules/onnxruntime-web/dist/');
  ort.env.logLevel = 'error';
  return ort;
}

/** TensorFlow.js takes half of the processors, whatever is asked for; while it starts it is told of twice as many. */
async function startTensorFlow() {
  const folder = 'node_modules/@tensorflow/';
  scope.importScripts(...['core/dist/tf-core', 'backend-wasm/dist/tf-backend-wasm'].map((part) => at(`${folder}tfjs-${part}.min.js`)));
  const { tf } = scope;
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1);
  Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads, configurable: true });
  tf.wasm.setThreadsCount(threads);
  tf.wasm.setWasmPaths(at(`${folder}tfjs-backend-wasm/dist/`));
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs: its wasm backend does not start');
  await tf.ready();
  delete (/** @type {any} */ (navigator).hardwareConcurrency);
  if (threads > 1 && tf.wasm.getThreadsCount() !== threads) throw new Error(`tfjs: runs ${tf.wasm.getThreadsCount()} threads, expected ${threads}`);
  return tf;
}

/** @param {any} core @param {ArrayBuffer} file @param {Float32Array} images @param {number} batch @param {string} name */
function ours(core, file, images, batch, name) {
  const model = core.openModel(new Uint8Array(file));
  const opened = core.openBatch(model, batch);
  return {
    name,
    multiplyAdds: model.description.multiply_adds,
    run(/** @type {number} */ calls) {
      for (let i = 0; i < calls; i++) core.forward(opened, images);
    },
    logits: () => core.forward(opened, images),
    close() {
      core.closeBatch(opened);
      core.closeModel(model);
    },
  };
}

/** @param {ArrayBuffer} file @param {Float32Array} planes @param {number[]} dims @param {string} name */
async function onnxRuntime(file, planes, dims, name) {
  const { ort } = parts;
  const session = await ort.InferenceSession.create(new Uint8Array(file), { executionProviders: ['wasm'] });
  const call = () => session.run({ image: new ort.Tensor('float32', planes, dims) });
  return {
    name,
    async run(/** @type {number} */ calls) {
      for (let i = 0; i < calls; i++) await call();
    },
    logits: async () => (await call()).logits.data,
    close: () => session.release(),
  };
}

/** @param {any} weights @param {Float32Array} images @param {number} batch */
function tensorFlow({ graph, tensors }, images, batch) {
  const { tf } = parts;
  const { height, width, channels } = graph.input;
  tf.engine().startScope();
  const model = parts.build(tf, graph, tensors);
  const call = () => tf.tidy(() => model(tf.tensor4d(images, [batch, height, width, channels])).dataSync());
  return {
    name: 'tfjs-wasm',
    run(/** @type {number} */ calls) {
      for (let i = 0; i < calls; i++) call();
    },
    logits: call,
    close: () => tf.disposeVariables(),
  };
}

/** @type {Record<string, (args: any) => Promise<any>>} */
const operations = {
  async start(args) {
    ({ base, threads } = args);
    const [measure, weights, tfjs] = await Promise.all(['measure', 'weights', 'tfjs'].map((name) => import(at(`build_scripts/peers/${name}.js`))));
    await startOurs();
    parts = { ...measure, ...weights, ...tfjs, ort: await startOnnxRuntime(), tf: await startTensorFlow() };
    return {
      isolated: scope.crossOriginIsolated,
      userAgent: navigator.userAgent,
      variants: engines.map(({ variant }) => variant),
      pmoe: engines[0].core.wasm.layout.version,
      clockStepMs: parts.clockStep(),
    };
  },

  /** forms: suffix of a contender's name to its .onnx; also: another weights file of ours to time beside it */
  async compete({ weights, forms, also, batch, seconds, restMs, tolerance }) {
    const file = await bytesOf(weights);
    const read = parts.readWeights(file);
    const images = parts.randomImages(read.graph, batch);
    const { height, width, channels } = read.graph.input;
    const planes = parts.toPlanes(read.graph, images);
    const contenders = engines.map(({ core, name }) => ours(core, file, images, batch, name));
    for (const [form, onnx] of Object.entries(forms))
      contenders.push(await onnxRuntime(await bytesOf(onnx), planes, [batch, channels, height, width], `onnxruntime-web${form}`));
    const skipped = [];
    try {
      contenders.push(tensorFlow(read, images, batch));
    } catch (error) {
      skipped.push(error.message);
    }
    const differences = await parts.compare(contenders, tolerance);
    if (also) contenders.push(ours(engines[0].core, await bytesOf(also.weights), images, batch, also.name));
    const samples = await parts.measure(contenders, { seconds, restMs });
    for (const { close } of contenders) await close();
    return { samples, differences, skipped, multiplyAdds: contenders[0].multiplyAdds };
  },
};
