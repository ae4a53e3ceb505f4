import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { describe, expect, onTestFinished, test, type TestContext } from 'vitest'
import { until } from '../house/loops.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { systems } from './index.ts'
import type { RunningSystem, System } from './system.ts'

const queue = 'test'
const timeout = 120_000

async function newFolder(system: System, context: TestContext): Promise<string> {
  const reason = await system.missing()
  if (reason !== undefined) notRun(context, { part: system.name, reason })
  const folder = await mkdtemp(join(tmpdir(), 'tidings-system-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

const messageOf = (number: number): Buffer => payloadOf({ producer: 0, number }, 1_000)

/** How often each number was seen until so many were. */
async function consumed(
  running: RunningSystem,
  count: number,
  subscription?: string,
): Promise<ReadonlyMap<number, number>> {
  const seen = new Map<number, number>()
  const consumer = await running.consume(queue, {
    ...(subscription !== undefined && { subscription }),
    window: 100,
    handle(message) {
      const { number } = identityOf(message)
      expect(Buffer.compare(message, messageOf(number)) === 0 || message.length === 1_000).toBe(true)
      seen.set(number, (seen.get(number) ?? 0) + 1)
    },
  })
  await until(() => seen.size >= count)
  await consumer.stop()
  return seen
}

const once = (from: number, to: number): ReadonlyMap<number, number> =>
  new Map(Array.from({ length: to - from }, (_, index) => [from + index, 1]))

function sorted(seen: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  return new Map([...seen].toSorted(([left], [right]) => left - right))
}

describe.each(systems)('$name', (system) => {
  test('hands out each message once, and keeps the rest until it is started again', { timeout }, async (context) => {
    const folder = await newFolder(system, context)
    const first = await system.start(folder)
    await first.create({ name: queue })
    await Promise.all(Array.from({ length: 300 }, (_, number) => first.publish(queue, messageOf(number))))
    expect(sorted(await consumed(first, 300))).toEqual(once(0, 300))
    for (let number = 300; number < 310; number++) await first.publish(queue, messageOf(number))
    await first.stop()
    const second = await system.start(folder)
    await second.create({ name: queue })
    expect(sorted(await consumed(second, 10))).toEqual(once(300, 310))
    await second.stop()
  })

  test(
    'publishes many in one call, gives each to every subscription, tries again what failed',
    { timeout },
    async (context) => {
      const folder = await newFolder(system, context)
      const running = await system.start(folder)
      await running.create({ name: queue, subscriptions: ['a', 'b'] })
      const messages = Array.from({ length: 50 }, (_, number) => messageOf(number))
      if (running.publishAll) await running.publishAll(queue, messages)
      else await Promise.all(messages.map((message) => running.publish(queue, message)))
      expect(sorted(await consumed(running, 50, 'a'))).toEqual(once(0, 50))
      let failures = 0
      const seen = new Set<number>()
      const consumer = await running.consume(queue, {
        subscription: 'b',
        window: 10,
        async handle(message) {
          if (identityOf(message).number === 7 && failures++ === 0) throw new Error('not yet')
          seen.add(identityOf(message).number)
        },
      })
      await until(() => seen.size === 50)
      await consumer.stop()
      await running.stop()
      expect(failures).toBe(2)
    },
  )
})
