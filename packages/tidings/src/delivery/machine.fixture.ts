import type { LogRecord } from '../engine/index.ts'
import type { Event } from '../event/index.ts'
import type { Entry, Moment } from './entry.ts'
import {
  DeliveryMachine,
  defaultPolicy,
  exceptionRange,
  formatLeaseToken,
  initialState,
  readException,
  readState,
  stateKey,
  type DeliveryPolicy,
  type SettleAction,
  type SettleStatus,
} from './index.ts'

/** A machine over a log and a ledger in memory, whose commits, crashes and clock a test drives by hand. */
export class Bench {
  readonly log: LogRecord[] = []
  readonly ledger = new Map<string, string>()
  machine: DeliveryMachine
  /** As of the last commit. */
  floor = 0
  nowMs = 1_000_000
  wallMs = 1_900_000_000_000
  epoch = 0
  readonly #policy: DeliveryPolicy
  readonly #random: () => number

  constructor(policy: Partial<DeliveryPolicy> = {}, random: () => number = () => 0.5) {
    this.#policy = { ...defaultPolicy, ...policy }
    this.#random = random
    this.machine = this.#open()
  }

  #open(): DeliveryMachine {
    const stored = this.ledger.get(stateKey)
    const state = stored === undefined ? initialState(0) : readState(stored)
    const exceptions = [...this.ledger]
      .filter(([key]) => key >= exceptionRange.from && key < exceptionRange.to)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => readException({ key, value }))
    const open = this.log.filter(({ offset }) => state.open.includes(offset))
    const options = {
      shard: 0,
      epoch: ++this.epoch,
      policy: this.#policy,
      types: undefined,
      random: { next: this.#random },
    }
    return new DeliveryMachine(options, { state, exceptions, open }, this.now())
  }

  now(): Moment {
    return { monotonic: this.nowMs, wall: this.wallMs }
  }

  advance(milliseconds: number): void {
    this.nowMs += milliseconds
    this.wallMs += milliseconds
    this.machine.tick(this.now())
  }

  publish(...keys: (string | undefined)[]): void {
    for (const key of keys) this.log.push(record(this.log.length + 1, key))
    this.feed()
  }

  /** Offers what the machine has not seen. */
  feed(): void {
    const { cursor } = this.machine.state
    this.machine.intake.offer(
      this.log.filter(({ offset }) => offset > cursor),
      this.log.length,
    )
  }

  claim(holder: string, max = 100, leaseMs?: number): Entry[] {
    const claim = this.machine.claim({ holder, max, ...(leaseMs === undefined ? {} : { leaseMs }) }, this.now())
    if (claim.commitFirst) this.commit()
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
    for (const { key, value } of commit.changes) {
      if (value === null) this.ledger.delete(key)
      else this.ledger.set(key, value)
    }
    this.floor = commit.floor
  }

  /** Forgets everything that was not committed. */
  crash(): void {
    this.machine = this.#open()
    this.feed()
  }
}

export function record(offset: number, key: string | undefined): LogRecord {
  const event: Event = { id: String(offset), source: '/x', type: 't', ...(key === undefined ? {} : { key }) }
  return { offset, appendedAt: 0, shard: 0, stale: false, erased: false, event }
}

export function offsets(entries: readonly Entry[]): number[] {
  return entries.map(({ offset }) => offset)
}
