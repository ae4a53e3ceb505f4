import type { Engine, LogRecord } from '../engine/index.ts'
import { editRange, offsetOf } from '../delivery/index.ts'
import type { Environment } from '../environment/index.ts'
import { isTombstone, validateKey, type Event } from '../event/index.ts'
import type { Namespace } from './namespace.ts'
import type { EraseAnswer, EraseRequest } from './port/events.ts'
import { ledgerCount } from './priorities.ts'
import { shardOf } from './shard-of.ts'
import type { ShardRunner } from './shard-runner.ts'

const pageSize = 1_000

export interface EraseParts {
  readonly engine: Engine
  readonly environment: Environment
  readonly namespace: Namespace
  /** The name of that namespace. */
  readonly name: string
}

/**
 * Removes a key's payloads for good. An entity gets a tombstone first, so that a crash in between leaves no copy that
 * never hears of it, and again until the tombstone is its newest event: its owner may publish meanwhile.
 */
export async function eraseKey(parts: EraseParts, { topic, key }: EraseRequest): Promise<EraseAnswer> {
  const { engine, namespace, name } = parts
  validateKey(key)
  const { kind } = await namespace.topic(topic)
  const id = { namespace: name, topic }
  let erased = 0
  for (;;) {
    const newest = kind === 'entity' ? await newestOf(engine, id, key) : undefined
    const isDone = !newest || isTombstone(newest.event)
    if (!isDone) await appendTombstone(parts, topic, newest)
    // The tombstone just made is no payload.
    erased += (await engine.log.erase(id, key)) - (isDone ? 0 : 1)
    for (const runner of await namespace.openRunners(topic)) {
      for (const shard of runner.shards) shard.forget(key)
    }
    await eraseEdits(parts, topic, key)
    if (isDone) return { erased }
  }
}

/** What operators put in the place of payloads of the key stands in the ledgers of subscriptions. */
async function eraseEdits({ engine, namespace, name }: EraseParts, topic: string, key: string): Promise<void> {
  const { shards } = await namespace.topic(topic)
  for (const { subscription, topic: ofTopic, policy } of await namespace.catalog.list('subscription')) {
    if (ofTopic !== topic) continue
    for (let shard = 0; shard < ledgerCount(shards, policy); shard++) {
      const [first] = await engine.ledger.load({ namespace: name, ledger: subscription, shard }, editRange, 1)
      if (first) await eraseEditsOf((await namespace.runner(subscription)).shards[shard]!, key)
    }
  }
}

async function eraseEditsOf(shard: ShardRunner, key: string): Promise<void> {
  for (let { from } = editRange as { from: string }; ;) {
    const page = await shard.list({ from, to: editRange.to }, pageSize)
    const erased: string[] = []
    for (const entry of page) {
      if ((await shard.log.record(offsetOf(entry.key)))?.event.key === key) erased.push(entry.key)
    }
    await shard.act(erased, (entry) => shard.machine.state.unsaved.write(entry.key, null))
    if (page.length < pageSize) return
    from = `${page.at(-1)!.key}!`
  }
}

async function newestOf(
  engine: Engine,
  id: { namespace: string; topic: string },
  key: string,
): Promise<LogRecord | undefined> {
  for (let cursor: string | undefined; ;) {
    const page = await engine.log.latest(id, { limit: pageSize, ...(cursor !== undefined && { cursor }) })
    const found = page.records.find(({ event }) => event.key === key)
    if (found || page.next === undefined) return found
    cursor = page.next
  }
}

/**
 * Says that an entity is gone, in the version of the state that it had: a copy takes a tombstone for newer than a state
 * of its version, and whatever the owner says next is newer than both.
 */
async function appendTombstone({ engine, environment, namespace, name }: EraseParts, topic: string, newest: LogRecord) {
  const { source, key, sequence, sourceepoch } = newest.event
  const event: Event = {
    id: `erased-${environment.ids.next()}`,
    source,
    type: `${topic}.deleted`,
    ...(key !== undefined && { key }),
    ...(sequence !== undefined && { sequence }),
    ...(sourceepoch !== undefined && { sourceepoch }),
  }
  const { shards } = await namespace.topic(topic)
  await engine.log.append({ namespace: name, topic }, [{ event, shard: shardOf(event, shards) }])
}
