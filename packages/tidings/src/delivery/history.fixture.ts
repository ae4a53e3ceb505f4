import { mulberry32 } from '../testing/index.ts'
import type { Entry } from './entry.ts'
import { asideRanges, graceMs, offsetOf, shardCounts, type DeliveryPolicy, type SettleStatus } from './index.ts'
import { ModelEdits } from './edits.fixture.ts'
import { dueRange, parkedBetween } from './ledger-form.ts'
import { Bench, unfinished } from './machine.fixture.ts'

const onlyRed = { not: { exact: { subject: 'blue' } } }
const onlyBlue = { exact: { subject: 'blue' } }

/**
 * Random histories of publishing, claiming, settling, crashing and passing time, checked against a plain model: which
 * events were settled for good, and who has which key.
 */
export class History {
  readonly bench: Bench
  readonly #random: () => number
  readonly #edits: ModelEdits
  readonly #hands = new Map<string, Entry[]>()
  readonly #acknowledged = new Set<number>()
  /** Acknowledged by whichever generation. */
  readonly #acknowledgedEver = new Set<number>()
  readonly #everAside = new Set<number>()
  readonly #discarded = new Set<number>()
  readonly #discardedEver = new Set<number>()
  #uncommitted = new Set<number>()
  #holders = 0
  /** What consumers depend on is out of reach. */
  #down = false

  constructor(seed: number, policy: DeliveryPolicy) {
    this.#random = mulberry32(seed)
    this.bench = new Bench(policy, this.#random)
    this.#edits = new ModelEdits(this.bench)
    this.bench.onCommit = () => this.#committed()
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
      'publish later',
      'operate',
      'filter',
    ])
    if (action === 'filter') this.#filter()
    if (action === 'publish later') this.bench.publishLater(this.#pick([10, 1_500, 30_000, 7_200_000]), this.#key())
    if (action === 'operate') this.#operate()
    if (action === 'publish') this.bench.publish(...Array.from({ length: 1 + this.#below(5) }, () => this.#key()))
    if (action === 'claim') this.#claim()
    if (action === 'settle') this.#settle()
    if (action === 'commit') this.#commit()
    if (action === 'time') this.bench.advance(this.#pick([1, 100, 2_000, 20_000]))
    if (action === 'holder') this.#changeHolder()
    if (action === 'crash' && this.#random() < 0.2) this.#crash()
    if (action === 'redrive') this.#handBack()
    this.#check()
  }

  #filter(): void {
    if (this.#random() < 0.3) this.bench.filterBy(this.#pick([{}, onlyRed, onlyBlue]))
    this.bench.publishEvent(this.#key(), { subject: this.#pick(['red', 'blue']) })
  }

  #handBack(): void {
    for (const offset of this.bench.dead()) {
      const action = this.#pick(['redrive', 'replace', 'none'])
      if (action === 'redrive') this.bench.redrive(offset)
      if (action === 'replace') this.#edits.replace(offset)
    }
  }

  #operate(): void {
    const action = this.#pick(['discard', 'cancel', 'seek', 'none', 'none', 'none'])
    if (action === 'discard') {
      const offset = this.#pick(this.bench.dead())
      if (offset === undefined) return
      this.#commit()
      this.bench.discard(offset)
      this.#commit()
      this.#edits.settled(offset)
      this.#discardedEver.add(offset)
      this.#discarded.add(offset)
    }
    if (action === 'cancel') {
      this.#commit()
      const offset = this.#pick(this.bench.entries(dueRange).map(({ key }) => offsetOf(key)))
      if (offset === undefined) return
      this.bench.cancel(offset)
      this.#commit()
      this.#discardedEver.add(offset)
      this.#discarded.add(offset)
    }
    if (action === 'seek') this.#seek(this.#below(this.bench.log.length + 1))
  }

  #seek(start: number): void {
    this.#commit()
    this.bench.seek(start, 'missing')
    this.#edits.sought(start)
    for (const offset of [...this.#acknowledged, ...this.#discarded]) {
      if (offset <= start) continue
      this.#acknowledged.delete(offset)
      this.#discarded.delete(offset)
    }
    this.#hands.clear()
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
    require(!this.bench.outage.present || entries.length <= 1, 'in an outage single events are tried')
    for (const entry of entries) {
      const { leaseMark } = JSON.parse(this.bench.ledger.get('state')!) as { leaseMark: number }
      require(entry.offset <= leaseMark, 'nothing above the committed lease mark is handed out')
      const before = entry.queue.entries.slice(0, entry.queue.entries.indexOf(entry))
      require(before.every((other) => other.lease?.holder === holder), 'a key has one holder, in order')
      require(!this.#acknowledged.has(entry.offset), 'what was settled for good does not come again')
      require(!this.#discarded.has(entry.offset), 'what was discarded does not come again')
      const parked = this.bench.entries(parkedBetween(entry.queue.place ?? 0, 0, entry.offset))
      require(entry.queue.place === undefined || parked.length === 0, 'nothing of its key is parked before it')
      require(this.#edits.fits(entry), 'it comes as it was rewritten')
      const { deliverat } = this.bench.log[entry.offset - 1]!.event.extensions ?? {}
      require(deliverat === undefined || Date.parse(String(deliverat)) <= this.bench.wallMs, 'nothing comes early')
      const replay = this.bench.machine.replay(entry) !== undefined
      require(replay || !this.#acknowledgedEver.has(entry.offset), 'what was acknowledged comes again as a replay')
      const mayBeUnacknowledged = this.#mayHaveEndedOtherwise(entry.offset)
      require(!replay ||
        mayBeUnacknowledged ||
        this.#acknowledgedEver.has(
          entry.offset,
        ), `what was never acknowledged does not come as a replay: ${entry.offset} ${JSON.stringify(this.bench.machine.state.earlier)}`)
    }
    this.#hands.set(holder, [...(this.#hands.get(holder) ?? []), ...entries])
  }

  #settle(): void {
    const holder = this.#pick([...this.#hands.keys()])
    const entry = holder === undefined ? undefined : this.#pick(this.#hands.get(holder)!)
    if (!entry) return
    const up = ['ack', 'ack', 'ack', 'retry', 'dead-letter', 'wait', 'release'] as const
    if (this.#random() < 0.02) this.#down = !this.#down
    const action = this.#pick(this.#down ? (['retry', 'retry', 'retry', 'wait', 'release'] as const) : up)
    const before = entry.queue.entries.slice(0, Math.max(0, entry.queue.entries.indexOf(entry)))
    const status = action === 'retry' ? this.#fail(entry) : this.bench.settle(entry, { action, reason: 'so it is' })
    if (status === 'settled' && action === 'ack') require(!this.bench.outage.present, 'a success ends an outage')
    const inOrder = action !== 'ack' || before.every((other) => other.state !== 'leased')
    require(status !== 'settled' || inOrder, `${entry.offset} is acknowledged in its turn`)
    if (status === 'settled' && action === 'ack') this.#uncommitted.add(entry.offset)
    if (status !== 'lease-out-of-order')
      this.#hands.set(
        holder,
        this.#hands.get(holder)!.filter((other) => other !== entry),
      )
  }

  #fail(entry: Entry): SettleStatus {
    const { attempts, counted, queue } = entry
    const outage = this.#pick([undefined, 'down', 'down', 'down', 'slow'])
    const reason = 'so it is'
    const status = this.bench.settle(entry, { action: 'retry', reason, ...(outage && { outage }) })
    if (status !== 'settled' || outage === undefined || !this.bench.outage.present) return status
    require(entry.attempts <= attempts - Number(counted), 'an attempt in an outage does not count')
    require(!queue.dead.includes(entry.offset), 'nothing is given up for an outage')
    return status
  }

  #commit(): void {
    this.bench.commit()
  }

  #committed(): void {
    for (const offset of this.#uncommitted) {
      this.#acknowledged.add(offset)
      this.#acknowledgedEver.add(offset)
      this.#edits.settled(offset)
    }
    this.#uncommitted.clear()
  }

  /** Superseded and discarded events need no consumer's word. */
  #mayHaveEndedOtherwise(offset: number): boolean {
    return this.bench.policy.onDeadLetter === 'supersede' || this.#discardedEver.has(offset)
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
    for (const range of asideRanges) {
      for (const { key } of this.bench.entries(range)) this.#everAside.add(offsetOf(key))
    }
    for (const entry of machine.state.entries.values()) {
      const mayLieBelow = this.#everAside.has(entry.offset)
      require(entry.offset > floor || mayLieBelow, `floor ${floor} does not pass ${entry.offset}`)
    }
    for (const offset of this.#acknowledged) require(!machine.state.entries.has(offset), `${offset} stays acknowledged`)
    const { carried, ...counts } = shardCounts(machine)
    require(machine.state.inFlight === counts.leased, `${counts.leased} are leased, not ${machine.state.inFlight}`)
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const { start, cursor } = machine.state
    require(total ===
      cursor - start + carried, `every event is counted once: ${total} of ${cursor} - ${start} + ${carried}`)
  }

  /** Lets everything come to rest: whoever holds something lets go, and one good consumer does the rest. */
  drain(): void {
    for (const holder of this.#hands.keys()) this.bench.machine.holders.detach(holder)
    for (let round = 0; round < 10_000 && unfinished(this.bench.machine) > 0; round++) {
      for (const offset of this.bench.dead()) this.bench.redrive(offset)
      this.bench.advance(graceMs + 60_000)
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

export function require(holds: boolean, requirement: string): void {
  if (!holds) throw new Error(`Required: ${requirement}.`)
}
