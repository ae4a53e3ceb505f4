import { expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import { mulberry32 } from '../testing/index.ts'
import {
  caller,
  copyOf,
  createBench,
  customers,
  ids,
  mails,
  writeAndTell,
  type Bench,
  type ServiceProcess,
} from './bench.fixture.ts'

const writers = 25
const transactionsOfEach = 24
const keys = 12
const fewestRelays = 8

interface Committed {
  readonly turn: number
  readonly mails: readonly { readonly id: string; readonly key: string }[]
}

/** Damage to calls on their way, by chance: lost before or after the broker stored them, late, or never answered. */
function damageCalls(bench: Bench, random: () => number): () => void {
  const late: (() => void)[] = []
  const pause = (): Promise<void> => new Promise((resolve) => late.push(resolve))
  const lost = new TidingsError('unavailable', 'the connection was lost')
  bench.faults.publish = async (_, request) => {
    const chance = random()
    if (chance < 0.1) throw lost
    if (chance < 0.2) await pause()
    const answers = await bench.broker.publish(caller, request)
    if (chance > 0.9) throw lost
    if (chance > 0.8) await pause()
    return answers
  }
  return () => late.splice(0).forEach((goOn) => goOn())
}

/** Many writers at once; a fifth of their transactions changes its mind at the end. Answers what was committed. */
async function writeMuch(service: ServiceProcess, random: () => number): Promise<Committed[]> {
  const committed: Committed[] = []
  let turns = 0
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const writeOnce = async (writer: number, number: number): Promise<void> => {
    let done: Committed | undefined
    const key = (): string => `k${Math.floor(random() * keys)}`
    const told = Array.from({ length: Math.floor(random() * 4) }, (_, index) => ({
      id: `${writer}-${number}-${index}`,
      key: key(),
    }))
    const changed = Object.fromEntries(
      Array.from({ length: Math.floor(random() * 3) }, () => [key(), random() < 0.3 ? null : `${writer}-${number}`]),
    )
    const work = service.database.transaction(async (transaction) => {
      done = { turn: ++turns, mails: told }
      if (random() < 0.2) await turn()
      await writeAndTell(transaction, service, { customers: changed, mails: told })
      if (random() < 0.2) throw new Error('rolled back')
    })
    await work.then(
      () => committed.push(done!),
      (error: Error) => expect(error.message).toBe('rolled back'),
    )
  }
  const write = async (writer: number): Promise<void> => {
    for (let number = 0; number < transactionsOfEach; number++) {
      await writeOnce(writer, number)
      for (let turns = Math.floor(random() * 20); turns > 0; turns--) await turn()
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  return committed.toSorted((left, right) => left.turn - right.turn)
}

/** Relays that come and go: each is left in the middle of whatever it does, and may go on as if nothing had happened. */
async function relayMeanwhile(
  bench: Bench,
  random: () => number,
  isOver: () => boolean,
  goOn: () => void,
): Promise<void> {
  let started = 0
  while (!isOver() || started < fewestRelays) {
    const relay = await bench.process({ batchRows: 1 + Math.floor(random() * 20) })
    started += 1
    const rounds = 1 + Math.floor(random() * 6)
    for (let round = 0; round < rounds; round++) {
      void relay.outbox.tick().catch(() => undefined)
      await bench.environment.advance(Math.floor(random() * 2_000))
      if (random() < 0.3) goOn()
    }
  }
}

test.for([1, 2, 3, 4])(
  'many writers, rollbacks, relays that die and answers that are lost (seed %i): 0 missed, 0 phantom, 0 twice, in order',
  async (seed, context) => {
    const bench = await createBench(context, { seed })
    const random = mulberry32(seed)
    const goOn = damageCalls(bench, random)
    const service = await bench.process()
    let over = false
    const relaying = relayMeanwhile(bench, random, () => over, goOn)
    const committed = await writeMuch(service, random)
    over = true
    await relaying
    delete bench.faults.publish
    const last = await bench.process()
    for (let round = 0; (await last.outbox.stats()).pending > 0 && round < 1_000; round++) {
      await last.relay()
      await bench.environment.advance(1_000)
    }
    goOn()
    await bench.environment.advance(60_000)

    const published = await bench.published(mails)
    const told = committed.flatMap((transaction) => transaction.mails)
    expect(ids(published).toSorted()).toEqual(told.map(({ id }) => id).toSorted())
    const order = (events: readonly { id: string; key?: string }[], key: string): string[] =>
      events.filter((event) => event.key === key).map(({ id }) => id)
    for (let key = 0; key < keys; key++) {
      expect(
        order(
          published.map(({ event }) => event),
          `k${key}`,
        ),
      ).toEqual(order(told, `k${key}`))
    }
    await expectCopyLikeTable(bench, service)
    expect(bench.alarms.filter(({ alarm }) => alarm === 'restored' || alarm === 'held')).toEqual([])
    await bench.stop()
  },
)

async function expectCopyLikeTable(bench: Bench, service: ServiceProcess): Promise<void> {
  const rows = await service.database.query<{ id: string; name: string }>('select id, name from customers')
  expect(await copyOf(bench.broker)).toEqual(Object.fromEntries(rows.map(({ id, name }) => [id, name])))
  const next: Record<string, number> = {}
  for (const { event } of await bench.published(customers)) {
    next[event.key!] = (next[event.key!] ?? 0) + 1
    expect(Number(event.sequence), `the versions of ${event.key} come one by one`).toBe(next[event.key!])
  }
}
