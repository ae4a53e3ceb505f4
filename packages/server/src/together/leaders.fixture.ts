import { setTimeout as pause } from 'node:timers/promises'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { connect } from 'tidings'
import { mulberry32 } from 'tidings/testing'
import { expect } from 'vitest'
import { caller, Crew, expectKept, subscription, topic } from '../crew.fixture.ts'
import { readAll, startProcess, untilAnswered, type RunningProcess } from '../kill.fixture.ts'

const ticks = 'load.tick'
const serverCount = 3

/** The built server in a process of its own; it says where it listens, and then each time whether it leads. */
const program = `
  import { startServer } from '@tidings/server'
  const [engine, port] = process.argv.slice(1)
  const say = ({ state }) => console.log(state)
  const server = await startServer({ engine, port: Number(port), onStanding: say })
  console.log(server.url)
  say(server.standing)
  process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)))
`

/**
 * What becomes of the leader: it is killed and comes back when another one leads; it is killed and comes back at once; it
 * stands still for longer than the others wait; it stops in good order.
 */
export type Turn = 'killed' | 'restarted' | 'paused' | 'stopped'

const pausedMs = 15_000

class Servers {
  readonly #engine: string
  readonly #running: RunningProcess[] = []

  constructor(engine: string) {
    this.#engine = engine
  }

  get urls(): readonly string[] {
    return this.#running.map(({ line }) => line)
  }

  async start(): Promise<void> {
    for (let index = 0; index < serverCount; index++) this.#running.push(await startProcess(program, this.#engine, '0'))
  }

  /** The one that says last that it leads. */
  async leader(except?: number): Promise<number> {
    for (;;) {
      const found = this.#running.findIndex((each, index) => index !== except && each.lines.at(-1) === 'leads')
      if (found !== -1) return found
      await pause(5)
    }
  }

  /** Resolves when another one leads, or the same again. */
  async play(turn: Turn): Promise<void> {
    const index = await this.leader()
    const leader = this.#running[index]!
    if (turn === 'paused') {
      leader.signal('SIGSTOP')
      await pause(pausedMs)
      await this.leader(index)
      leader.signal('SIGCONT')
      while (leader.lines.at(-1) !== 'stands-by') await pause(5)
      return
    }
    if (turn === 'stopped') {
      leader.signal('SIGTERM')
      await leader.ended
    } else await leader.kill()
    if (turn !== 'restarted') await this.leader(index)
    this.#running[index] = await startProcess(program, this.#engine, new URL(leader.line).port)
    await this.leader()
  }

  async kill(): Promise<void> {
    for (const each of this.#running) each.signal('SIGCONT')
    await Promise.all(this.#running.map((each) => each.kill()))
  }
}

/**
 * Three servers on one store, with publishers and consumers at each of them, and one thing after the other that becomes of
 * the leader. Everything that was acknowledged is there, once and in order; nothing comes again after its settle was
 * answered; a schedule publishes each second once.
 */
export async function playLeaders(engine: string, seed: number, turns: readonly Turn[]): Promise<RoundFigures> {
  const random = mulberry32(seed)
  const servers = new Servers(engine)
  let crew: Crew | undefined
  const handedOverMs: number[] = []
  try {
    await servers.start()
    const broker = connect(servers.urls.at(-1)!, { WebSocket: null })
    for (const each of [topic, ticks]) await broker.putTopic(caller, { topic: each, kind: 'event', owner: 'load' })
    await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
    const schedule = { schedule: 'load.every-second', topic: ticks, expression: '* * * * * *', catchUp: 'all' } as const
    await broker.putSchedule(caller, { ...schedule, event: { type: ticks } })
    crew = new Crew(...servers.urls)
    await crew.start()
    for (const turn of turns) {
      await crew.progress()
      await pause(random() * 1_000)
      const at = performance.now()
      await servers.play(turn)
      await crew.progress()
      handedOverMs.push(performance.now() - at)
    }
    await crew.stopProducers()
    while ((await untilAnswered(() => broker.stats(caller, subscription))).pending > 0) await pause(20)
    await crew.stopConsumers()
    const stored = await readAll(broker, caller, topic)
    expectKept(crew, stored)
    const seconds = expectEachSecondOnce(await readAll(broker, caller, ticks))
    return {
      counts: {
        turns: turns.length,
        stored: stored.length,
        acknowledged: crew.acknowledged.reduce((sum, told) => sum + told, 0),
        'due times': seconds,
        lost: 0,
      },
      timesMs: { 'under way again': handedOverMs },
    }
  } finally {
    await crew?.kill()
    await servers.kill()
  }
}

function expectEachSecondOnce(ids: readonly string[]): number {
  const seconds = ids.map((id) => Date.parse(id) / 1_000)
  expect(seconds.length).toBeGreaterThan(5)
  expect(seconds).toEqual(seconds.map((_, index) => seconds[0]! + index))
  return seconds.length
}
