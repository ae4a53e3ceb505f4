import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

/** The packages of this repository from their sources; `import` is not among them, because Node takes it for `require` as well. */
const source = ['tidings-source', 'node', 'module', 'default']

export default defineConfig({
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    include: ['{packages,examples,tools,benchmarks}/**/*.test.ts'],
    // Those go on until their time is over: `npm run torture`.
    exclude: [...configDefaults.exclude, '**/*.torture.test.ts'],
    // One PostgreSQL server for all tests of a run, started when the first of them asks for it.
    globalSetup: ['tools/testing/postgres-setup.ts'],
    // Tests wait for timers, disks and processes more than they compute; two cores would get one worker by default.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
