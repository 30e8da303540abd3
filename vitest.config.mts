import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Tests import the package by its name, as users do, and run against the sources.
    alias: { sluice: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/native/**', '**/node_modules/**'],
    // The thread pool shares one process between test files: a crash in native code would take
    // every file with it, and thread teardown is itself under test.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
