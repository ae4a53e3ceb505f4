import { assert } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, eventLog, eventOf, topic } from './scene.ts'

const patienceMs = 2_000

export async function eventually(happened: () => boolean): Promise<boolean> {
  for (const until = Date.now() + patienceMs; Date.now() < until;) {
    if (happened()) return true
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return happened()
}

/** Hints: they may be lost now and then, but not always. */
export const logWatchCases: readonly EngineCase[] = [
  {
    name: 'watch() hints at an append, and the event is there',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      let found = 0
      const end = engine.log.watch(topic, () => {
        void engine.log.read(topic, { after: 0, limit: 10 }).then(({ records }) => (found = records.length))
      })
      await append(engine, eventOf('1'))
      assert(await eventually(() => found === 1), 'whoever reads at the hint finds the event')
      end()
    },
  },
  {
    name: 'watch() ends one listener and no other',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      let ended = 0
      let going = 0
      const listener = (): void => void (going += 1)
      const end = engine.log.watch(topic, () => (ended += 1))
      const endOne = engine.log.watch(topic, listener)
      const endOther = engine.log.watch(topic, listener)
      end()
      endOne()
      endOne()
      await append(engine, eventOf('1'))
      assert(await eventually(() => going > 0), 'the others are still told')
      assert(ended === 0, 'one that ended is not')
      endOther()
    },
  },
]
