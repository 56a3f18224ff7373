/** The same tests of the program built with address, leak and undefined-behaviour checks (`make test` builds it). */
process.env.PMOE ??= 'build/sanitize/bin/pmoe';
process.env.ASAN_OPTIONS ??= 'detect_leaks=1:allocator_may_return_null=1';
await import('./cli.test.mjs');
await import('./what_if.test.mjs');
await import('./int8.test.mjs');
