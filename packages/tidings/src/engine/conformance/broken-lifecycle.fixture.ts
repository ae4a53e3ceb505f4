import { memoryEngine } from '../../engines/memory/index.ts'
import { overriding, replaying, turn, type Breakage } from './broken.fixture.ts'

/** Engines that break what the port says of starting, stopping, and the life of topics. */
export const brokenLifecycles: readonly Breakage[] = [
  {
    guarantee: 'start() and stop() may be called again',
    caught: 'start() and stop() are idempotent, one after the other and at once',
    broken(engine) {
      let running = false
      const once = async (to: boolean, run: () => Promise<void>): Promise<void> => {
        if (running === to) throw new Error('already')
        running = to
        await run()
      }
      return overriding(engine, { start: () => once(true, engine.start), stop: () => once(false, engine.stop) })
    },
  },
  {
    guarantee: 'a stopped engine has not lost its content',
    caught: 'an engine may be started again after it was stopped',
    broken: (_, settings) => replaying(settings, (writes) => writes),
  },
  {
    guarantee: 'a stopped engine does nothing',
    caught: 'a stopped engine refuses every call',
    broken: (engine) => overriding(engine, { stop: async () => {} }),
  },
  {
    guarantee: 'stop() waits for what was accepted',
    caught: 'stop() finishes what was accepted',
    broken: (engine) =>
      overriding(engine, {
        log: {
          append: async (topic, requests) => {
            await turn()
            return engine.log.append(topic, requests)
          },
        },
      }),
  },
  {
    guarantee: 'describe() tells an unknown topic by undefined',
    caught: 'create() makes an empty log that describe() knows',
    broken: (engine) =>
      overriding(engine, {
        log: {
          describe: async (topic) => {
            const description = await engine.log.describe(topic)
            if (!description) throw new Error('unknown')
            return description
          },
        },
      }),
  },
  {
    guarantee: 'create() leaves an existing log alone',
    caught: 'create() answers the existing log when the settings are equal',
    broken: (engine) =>
      overriding(engine, {
        log: {
          create: async (topic, settings) => {
            await engine.log.remove(topic)
            return engine.log.create(topic, settings)
          },
        },
      }),
  },
  {
    guarantee: 'create() is one step',
    caught: 'create() by several callers at once makes one log',
    broken: (engine) =>
      overriding(engine, {
        log: {
          create: async (topic, settings) => {
            const existing = await engine.log.describe(topic)
            if (existing) return existing
            await turn()
            await engine.log.remove(topic)
            return engine.log.create(topic, settings)
          },
        },
      }),
  },
  {
    guarantee: 'create() compares the settings',
    caught: 'create() refuses other settings for an existing topic',
    broken: (engine) =>
      overriding(engine, {
        log: {
          create: async (topic, settings) => (await engine.log.describe(topic)) ?? engine.log.create(topic, settings),
        },
      }),
  },
  {
    guarantee: 'a created topic survives',
    caught: 'create() is durable',
    broken: (_, settings) => replaying(settings, (writes) => writes.filter(({ kind }) => kind === 'create')),
  },
  {
    guarantee: 'each life of a topic has a name of its own',
    caught: 'remove() takes the events away and the next topic of the name is another life',
    broken: (engine) =>
      overriding(engine, {
        log: {
          create: async (topic, settings) => ({ ...(await engine.log.create(topic, settings)), incarnation: 'same' }),
        },
      }),
  },
  {
    guarantee: 'an unknown topic is not an empty one',
    caught: 'a topic that does not exist is topic-unknown to every call',
    broken: (engine) =>
      overriding(engine, {
        log: {
          read: async (topic, options) =>
            (await engine.log.describe(topic))
              ? engine.log.read(topic, options)
              : { records: [], until: options.after, damaged: [] },
        },
      }),
  },
  {
    guarantee: 'namespace and topic are two names',
    caught: 'topics of similar names keep apart',
    broken(engine) {
      const joined = (topic: { namespace: string; topic: string }) => ({
        namespace: 'all',
        topic: `${topic.namespace}.${topic.topic}`,
      })
      return overriding(engine, {
        log: {
          create: (topic, settings) => engine.log.create(joined(topic), settings),
          append: (topic, requests) => engine.log.append(joined(topic), requests),
          read: (topic, options) => engine.log.read(joined(topic), options),
          remove: (topic) => engine.log.remove(joined(topic)),
        },
      })
    },
  },
  {
    guarantee: 'watch() tells whoever waits',
    caught: 'watch() hints at an append, and the event is there',
    broken: (engine) => overriding(engine, { log: { watch: () => () => {} } }),
  },
  {
    guarantee: 'each watch() ends for itself',
    caught: 'watch() ends one listener and no other',
    broken(engine) {
      const listeners = new Set<() => void>()
      return overriding(engine, {
        log: {
          append: async (topic, requests) => {
            const answers = await engine.log.append(topic, requests)
            for (const listener of listeners) listener()
            return answers
          },
          watch: (_, listener) => {
            listeners.add(listener)
            return () => listeners.delete(listener)
          },
        },
      })
    },
  },
  {
    guarantee: 'space is reused',
    caught: 'trim() gives space back',
    broken(_, settings) {
      let bytes = 0
      const engine = memoryEngine(settings)
      return overriding(engine, {
        capabilities: { ...engine.capabilities, durable: true },
        stats: async () => ({ bytes }),
        log: {
          append: (topic, requests) => {
            for (const { event } of requests) bytes += event.data?.length ?? 0
            return engine.log.append(topic, requests)
          },
        },
      })
    },
  },
]
