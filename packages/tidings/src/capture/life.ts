import type { Entity } from '../contract/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Event, Position } from '../event/index.ts'
import { latestPages, type BrokerListing } from './broker-listing.ts'
import type { CapturePool } from './client.ts'
import { lsnOf, parseLsn, type Lsn } from './lsn.ts'
import { NewLife } from './new-life.ts'
import type { Raise } from './report.ts'
import { createSlot, dropSlot, readSlot, type Slot } from './server.ts'
import { read } from './session.ts'
import type { CaptureState, StateStore } from './state.ts'
import type { CapturedTable } from './table.ts'

export interface LifeOptions extends BrokerListing {
  readonly pool: CapturePool
  readonly environment: Environment
  readonly entity: Entity
  readonly store: StateStore
  readonly slot: string
  readonly raise: Raise
}

/** What the log that is read belongs to, as it is at present. */
export interface Origin {
  readonly system: string
  readonly timeline: string
  readonly table: CapturedTable
  /** See `readPublication`. */
  readonly publication: string
}

export interface SettledLife {
  readonly state: CaptureState
  /** Commits of which the broker has something already; the log has to have every one of them. */
  readonly ahead: ReadonlySet<Lsn>
}

/**
 * Goes on with the life of this capture, or begins another one where that would skip something: when the log belongs to
 * another server, timeline, table, publication or key, when the slot is gone or is not the one that was left, when the
 * broker lacks events that it had, or has some of a time that this database does not know.
 */
export async function settleLife(
  options: LifeOptions,
  origin: Origin,
  asked: NewLife | undefined,
): Promise<SettledLife> {
  // In this order: another process may confirm meanwhile, to the database first and then to the slot.
  const slot = await readSlot(options.pool, options.slot)
  const state = await options.store.load()
  const identity = identityOf(origin)
  const ended = state && (asked ?? endedOrigin(state, identity) ?? endedSlot(state, slot))
  if (state && !ended) return { state, ahead: await commitsAhead(options, state) }
  const begun = await beginLife(options, { state, slot: ended?.keepsSlot ? slot : undefined, origin })
  if (ended) {
    const message = `${ended.message} Everything of ${origin.table.name} is published again, in newer versions.`
    options.raise({ alarm: 'listing', message, sourceepoch: begun.sourceepoch })
  }
  return { state: begun, ahead: new Set() }
}

/** Its version says how versions and keys of events are made. */
function identityOf({ system, timeline, table, publication }: Origin): string {
  const key = table.key.map(({ name, typeName }) => `${name} ${typeName}`)
  return JSON.stringify({ version: 1, system, timeline, table: table.oid, publication, key })
}

const lostOrigins: Readonly<Record<string, string>> = {
  system: 'The database was restored or moved to another server.',
  timeline: 'The database goes on from a standby or a backup.',
  table: 'The table was dropped and created again.',
  publication: 'The publication was changed, or the table was out of it for a while.',
  key: 'The key of the table has changed.',
}

function endedOrigin(state: CaptureState, identity: string): NewLife | undefined {
  if (state.identity === identity) return undefined
  const [before, present] = [state.identity, identity].map((text) => JSON.parse(text) as Record<string, unknown>)
  const changed = Object.keys(lostOrigins).find(
    (name) => JSON.stringify(before![name]) !== JSON.stringify(present![name]),
  )
  return new NewLife(changed === undefined ? 'Versions are made differently.' : lostOrigins[changed]!, {
    keepsSlot: false,
  })
}

function endedSlot(state: CaptureState, slot: Slot | undefined): NewLife | undefined {
  if (!slot) return new NewLife('The replication slot is gone.', { keepsSlot: false })
  if (slot.status === 'lost') {
    const reasons = 'max_slot_wal_keep_size, idle_replication_slot_timeout'
    return new NewLife(`The server has removed log that the replication slot needed (${reasons}).`, {
      keepsSlot: false,
    })
  }
  // What is confirmed to the slot is written down before; so a slot that is further is not the one that was left.
  if (slot.confirmed > state.confirmed) {
    return new NewLife('The replication slot was created again, or moved, by somebody else.', { keepsSlot: false })
  }
  return undefined
}

/**
 * Reads what the broker was sent since this database last wrote down where the topic ended. Only this capture publishes
 * there, so every commit of which the broker has something comes from the log once more, unless the database was
 * restored since: answers where in the log they have to be.
 */
async function commitsAhead(options: LifeOptions, state: CaptureState): Promise<ReadonlySet<Lsn>> {
  const { broker, caller, topic } = options
  const commits = new Set<Lsn>()
  try {
    for (let after: Position = state.position, more = true; more;) {
      const page = await broker.read(caller, { topic, after, limit: 1_000 })
      for (const { event } of page.events) addCommit(commits, event, state)
      more = page.until !== page.head && page.until !== after
      after = page.until
    }
  } catch (error) {
    if (!(error instanceof TidingsError) || error.code !== 'position-unknown') throw error
    throw new NewLife(`The topic ${topic} has begun another life.`, { keepsSlot: true })
  }
  return commits
}

/** More than what is on its way at any time. */
const mostCommits = 100_000

function addCommit(commits: Set<Lsn>, { sourceepoch = 0, sequence = '0' }: Event, state: CaptureState): void {
  if (sourceepoch < state.sourceepoch) return
  const commit = lsnOf(sequence)
  // What is older was listed, or came late from a process that has ended.
  if (sourceepoch === state.sourceepoch && commit >= state.confirmed) commits.add(commit)
  if (sourceepoch > state.sourceepoch || commits.size > mostCommits) throw restored()
}

/** The broker has something that this database has never had. */
export function restored(): NewLife {
  return new NewLife('The database was restored to an older state.', { keepsSlot: true })
}

async function beginLife(
  options: LifeOptions,
  {
    state,
    slot,
    origin,
  }: { readonly state: CaptureState | undefined; readonly slot: Slot | undefined; readonly origin: Origin },
): Promise<CaptureState> {
  const { broker, caller, topic, environment, store } = options
  const { head: position } = await broker.topic(caller, topic)
  const known = await highestEpoch(options)
  // Not one that a lost life may have used: minutes fit into the 32 bits of a CloudEvents integer.
  const minutes = Math.floor(environment.clock.now() / 60_000)
  const sourceepoch = Math.max(minutes, (state?.sourceepoch ?? 0) + 1, (known ?? 0) + 1)
  // What was committed before is listed, so that nothing of it comes in the newer versions of this life once more.
  const base = slot ? await reachedLsn(options.pool) : await renewSlot(options)
  return store.begin({
    identity: identityOf(origin),
    sourceepoch,
    confirmed: base,
    position,
    stage: 'table',
    cursor: undefined,
    base,
    first: known === undefined,
    columns: origin.table.logged,
  })
}

async function renewSlot({ pool, slot }: LifeOptions): Promise<Lsn> {
  await dropSlot(pool, slot)
  return createSlot(pool, slot)
}

/** The highest `sourceepoch` in the topic; `undefined` for an empty one. */
async function highestEpoch(options: LifeOptions): Promise<number | undefined> {
  let highest: number | undefined
  for await (const events of latestPages(options)) {
    for (const { event } of events) highest = Math.max(highest ?? 0, event.sourceepoch ?? 0)
  }
  return highest
}

/** Where the next record of the log will stand. */
async function reachedLsn(pool: CapturePool): Promise<Lsn> {
  const [row] = await read(pool, (session) => session.rows('select pg_current_wal_insert_lsn()'))
  return parseLsn(row![0]!)
}
