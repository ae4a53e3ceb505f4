import { spawnSync } from 'node:child_process'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { notRun } from '@tidings/tools/not-run'
import { connect, consume } from 'tidings'
import type { Broker } from 'tidings/broker'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { serverProgram, startProcessWith } from './kill.fixture.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.order'
const hourSeconds = 3_600
const daySeconds = 24 * hourSeconds

/** The library that answers a process with another time; skips the test where it is not. */
export function clockLibrary(test: Parameters<typeof notRun>[0]): string {
  const { status, stdout } = spawnSync('faketime', ['-f', '+1d', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' })
  if (status === 0) return stdout.trim()
  return notRun(test, {
    part: 'faketime',
    reason: 'the clock of a process cannot be set here',
    help: 'apt-get install faketime',
  })
}

/**
 * A server in a process of its own, whose wall clock is set a day ahead, a day back, and to and fro, `turns` times. What
 * its clock has not reached is not handed out, what it has reached is, and events without a time always are.
 */
export async function playServerClock(library: string, { turns }: { readonly turns: number }): Promise<number> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-clock-'))
  const set = await clockFile(join(path, 'clock'))
  const server = await startProcessWith(
    {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: join(path, 'clock'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    serverProgram,
    join(path, 'store'),
    '0',
  )
  const broker = connect(server.line, { WebSocket })
  const handled = new Set<string>()
  const consumer = consume({
    broker,
    caller,
    subscription,
    handle: async ({ event }) => (handled.add(event.id), { action: 'ack' }),
  })
  try {
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
    consumer.start()
    for (let turn = 0; turn < turns; turn++) await playTurn({ turn, broker, handled, set })
    await consumer.stop()
    expect((await broker.stats(caller, subscription)).scheduled).toBe(turns)
    return handled.size
  } finally {
    await consumer.stop()
    await server.kill()
    await rm(path, { recursive: true })
  }
}

type SetClock = (seconds: number) => Promise<void>

/** A file that says by how much a clock is wrong. */
async function clockFile(file: string): Promise<SetClock> {
  const set: SetClock = async (seconds) => {
    // In one step: the process reads the file whenever it looks at the clock.
    await writeFile(`${file}.next`, `${seconds >= 0 ? '+' : ''}${seconds}`)
    await rename(`${file}.next`, file)
  }
  await set(0)
  return set
}

interface Turn {
  readonly turn: number
  readonly broker: Broker
  readonly handled: ReadonlySet<string>
  readonly set: SetClock
}

async function playTurn({ turn, broker, handled, set }: Turn): Promise<void> {
  const publish = async (name: string, inSeconds?: number): Promise<void> => {
    const deliverat = inSeconds === undefined ? undefined : new Date(Date.now() + inSeconds * 1_000).toISOString()
    const id = `${turn} ${name}`
    const event = { id, source: '/shop', type: topic, key: id, ...(deliverat && { extensions: { deliverat } }) }
    await broker.publish(caller, { topic, events: [{ event }] })
  }
  const isHandled = (name: string): boolean => handled.has(`${turn} ${name}`)
  const until = async (name: string): Promise<void> => {
    while (!isHandled(name)) await pause(10)
  }
  await publish('tomorrow', 23 * hourSeconds)
  await publish('next week', 7 * daySeconds)
  await publish('before')
  await until('before')
  expect(isHandled('tomorrow'), 'handed out before its time').toBe(false)
  await set(daySeconds)
  await until('tomorrow')
  await set(-daySeconds)
  await publish('soon', 1)
  for (let strobe = 0; strobe < 20; strobe++) {
    await set(strobe % 2 === 0 ? -daySeconds : -hourSeconds)
    await pause(20)
  }
  await publish('after')
  await until('after')
  expect(isHandled('soon'), 'handed out before its time').toBe(false)
  await set(0)
  await until('soon')
  expect(isHandled('next week'), 'handed out before its time').toBe(false)
}
