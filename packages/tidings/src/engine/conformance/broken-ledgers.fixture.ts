import type { LedgerEntry, LedgerId, Ownership } from '../port.ts'
import { overriding, replaying, turn, type Breakage } from './broken.fixture.ts'

const nameOf = ({ namespace, ledger, shard }: LedgerId): string => `${namespace}/${ledger}/${shard}`

/** Engines that break what the port says of the ledger. */
export const brokenLedgers: readonly Breakage[] = [
  {
    guarantee: 'a new owner has a higher epoch',
    caught: 'own() returns a higher epoch each time, after a restart too',
    broken: (engine) =>
      overriding(engine, {
        ledger: { own: async (id, options) => ({ ...(await engine.ledger.own(id, options)), epoch: 1 }) },
      }),
  },
  {
    guarantee: 'own() is one step',
    caught: 'own() by several callers at once gives each an epoch of its own',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          own: async (id, options) => {
            await engine.ledger.own(id, options)
            await turn()
            return { id, epoch: (await engine.ledger.owner(id))!.epoch }
          },
        },
      }),
  },
  {
    guarantee: 'the address of the owner is kept',
    caught: 'owner() answers the present owner and its address',
    broken: (engine) => overriding(engine, { ledger: { own: (id) => engine.ledger.own(id) } }),
  },
  {
    guarantee: 'an owner that was replaced changes nothing',
    caught: 'commit() of an owner that was replaced changes nothing and says so',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            const { epoch } = (await engine.ledger.owner(ownership.id))!
            await engine.ledger.commit({ ...ownership, epoch }, changes)
          },
        },
      }),
  },
  {
    guarantee: 'an owner that was replaced changes nothing, not even in part',
    caught: 'commit() of an owner that was replaced changes nothing and says so',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            const { epoch } = (await engine.ledger.owner(ownership.id))!
            await engine.ledger.commit({ ...ownership, epoch }, changes.slice(0, 1))
            await engine.ledger.commit(ownership, changes.slice(1))
          },
        },
      }),
  },
  {
    guarantee: 'compare and set are one step',
    caught: 'commit() that was sent before somebody else became the owner is either applied before or refused',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          // Answers at once and writes when there is time: the next owner may come between.
          commit: async (ownership, changes) => {
            await engine.ledger.commit(ownership, [])
            void turn().then(() => engine.ledger.commit(ownership, changes).catch(() => undefined))
          },
        },
      }),
  },
  {
    guarantee: 'a ledger begins with its owner',
    caught: 'commit() to a ledger that nobody ever owned is refused',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            const known = await engine.ledger.owner(ownership.id)
            await engine.ledger.commit(known ? ownership : await engine.ledger.own(ownership.id), changes)
          },
        },
      }),
  },
  {
    guarantee: 'epochs outlive the ledger',
    caught: 'remove() takes the entries away, and epochs go on growing',
    broken(engine) {
      const removedAt = new Map<string, number>()
      const real = (ownership: Ownership): Ownership => ({
        ...ownership,
        epoch: ownership.epoch + (removedAt.get(nameOf(ownership.id)) ?? 0),
      })
      return overriding(engine, {
        ledger: {
          remove: async (id) => {
            removedAt.set(nameOf(id), (await engine.ledger.owner(id))?.epoch ?? removedAt.get(nameOf(id)) ?? 0)
            await engine.ledger.remove(id)
          },
          own: async (id, options) => {
            const { epoch } = await engine.ledger.own(id, options)
            return { id, epoch: epoch - (removedAt.get(nameOf(id)) ?? 0) }
          },
          commit: (ownership, changes) => engine.ledger.commit(real(ownership), changes),
        },
      })
    },
  },
  {
    guarantee: 'commit() is durable when it resolves',
    caught: 'commit() is durable when it resolves',
    broken: (_, settings) => replaying(settings, (writes) => writes.filter(({ kind }) => kind === 'commit').slice(-1)),
  },
  {
    guarantee: 'what is committed can be loaded',
    caught: 'commit() is visible to load() when it resolves',
    broken(engine) {
      let before: readonly LedgerEntry[] = []
      return overriding(engine, {
        ledger: {
          load: async (id, range, limit) => {
            const stale = before
            before = await engine.ledger.load(id, range, limit)
            return stale
          },
        },
      })
    },
  },
  {
    guarantee: 'changes are applied in order',
    caught: 'commit() removes entries with null, and the last change of a key counts',
    broken: (engine) =>
      overriding(engine, {
        ledger: { commit: (ownership, changes) => engine.ledger.commit(ownership, changes.toReversed()) },
      }),
  },
  {
    guarantee: 'a commit is all or nothing',
    caught: 'commit() applies all changes at once',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            await engine.ledger.commit(ownership, changes.slice(0, 20))
            await new Promise((resolve) => setTimeout(resolve, 2))
            await engine.ledger.commit(ownership, changes.slice(20))
          },
        },
      }),
  },
  {
    guarantee: 'commits apply in the order sent',
    caught: 'commit() by one owner, sent at once, applies in the order sent',
    broken(engine) {
      let sent = 0
      return overriding(engine, {
        ledger: {
          commit: async (ownership, changes) => {
            sent += 1
            if (sent % 2 === 1) await turn()
            await engine.ledger.commit(ownership, changes)
          },
        },
      })
    },
  },
  {
    guarantee: 'keys are ordered by bytes',
    caught: 'load() answers a range in the order of bytes',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          load: async (id, range, limit) => {
            const entries = await engine.ledger.load(id, range, 100_000)
            return entries.toSorted((left, right) => left.key.localeCompare(right.key)).slice(0, limit)
          },
        },
      }),
  },
  {
    guarantee: 'values have any length',
    caught: 'commit() keeps long values and many entries',
    broken: (engine) =>
      overriding(engine, {
        ledger: {
          commit: (ownership, changes) => {
            const cut = changes.map(({ key, value }) => ({
              key,
              value: value === null ? null : value.slice(0, 65_535),
            }))
            return engine.ledger.commit(ownership, cut)
          },
        },
      }),
  },
  {
    guarantee: 'namespace, name and shard are three names',
    caught: 'ledgers of similar names keep apart',
    broken(engine) {
      const joined = ({ namespace, ledger, shard }: LedgerId): LedgerId => ({
        namespace,
        ledger: `${ledger}${shard}`,
        shard: 0,
      })
      const plain = ({ namespace, ledger }: LedgerId): LedgerId =>
        joined({ namespace, ledger: ledger.replace('$', ''), shard: 0 })
      return overriding(engine, {
        ledger: {
          own: async (id) => ({ ...(await engine.ledger.own(plain(id))), id }),
          owner: (id) => engine.ledger.owner(plain(id)),
          load: (id, range, limit) => engine.ledger.load(plain(id), range, limit),
          commit: ({ id, epoch }, changes) => engine.ledger.commit({ id: plain(id), epoch }, changes),
          remove: (id) => engine.ledger.remove(plain(id)),
        },
      })
    },
  },
]
