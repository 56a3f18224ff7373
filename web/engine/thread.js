/**
 * A thread of the engine: a worker that runs its module on its memory and stays in its pool, asleep or at work, until it
 * is terminated.  Says '' when it is there, or why it cannot come.
 */
self.onmessage = async ({ data: { module, memory, pool, number, stack } }) => {
    try {
        const env = { memory, pmoe_now_ns: () => performance.now() * 1e6 };
        /** @type {any} */
        const { exports } = await WebAssembly.instantiate(/** @type {WebAssembly.Module} */ (module), { env });
        exports.__stack_pointer.value = stack;
        postMessage('');
        try {
            exports.pool_serve(pool, number);
        } catch {
            exports.pool_lose(pool); // a task trapped: nobody must wait for it
        }
    } catch (error) {
        postMessage(String(error));
    }
};
