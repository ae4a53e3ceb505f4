import { expect, test } from 'vitest'
import { engineConformance, runEngineCase } from '../../engine/conformance/index.ts'
import { postgresSubject } from './postgres.fixture.ts'

test.for(engineConformance)('the postgres engine: $name', async (engineCase, context) => {
  expect(await runEngineCase(engineCase, await postgresSubject(context))).toBeUndefined()
})
