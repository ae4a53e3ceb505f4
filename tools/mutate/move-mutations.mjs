const refusals = ['move/refusals.test.ts']
const both = ['move/move.test.ts']
const held = ['engines/postgres/hold.postgres.test.ts']

/**
 * That a store which is moved is whole, and that one of two serves.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const moveMutations = [
  {
    promise: 'A move: the two stores are compared before the source is left.',
    file: 'move/move.ts',
    from: 'if (before.digest !== after.digest) throw',
    to: "if (before.digest === '') throw",
    tests: refusals,
    name: 'does not give what it was given',
  },
  {
    promise: 'A move: the source serves nobody once its content is elsewhere.',
    file: 'move/move.ts',
    from: 'await this.#source.leave({ move, to: to.place })',
    to: 'await Promise.resolve()',
    tests: refusals,
    name: 'a source that was moved',
  },
  {
    promise: 'A move: a target that is full and waits for its end is replaced by its own source only.',
    file: 'move/move.ts',
    from: 'if (arrival && (!arrival.ready || arrival.store === store)) return',
    to: 'if (arrival) return',
    tests: refusals,
    name: 'that may be the only one',
  },
  {
    promise: 'A move: a target that holds something is refused.',
    file: 'move/move.ts',
    from: 'await this.#ensureEmpty(place)',
    to: 'await Promise.resolve()',
    tests: refusals,
    name: 'a target that holds something',
  },
  {
    promise: 'A move: a store that was left does not start.',
    file: 'engine/standing.ts',
    from: 'if (departure) throw storeMoved(departure, what)',
    to: "if (departure && what === '') throw storeMoved(departure, what)",
    tests: refusals,
    name: 'a source that was moved',
  },
  {
    promise: 'A move: a listing that is under way begins again where the engine is another.',
    file: 'engine/cursor.ts',
    from: ' || match[3] !== engine',
    to: '',
    tests: refusals,
    name: 'a listing that is under way',
  },
  {
    promise: 'A move: what is published again is recognised by the hash that moved along.',
    file: 'engines/embedded/fill.ts',
    from: 'identity: hashOf(event, topic.item.seed)',
    to: 'identity: hashOf(event, 0)',
    tests: both,
    name: 'memory to embedded',
  },
  {
    promise: 'A move: what was trimmed before is recognised in PostgreSQL as well.',
    file: 'engines/postgres/topic-lookup.ts',
    from: 'if (topic.carried <= Math.max(0, topic.head - maxIds)) return []',
    to: 'return []',
    tests: ['move/move.postgres.test.ts'],
    name: 'embedded to postgres',
  },
  {
    promise: 'A move: what a trim was told to keep goes with the next one in PostgreSQL as well.',
    file: 'engines/postgres/fill.ts',
    from: 'await this.#run(keeping, [number, item.trimmed])',
    to: 'await this.#run(keeping, [number, 0])',
    tests: ['move/move.postgres.test.ts'],
    name: 'embedded to postgres',
  },
  {
    promise: 'A move: nobody writes to a store in PostgreSQL from the moment on in which it is read.',
    file: 'engines/postgres/transfer.ts',
    from: 'in share row exclusive mode`',
    to: 'in access share mode`',
    tests: held,
    name: 'waits, and is refused',
  },
  {
    promise: 'A move: a server that still runs is refused by PostgreSQL once the store was left.',
    file: 'engines/postgres/transfer.ts',
    from: 'await this.#run(refusing)',
    to: 'await Promise.resolve()',
    tests: held,
    name: 'waits, and is refused',
  },
]
