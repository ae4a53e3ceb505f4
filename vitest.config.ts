import { configDefaults, defineConfig } from 'vitest/config'

const source = ['tidings-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    include: ['{packages,examples,tools,benchmarks}/**/*.test.ts'],
    // Those go on until their time is over: `npm run torture`.
    exclude: [...configDefaults.exclude, '**/*.torture.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
