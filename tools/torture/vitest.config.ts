import { defineConfig } from 'vitest/config'

const source = ['tidings-source', 'node', 'import', 'module', 'default']

/** One file after the other: each may want the whole machine. */
export default defineConfig({
  root: '../..',
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    include: ['{packages,examples}/**/*.torture.ts'],
    fileParallelism: false,
    testTimeout: 0,
    hookTimeout: 0,
    disableConsoleIntercept: true,
  },
})
