import { memoryEngine } from '../../engines/memory/index.ts'
import type { Event } from '../../event/index.ts'
import type { AppendAnswer, AppendRequest, Engine, Ledger, Log, LogPage, LogRecord, TopicId } from '../port.ts'
import type { EngineSettings, EngineSubject } from './case.ts'

/** One guarantee, an engine that breaks it and nothing else on purpose, and the case that must notice. */
export interface Breakage {
  readonly guarantee: string
  /** The name of the case. */
  readonly caught: string
  readonly broken: (engine: Engine, settings: EngineSettings) => Engine
  /** Whether several of them use one store. */
  readonly shared?: true
}

/** A memory engine with one thing broken; it keeps its content, and its breakage, over restarts. */
export function brokenSubject({ broken, shared }: Pick<Breakage, 'broken' | 'shared'>): EngineSubject {
  let engine: Engine | undefined
  if (shared)
    return { open: (settings) => broken(seat((engine ??= memoryEngine(settings))), settings), dispose: async () => {} }
  return {
    open: (settings) => (engine ??= broken(memoryEngine(settings), settings)),
    dispose: async () => {},
  }
}

/** An engine over the store of another, which goes on when this one stops. */
function seat(engine: Engine): Engine {
  return overriding(engine, {
    capabilities: { ...engine.capabilities, shared: true },
    start: () => engine.start(),
    stop: async () => undefined,
  })
}

export interface Overrides extends Partial<Pick<Engine, 'start' | 'stop' | 'stats' | 'capabilities' | 'hold'>> {
  readonly log?: Partial<Log>
  readonly ledger?: Partial<Ledger>
}

export function overriding(engine: Engine, { log, ledger, ...overrides }: Overrides): Engine {
  return { ...engine, ...overrides, log: { ...engine.log, ...log }, ledger: { ...engine.ledger, ...ledger } }
}

/** Stores other requests than those given. */
export function changingRequests(
  engine: Engine,
  change: (request: AppendRequest, topic: TopicId, index: number) => AppendRequest | Promise<AppendRequest>,
): Engine {
  return overriding(engine, {
    log: {
      append: async (topic, requests) => {
        const changed: AppendRequest[] = []
        for (const [index, request] of requests.entries()) changed.push(await change(request, topic, index))
        return engine.log.append(topic, changed)
      },
    },
  })
}

/** Stores other events than those given. */
export function changingEvents(engine: Engine, change: (event: Event, index: number) => Event): Engine {
  return changingRequests(engine, (request, _, index) => ({ ...request, event: change(request.event, index) }))
}

/** Answers other pages than those read. */
export function changingPages(
  engine: Engine,
  change: (page: LogPage, options: { after: number; limit: number }) => LogPage,
): Engine {
  return overriding(engine, {
    log: { read: async (topic, options) => change(await engine.log.read(topic, options), options) },
  })
}

/** Counts restarts: what a broken engine forgets at one. */
export function onRestart(engine: Engine, restarted: () => void): Engine {
  let starts = 0
  return overriding(engine, {
    start: async () => {
      starts += 1
      if (starts > 1) restarted()
      await engine.start()
    },
  })
}

/** Does every write again in a new engine at each restart, except those that `forget` picks from all of them. */
export function replaying(settings: EngineSettings, forget: (writes: readonly Write[]) => readonly Write[]): Engine {
  let engine = memoryEngine(settings)
  let writes: Write[] = []
  let started = false
  const record = async <Result>(kind: Write['kind'], run: () => Promise<Result>): Promise<Result> => {
    writes.push({ kind, run })
    return run()
  }
  const forwarding: Engine = {
    ...engine,
    async start() {
      if (started) {
        engine = memoryEngine(settings)
        await engine.start()
        const kept = writes.filter((write) => !forget(writes).includes(write))
        writes = kept
        for (const { run } of kept) await run()
      } else await engine.start()
      started = true
    },
    stop: () => engine.stop(),
    log: {
      ...engine.log,
      create: (topic, options) => record('create', () => engine.log.create(topic, options)),
      describe: (topic) => engine.log.describe(topic),
      append: (topic, requests) => record('append', () => engine.log.append(topic, requests)),
      read: (topic, options) => engine.log.read(topic, options),
    },
    ledger: {
      ...engine.ledger,
      own: (id, options) => record('own', () => engine.ledger.own(id, options)),
      load: (id, range, limit) => engine.ledger.load(id, range, limit),
      commit: (ownership, changes) => record('commit', () => engine.ledger.commit(ownership, changes)),
    },
  }
  return forwarding
}

export interface Write {
  readonly kind: 'create' | 'append' | 'own' | 'commit'
  readonly run: () => Promise<unknown>
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function allRecords(engine: Engine, topic: TopicId): Promise<readonly LogRecord[]> {
  return (await engine.log.read(topic, { after: 0, limit: 100_000 })).records
}

export function identityOf({ source, id }: Event): string {
  return JSON.stringify([source, id])
}

/** Another id each time: whatever knew the event does not know this one. */
export function renamed(event: Event): Event {
  renames += 1
  return { ...event, id: `${event.id}~${renames}` }
}

let renames = 0

export function changingAnswers(
  engine: Engine,
  change: (
    answers: readonly AppendAnswer[],
    topic: TopicId,
  ) => readonly AppendAnswer[] | Promise<readonly AppendAnswer[]>,
): Engine {
  return overriding(engine, {
    log: { append: async (topic, requests) => change(await engine.log.append(topic, requests), topic) },
  })
}
