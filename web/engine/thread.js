/** A thread of the engine: runs its module on its memory and stays in its pool.  Says '' on arrival, or why it fails. */
self.onmessage = async ({ data: { module, memory, pool, number, stack } }) => {
  try {
    /** @type {any} */
    const { exports } = await WebAssembly.instantiate(/** @type {any} */ (module), { env: { memory, pmoe_now_ns: () => 0 } });
    exports.__stack_pointer.value = stack;
    postMessage('');
    try {
      exports.pool_serve(pool, number);
    } catch {
      exports.pool_lose(pool); // it trapped in a task: nobody must wait for it
    }
  } catch (error) {
    postMessage(String(error));
  }
};
