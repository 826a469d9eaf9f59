import { defineConfig } from 'vitest/config';

const shared = {
  // Tests run from the sources, so that a failure points at them.
  resolve: { conditions: ['source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: [
            'scripts/*.test.mjs',
            '{protocol,relay}/src/**/*.test.ts',
            'packages/*/src/**/*.test.ts',
            'test/{simulator,bench,vectors,interop,fuzz,conformance}/src/**/*.test.ts',
          ],
          testTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          include: ['test/e2e/src/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
