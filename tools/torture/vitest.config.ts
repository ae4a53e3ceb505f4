import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** The packages of this repository from their sources; `import` is not among them, because Node takes it for `require` as well. */
const source = ['tidings-source', 'node', 'module', 'default']

/** One file after the other: each may want the whole machine. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    include: ['packages/**/*.torture.test.ts'],
    // For those that want a database.
    globalSetup: ['tools/testing/postgres-setup.ts'],
    fileParallelism: false,
    testTimeout: 0,
    hookTimeout: 0,
    disableConsoleIntercept: true,
  },
})
