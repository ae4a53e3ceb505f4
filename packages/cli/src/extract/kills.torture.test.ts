import { playRounds } from '@tidings/tools/torture-rounds'
import { onTestFinished, test } from 'vitest'
import { openBench } from '../command.fixture.ts'
import { playExtraction } from './extract.fixture.ts'

test('a table that is taken out of its database, with kills of everything', async (context) => {
  const bench = await openBench()
  onTestFinished(() => bench[Symbol.asyncDispose]())
  await playRounds('Extraction', (seed) => playExtraction(bench, context, seed))
})
