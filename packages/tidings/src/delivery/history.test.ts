import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../testing/index.ts'
import type { Entry } from './entry.ts'
import { defaultRetryPolicy, graceMs, shardCounts, type DeliveryPolicy } from './index.ts'
import { Bench } from './machine.fixture.ts'

/**
 * Random histories of publishing, claiming, settling, crashing and passing time, checked against a plain model: which
 * events were settled for good, and who has which key.
 */
class History {
  readonly bench: Bench
  readonly #random: () => number
  readonly #hands = new Map<string, Entry[]>()
  readonly #acknowledged = new Set<number>()
  readonly #deadOnce = new Set<number>()
  #uncommitted = new Set<number>()
  #holders = 0

  constructor(seed: number, policy: DeliveryPolicy) {
    this.#random = mulberry32(seed)
    this.bench = new Bench(policy, this.#random)
  }

  step(): void {
    const action = this.#pick([
      'publish',
      'claim',
      'claim',
      'claim',
      'settle',
      'settle',
      'settle',
      'commit',
      'time',
      'holder',
      'crash',
      'redrive',
    ])
    if (action === 'publish') this.bench.publish(...Array.from({ length: 1 + this.#below(5) }, () => this.#key()))
    if (action === 'claim') this.#claim()
    if (action === 'settle') this.#settle()
    if (action === 'commit') this.#commit()
    if (action === 'time') this.bench.advance(this.#pick([1, 100, 2_000, 20_000]))
    if (action === 'holder') this.#changeHolder()
    if (action === 'crash' && this.#random() < 0.2) this.#crash()
    if (action === 'redrive')
      for (const offset of this.bench.machine.state.dead.keys()) this.bench.machine.redrive(offset)
    this.#check()
  }

  #key(): string | undefined {
    return this.#pick([undefined, 'a', 'b', 'c', 'd'])
  }

  #claim(): void {
    const pull = this.#random() < 0.3
    const holder = pull ? `pull${++this.#holders}` : this.#pick([...this.#hands.keys(), `stream${++this.#holders}`])
    if (pull) {
      this.#keep(holder, this.bench.claim(holder, 1 + this.#below(5), 10_000))
      return
    }
    if (!this.#hands.has(holder)) this.bench.machine.holders.present(holder, [])
    this.#keep(holder, this.bench.claim(holder, 1 + this.#below(10)))
  }

  #keep(holder: string, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { leaseMark } = JSON.parse(this.bench.ledger.get('state')!) as { leaseMark: number }
      require(entry.offset <= leaseMark, 'nothing above the committed lease mark is handed out')
      const before = entry.queue.entries.slice(0, entry.queue.entries.indexOf(entry))
      require(before.every((other) => other.lease?.holder === holder), 'a key has one holder, in order')
      require(!this.#acknowledged.has(entry.offset), 'what was settled for good does not come again')
    }
    this.#hands.set(holder, [...(this.#hands.get(holder) ?? []), ...entries])
  }

  #settle(): void {
    const holder = this.#pick([...this.#hands.keys()])
    const entry = holder === undefined ? undefined : this.#pick(this.#hands.get(holder)!)
    if (!entry) return
    const action = this.#pick(['ack', 'ack', 'ack', 'retry', 'dead-letter', 'wait', 'release'] as const)
    const before = entry.queue.entries.slice(0, Math.max(0, entry.queue.entries.indexOf(entry)))
    const status = this.bench.settle(entry, { action, reason: 'so it is' })
    const inOrder = action !== 'ack' || before.every((other) => other.state !== 'leased')
    require(status !== 'settled' || inOrder, `${entry.offset} is acknowledged in its turn`)
    if (status === 'settled' && action === 'ack') this.#uncommitted.add(entry.offset)
    if (status === 'settled' && action === 'dead-letter') this.#deadOnce.add(entry.offset)
    if (status !== 'lease-out-of-order')
      this.#hands.set(
        holder,
        this.#hands.get(holder)!.filter((other) => other !== entry),
      )
  }

  #commit(): void {
    this.bench.commit()
    for (const offset of this.#uncommitted) this.#acknowledged.add(offset)
    this.#uncommitted.clear()
  }

  #changeHolder(): void {
    const holder = this.#pick([...this.#hands.keys()].filter((name) => name.startsWith('stream')))
    if (holder === undefined) return
    const change = this.#pick(['close', 'abandon', 'back'])
    if (change === 'back') {
      const tokens = this.#hands
        .get(holder)!
        .filter((entry) => entry.lease?.holder === holder)
        .map((entry) => this.bench.token(entry))
      this.bench.machine.holders.present(holder, tokens)
      return
    }
    if (change === 'close') this.bench.machine.holders.detach(holder)
    else this.bench.machine.holders.abandon(holder, this.bench.now())
    this.#hands.delete(holder)
  }

  #crash(): void {
    // A commit that was under way may be durable although nobody heard of it.
    if (this.#random() < 0.5) this.#commit()
    const presented = [...this.#hands]
      .filter(([holder]) => holder.startsWith('stream') && this.#random() < 0.7)
      .map(([holder, entries]) => ({
        holder,
        tokens: entries.filter((entry) => entry.lease?.holder === holder).map((entry) => this.bench.token(entry)),
      }))
    this.#uncommitted = new Set()
    this.#hands.clear()
    this.bench.crash()
    for (const { holder, tokens } of presented) {
      this.bench.machine.holders.present(holder, tokens)
      const kept = [...this.bench.machine.state.entries.values()].filter((entry) => entry.lease?.holder === holder)
      this.#hands.set(holder, kept)
    }
  }

  #check(): void {
    const { floor, machine } = this.bench
    for (const entry of machine.state.entries.values()) {
      const mayLieBelow = entry.state === 'dead' || this.#deadOnce.has(entry.offset)
      require(entry.offset > floor || mayLieBelow, `floor ${floor} does not pass ${entry.offset}`)
    }
    for (const offset of this.#acknowledged) require(!machine.state.entries.has(offset), `${offset} stays acknowledged`)
    const { acknowledged, superseded, dead, ready, leased, retrying, waiting, parked } = shardCounts(machine)
    const total = acknowledged + superseded + dead + ready + leased + retrying + waiting + parked
    require(total === this.bench.log.length, 'every event is counted once')
  }

  /** Lets everything come to rest: whoever holds something lets go, and one good consumer does the rest. */
  drain(): void {
    for (const holder of this.#hands.keys()) this.bench.machine.holders.detach(holder)
    for (let round = 0; round < 10_000 && this.bench.machine.state.entries.size > 0; round++) {
      for (const offset of this.bench.machine.state.dead.keys()) this.bench.machine.redrive(offset)
      this.bench.advance(graceMs + 10_000)
      for (const entry of this.bench.claim('good')) this.bench.settle(entry, { action: 'ack' })
    }
    this.bench.machine.holders.detach('good')
    this.bench.commit()
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)]!
  }
}

function require(holds: boolean, requirement: string): void {
  if (!holds) throw new Error(`Required: ${requirement}.`)
}

describe.each(['park', 'supersede', 'continue'] as const)('random histories under the policy %s', (onDeadLetter) => {
  it('lose nothing, keep the order of each key and come to rest', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const history = new History(seed, { onDeadLetter, retry: { ...defaultRetryPolicy, maxAttempts: 3 } })
      try {
        for (let step = 0; step < 200; step++) history.step()
        history.drain()
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
      expect([seed, history.bench.machine.state.entries.size, history.bench.floor]).toEqual([
        seed,
        0,
        history.bench.log.length,
      ])
      expect(history.bench.ledger.size, 'nothing but the state is left in the ledger').toBe(1)
    }
  })
})
