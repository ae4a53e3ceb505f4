import { TidingsError } from '../errors.ts'
import type { Engine, LogRecord, TopicKind } from '../engine/index.ts'
import { parkedBehind, shardCounts, standing, type ShardCounts } from '../delivery/index.ts'
import { formatPosition, parsePosition } from '../event/index.ts'
import { versioned } from './hand-out.ts'
import type { Namespace } from './namespace.ts'
import type * as port from './port.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

const scanPageSize = 1_000

export function positioned(record: LogRecord, incarnation: string, kind: TopicKind): port.PositionedEvent {
  const { event, offset, appendedAt } = record
  return { position: formatPosition(incarnation, offset), appendedAt, event: versioned(event, offset, kind) }
}

export async function describeTopic(namespace: Namespace, name: string): Promise<port.TopicDescription> {
  const topic = await namespace.topic(name)
  const { head, incarnation, deduplication } = await namespace.describe(name)
  return { ...topic, head: formatPosition(incarnation, head), deduplication }
}

export async function describeSubscription(namespace: Namespace, name: string): Promise<port.SubscriptionDescription> {
  const { subscription, topic, filter, policy } = await namespace.subscription(name)
  const runner = await namespace.runner(name)
  return { subscription, topic, filter, policy, ...runner.progress(), watermark: runner.watermark }
}

/** Refuses an outcome that says something impossible, before any outcome of its call takes effect. */
export function checkOutcome(outcome: port.Outcome): void {
  const actions = ['ack', 'retry', 'dead-letter', 'wait', 'release']
  if (!actions.includes(outcome.action)) {
    throw new TidingsError('bad-request', `"${outcome.action}" is not an outcome; use ${actions.join(', ')}.`)
  }
  if (outcome.action === 'ack' || outcome.action === 'release') return
  if (typeof outcome.reason !== 'string') {
    throw new TidingsError(
      'bad-request',
      `The outcome ${outcome.action} needs a "reason" in words, for whoever looks at it later.`,
    )
  }
  const afterMs = 'afterMs' in outcome ? outcome.afterMs : undefined
  if (afterMs !== undefined && !(Number.isFinite(afterMs) && afterMs >= 0 && afterMs <= 31_536_000_000)) {
    throw new TidingsError(
      'bad-request',
      `"afterMs" must be a number from 0 to a year in milliseconds; it was ${String(afterMs)}.`,
    )
  }
}

// --------------------------------------------------------------------------------------------------------- dead letters

export async function listDeadLetters(
  runner: SubscriptionRunner,
  after: number,
  limit: number,
): Promise<port.DeadLetterPage> {
  const dead = runner.shards.flatMap((shard) =>
    [...shard.machine.state.dead.values()].map((entry) => ({ shard, entry })),
  )
  const wanted = dead
    .filter(({ entry }) => entry.offset > after)
    .sort((left, right) => left.entry.offset - right.entry.offset)
  const deadLetters = await Promise.all(
    wanted.slice(0, limit).map(async ({ shard, entry }): Promise<port.DeadLetter> => {
      const record = await shard.hydrate(entry)
      return {
        position: runner.position(entry.offset),
        reason: entry.reason ?? '',
        attempts: entry.attempts,
        at: entry.dead?.at ?? 0,
        parked: parkedBehind(entry),
        event: record?.event ?? { id: 'gone', source: 'gone', type: 'gone' },
      }
    }),
  )
  const last = deadLetters.at(-1)
  return wanted.length > limit && last ? { deadLetters, next: last.position } : { deadLetters }
}

export async function redrive(
  runner: SubscriptionRunner,
  offsets: readonly number[] | 'all',
): Promise<readonly port.RedriveAnswer[]> {
  const redriven = await runner.change((shard) => {
    const wanted = offsets === 'all' ? [...shard.machine.state.dead.keys()] : offsets
    return wanted.filter((offset) => shard.machine.redrive(offset))
  })
  const done = new Set(redriven.flat())
  return (offsets === 'all' ? [...done] : offsets).map((offset): port.RedriveAnswer => {
    const position = runner.position(offset)
    if (done.has(offset)) return { position, status: 'redriven' }
    const message = 'There is no dead letter at this position: it was redriven, superseded, or never was one.'
    return { position, status: 'refused', code: 'dead-letter-unknown', message }
  })
}

// ---------------------------------------------------------------------------------------------------------------- figures

export async function subscriptionStats(
  engine: Engine,
  namespaceName: string,
  namespace: Namespace,
  name: string,
  now: number,
): Promise<port.SubscriptionStats> {
  const runner = await namespace.runner(name)
  const { topic } = await namespace.subscription(name)
  const { head, incarnation } = await namespace.describe(topic)
  const counts = runner.shards.map((shard) => shardCounts(shard.machine)).reduce(add)
  const { acknowledged, filtered, superseded, skipped, dead } = counts
  const { start } = runner.shards[0]!.machine.state
  const { generation, floor } = runner.progress()
  const floorOffset = parsePosition(floor, incarnation)
  const [oldest] =
    floorOffset < head
      ? (await engine.log.read({ namespace: namespaceName, topic }, { after: floorOffset, limit: 1 })).records
      : []
  return {
    subscription: name,
    topic,
    generation,
    floor,
    head: formatPosition(incarnation, head),
    ...counts,
    pending: head - start - acknowledged - filtered - superseded - skipped - dead,
    oldestPendingMs: oldest ? Math.max(0, now - oldest.appendedAt) : 0,
    consumers: runner.consumers,
  }
}

function add(left: ShardCounts, right: ShardCounts): ShardCounts {
  const names = Object.keys(left) as (keyof ShardCounts)[]
  return Object.fromEntries(names.map((name) => [name, left[name] + right[name]])) as unknown as ShardCounts
}

// ---------------------------------------------------------------------------------------------------------------- explain

export async function explain(
  engine: Engine,
  namespaceName: string,
  namespace: Namespace,
  { subscription, event }: { subscription: string; event: port.EventReference },
): Promise<port.Explanation> {
  const { topic } = await namespace.subscription(subscription)
  const runner = await namespace.runner(subscription)
  const incarnation = await namespace.incarnation(topic)
  const id = { namespace: namespaceName, topic }
  const record =
    'position' in event
      ? (await engine.log.read(id, { after: parsePosition(event.position, incarnation) - 1, limit: 1 })).records[0]
      : await findByIdentity(engine, id, event)
  if (!record || ('position' in event && record.offset !== parsePosition(event.position, incarnation))) {
    throw new TidingsError(
      'position-unknown',
      `Topic ${topic} does not hold this event: it was never published here, or retention has removed it.`,
    )
  }
  const shard = runner.shards[record.shard]!
  return { position: runner.position(record.offset), ...withPositions(runner, shard, record) } as port.Explanation
}

function withPositions(runner: SubscriptionRunner, shard: ShardRunner, record: LogRecord): object {
  const found = standing(shard.machine, record)
  if (found.state === 'behind') return { ...found, head: runner.position(found.head) }
  if (found.state === 'parked') return { ...found, deadLetter: runner.position(found.deadLetter) }
  return found
}

async function findByIdentity(
  engine: Engine,
  id: { namespace: string; topic: string },
  { source, id: eventId }: { source: string; id: string },
): Promise<LogRecord | undefined> {
  for (let after = 0; ;) {
    const page = await engine.log.read(id, { after, limit: scanPageSize })
    const found = page.records.find(({ event }) => event.source === source && event.id === eventId)
    if (found || page.until === after) return found
    after = page.until
  }
}
