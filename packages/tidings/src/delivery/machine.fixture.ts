import type { LedgerEntry, LedgerRange, LogRecord } from '../engine/index.ts'
import type { Event, SubscriptionFilter } from '../event/index.ts'
import type { Entry, Moment } from './entry.ts'
import {
  asideRanges,
  crashedRange,
  deadKey,
  deadRange,
  defaultPolicy,
  DeliveryMachine,
  dueKey,
  editKey,
  exceptionRange,
  filterRange,
  formatLeaseToken,
  heldKeyRange,
  initialState,
  offsetOf,
  Outage,
  readEdit,
  readException,
  readState,
  shardCounts,
  stateKey,
  sweptRanges,
  unacknowledgedRange,
  unreadableRange,
  type DeliveryPolicy,
  type ReplayEffects,
  type SettleAction,
  type SettleStatus,
  type StoredEdit,
  type StoredException,
} from './index.ts'

/** A machine over a log and a ledger in memory, whose commits, crashes and clock a test drives by hand. */
export class Bench {
  readonly log: LogRecord[] = []
  readonly ledger = new Map<string, string>()
  machine: DeliveryMachine
  outage!: Outage
  /** As of the last commit. */
  floor = 0
  nowMs = 1_000_000
  wallMs = 1_900_000_000_000
  epoch = 0
  onCommit: () => void = () => undefined
  readonly policy: DeliveryPolicy
  filter: SubscriptionFilter = {}
  readonly #random: () => number
  #sortedKeys: string[] | undefined

  constructor(policy: Partial<DeliveryPolicy> = {}, random: () => number = () => 0.5) {
    this.policy = { ...defaultPolicy, ...policy }
    this.#random = random
    this.machine = this.#open()
  }

  #open(): DeliveryMachine {
    const stored = this.ledger.get(stateKey)
    const state = stored === undefined ? initialState(0) : readState(stored)
    const open = this.log.filter(({ offset }) => state.open.includes(offset))
    this.outage = new Outage(this.policy)
    const options = {
      outage: this.outage,
      shard: 0,
      epoch: ++this.epoch,
      policy: this.policy,
      filter: this.filter,
      random: { next: this.#random },
    }
    const before = {
      state,
      open,
      exceptions: this.entries(exceptionRange),
      heldKeys: this.entries(heldKeyRange),
      crashed: this.entries(crashedRange),
      unreadable: this.entries(unreadableRange),
      unacknowledged: this.entries(unacknowledgedRange),
      filters: this.entries(filterRange),
    }
    return new DeliveryMachine(options, before, this.now())
  }

  /** What stands in a range of the ledger, in order. */
  entries({ from = '', to = '~' }: LedgerRange, limit = Infinity): LedgerEntry[] {
    this.#sortedKeys ??= [...this.ledger.keys()].sort()
    const keys = this.#sortedKeys.filter((key) => key >= from && key < to)
    return keys.slice(0, limit).map((key) => ({ key, value: this.ledger.get(key)! }))
  }

  /** The keys of the ledger, without what is kept of generations. */
  places(): string[] {
    return [...this.ledger.keys()].filter((key) => !/^[ef]\//.test(key))
  }

  now(): Moment {
    return { monotonic: this.nowMs, wall: this.wallMs }
  }

  advance(milliseconds: number): void {
    this.nowMs += milliseconds
    this.wallMs += milliseconds
    this.machine.tick(this.now())
    this.load()
  }

  /** Reads from the ledger what the machine wants to see. */
  load(): void {
    for (let load = this.machine.nextLoad(this.now()); load; load = this.machine.nextLoad(this.now())) {
      this.commit()
      this.machine.loaded(load, this.entries(load.range, load.limit))
      this.machine.tick(this.now())
    }
  }

  publish(...keys: (string | undefined)[]): void {
    for (const key of keys) this.log.push(record(this.log.length + 1, key))
    this.feed()
  }

  /** Publishes one event with attributes of its own. */
  publishEvent(key: string | undefined, more: Partial<Event>): void {
    const plain = record(this.log.length + 1, key)
    this.log.push({ ...plain, event: { ...plain.event, ...more } })
    this.feed()
  }

  /** Another filter from here on, and after a crash. */
  filterBy(filter: SubscriptionFilter): void {
    this.filter = filter
    this.machine.configure(this.policy, filter)
  }

  /** Publishes one event that is due in so many milliseconds. */
  publishLater(delayMs: number, key?: string): void {
    this.log.push(this.laterRecord(delayMs, key))
    this.feed()
  }

  laterRecord(delayMs: number, key?: string): LogRecord {
    return record(this.log.length + 1, key, new Date(this.wallMs + delayMs).toISOString())
  }

  /** Offers what the machine has not seen. */
  feed(): void {
    const { cursor } = this.machine.state
    this.machine.intake.offer(this.log.slice(cursor), this.log.length, this.now())
  }

  /** Offsets of the dead letters. */
  dead(): number[] {
    this.commit()
    return this.entries(deadRange).map(({ key }) => offsetOf(key))
  }

  /** A dead letter as the ledger has it. */
  deadLetter(offset: number): StoredException | undefined {
    this.commit()
    const value = this.ledger.get(deadKey(offset))
    return value === undefined ? undefined : readException({ key: deadKey(offset), value })
  }

  redrive(offset: number): void {
    const dead = this.deadLetter(offset)
    if (dead) this.machine.aside.redrive(dead)
    this.load()
  }

  discard(offset: number): void {
    const dead = this.deadLetter(offset)
    if (dead) this.machine.aside.discard(dead)
    this.load()
  }

  replace(offset: number, edit: number): void {
    const dead = this.deadLetter(offset)
    if (dead) this.machine.aside.replace(dead, { edit, by: 'operator', at: this.wallMs, event: '{}' })
    this.load()
  }

  edit(offset: number): StoredEdit | undefined {
    const value = this.ledger.get(editKey(offset))
    return value === undefined ? undefined : readEdit({ key: editKey(offset), value })
  }

  cancel(offset: number): void {
    this.commit()
    this.machine.schedule.cancel(offset, Number(this.ledger.get(dueKey(offset))))
  }

  seek(start: number, effects: ReplayEffects): void {
    const { seeking } = this.machine
    seeking.fence()
    this.commit()
    const aside = asideRanges.flatMap((range) => this.entries(range).map(({ key }) => offsetOf(key)))
    seeking.begin({ start, effects, aside })
    this.sweep()
    this.feed()
  }

  sweep(): void {
    this.commit()
    for (const range of sweptRanges) this.machine.seeking.sweep(this.entries(range).map(({ key }) => key))
    this.machine.seeking.end()
    this.commit()
  }

  claim(holder: string, max = 100, leaseMs?: number): Entry[] {
    this.load()
    const most = Math.min(max, this.outage.allowance(this.now()))
    const claim = this.machine.claim({ holder, max: most, ...(leaseMs === undefined ? {} : { leaseMs }) }, this.now())
    if (claim.commitFirst) this.commit()
    // As whoever hands out does: what was not at hand is read from the log.
    for (const entry of claim.entries) entry.record ??= this.log[entry.offset - 1]!
    return [...claim.entries]
  }

  token(entry: Entry): string {
    return formatLeaseToken(this.machine.token(entry))
  }

  settle(entry: Entry, action: SettleAction): SettleStatus {
    return entry.lease ? this.machine.settle(this.machine.token(entry), action, this.now()) : 'lease-lost'
  }

  commit(): void {
    const commit = this.machine.takeCommit()
    if (!commit) return
    this.#sortedKeys = undefined
    for (const { key, value } of commit.changes) {
      if (value === null) this.ledger.delete(key)
      else this.ledger.set(key, value)
    }
    this.floor = commit.floor
    this.onCommit()
  }

  /** Forgets everything that was not committed. */
  crash(): void {
    this.machine = this.#open()
    if (this.machine.state.sweeping) this.sweep()
    this.feed()
  }
}

export function record(offset: number, key: string | undefined, deliverat?: string): LogRecord {
  const event: Event = {
    id: String(offset),
    source: '/x',
    type: 't',
    ...(key === undefined ? {} : { key }),
    ...(deliverat === undefined ? {} : { extensions: { deliverat } }),
  }
  return { offset, appendedAt: 0, shard: 0, stale: false, erased: false, event }
}

/** How many events are neither settled nor filtered out. */
export function unfinished(machine: DeliveryMachine): number {
  const { ready, leased, retrying, waiting, parked, scheduled, dead } = shardCounts(machine)
  return ready + leased + retrying + waiting + parked + scheduled + dead
}

export function offsets(entries: readonly Entry[]): number[] {
  return entries.map(({ offset }) => offset)
}
