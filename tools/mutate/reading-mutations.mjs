const versions = ['contract/versions.test.ts']
const reading = ['service/reading.test.ts']
const copies = ['replica/unread.test.ts']
const observing = ['service/observed.test.ts']

/** @type {readonly import('./mutations.mjs').Mutation[]} */
export const readingMutations = [
  // --------------------------------------------------------------------------------------------------- versions
  {
    promise: 'Every event says the version of its schema.',
    file: 'contract/event-type.ts',
    from: "datacontenttype: 'application/json', dataschema, data }",
    to: "datacontenttype: 'application/json', data }",
    tests: ['contract/versions.test.ts', 'service/transactions.test.ts'],
  },
  {
    promise: 'What a capture publishes says the version of its schema.',
    file: 'capture/events.ts',
    from: 'dataschema: entity[change].dataschema,',
    to: '',
    tests: ['capture/mapping.postgres.test.ts'],
  },
  {
    promise: 'What SQL publishes says the version that SQL named.',
    file: 'outbox/postgres/schema-versions.ts',
    from: "'tidings:' || type || '/' || schema_version end",
    to: "'tidings:' || type || '/1' end",
    tests: ['outbox/postgres/publish.postgres.test.ts'],
  },
  {
    promise: 'A gap in the upcasts of a contract is refused.',
    file: 'contract/versions.ts',
    from: "if (typeof upcasts?.[number] === 'function') continue",
    to: 'continue',
    tests: versions,
  },
  {
    promise: 'The end of an entity can be read whatever its version.',
    file: 'contract/contract.ts',
    from: '...versioned(`${topic}.deleted`, onlyVersion),',
    to: '...versioned(`${topic}.deleted`, versions),',
    tests: versions,
  },
  // ---------------------------------------------------------------------------------------------------- reading
  {
    promise: 'A handler gets events of older versions as the newest has them.',
    file: 'contract/event-type.ts',
    from: 'version === eventType.version ? value : upcast(eventType, version, value)',
    to: 'value',
    tests: reading,
  },
  {
    promise: 'Upcasts are chained up to the newest version.',
    file: 'contract/versions.ts',
    from: 'for (let number = version; number < newest; number++) {\n    made',
    to: 'for (let number = version; number < version + 1; number++) {\n    made',
    tests: reading,
  },
  {
    promise: 'An event of a newer version is not taken for one of a known version.',
    file: 'contract/versions.ts',
    from: 'if (version >= oldestVersion && version <= newest) return version',
    to: 'if (version >= oldestVersion) return Math.min(version, newest)',
    tests: reading,
  },
  {
    promise: 'What a handler cannot read is a dead letter at once.',
    file: 'service/handler.ts',
    from: 'throw new TerminalError(`unreadable:',
    to: 'throw new Error(`unreadable:',
    tests: reading,
  },
  // ----------------------------------------------------------------------------------------------------- copies
  {
    promise: 'A copy has states of older versions as the newest has them.',
    file: 'replica/change.ts',
    from: 'version === entity.version ? value : upcast(typeOf(event, entity), version, value)',
    to: 'value',
    tests: copies,
  },
  {
    promise: 'A copy knows whose newest state it could not read.',
    file: 'replica/build-run.ts',
    from: 'if (!(await this.#applier.setAside(read))) return',
    to: '',
    tests: copies,
  },
  {
    promise: 'A copy is complete without the rows that it cannot read, and shows the holes.',
    file: 'replica/applier.ts',
    from: 'const keeping = await this.unread.keep(transaction, changes, states)',
    to: 'const keeping = { kept: states, more: 0 }',
    tests: copies,
  },
  {
    promise: 'A service with a newer contract heals the rows that the one before could not read.',
    file: 'replica/build-run.ts',
    from: 'if (this.#looksAgain && this.unread > 0) this.#listedUntil = this.#cursor = undefined',
    to: '',
    tests: copies,
  },
  {
    promise: 'A state that cannot be read and is older than the copy is no loss.',
    file: 'replica/unread.ts',
    from: 'if ((await this.#present(transaction, key)) >= version) continue',
    to: '',
    tests: ['replica/applier.test.ts'],
  },
  {
    promise: 'A state that can be read ends what could not be read of its key.',
    file: 'replica/unread.ts',
    from: 'this.size === 0 ? 0 : -(await this.#forget(transaction, changes))',
    to: '0',
    tests: copies,
  },
  {
    promise: 'A process knows what another one of its service has read meanwhile.',
    file: 'replica/freshness.ts',
    from: 'await this.#also().catch(() => undefined)',
    to: '',
    tests: copies,
  },
  {
    promise: 'A copy in memory shows what it could not read.',
    file: 'replica/memory-replica.ts',
    from: 'if (state) unread.set(state.key, state.version)',
    to: '',
    tests: copies,
  },
  {
    promise: 'Whoever runs a service is told what its copies cannot read.',
    file: 'replica/unread-report.ts',
    from: 'this.#parts.report({',
    to: 'void ({',
    tests: copies,
  },
  // ------------------------------------------------------------------------------------------------------ needs
  {
    promise: 'What a handler took and did not look into counts as read.',
    file: 'service/handler-reads.ts',
    from: 'for (const pointer of this.#touched) if (!inside.has(pointer)) this.#read.add(pointer)',
    to: '',
    tests: observing,
  },
  {
    promise: 'A property that is absent counts as read as well.',
    file: 'service/observed.ts',
    from: '(asked.has(name) || name in target)',
    to: 'true',
    tests: observing,
  },
  {
    promise: 'A handler gets one object for one object.',
    file: 'service/observed.ts',
    from: 'if (known) return known',
    to: '',
    tests: observing,
  },
  {
    promise: 'Frozen data does not break the handler that is looked at.',
    file: 'service/observed.ts',
    from: 'if (isReplaceable(target, name)) return this.of(value, at)',
    to: 'return this.of(value, at)',
    tests: observing,
  },
  {
    promise: 'What is known of a handler stays within bounds.',
    file: 'service/handler-reads.ts',
    from: 'const isTooMuch = this.#fields.size >= mostFields || field.length > longestField',
    to: 'const isTooMuch = false',
    tests: observing,
  },
  {
    promise: 'A handler that clones its data is handled at once.',
    file: 'service/handler.ts',
    from: 'if (!isCloneError(error)) throw error',
    to: 'throw error',
    tests: ['service/needs.test.ts'],
  },
  {
    promise: 'What a broker did not take of the needs is told again.',
    file: 'service/needs.ts',
    from: 'await broker.reportNeeds(caller, { service, needs })',
    to: 'void broker.reportNeeds(caller, { service, needs }).catch(() => undefined)',
    tests: ['service/needs.test.ts'],
  },
  {
    promise: 'Telling what is needed does not hold up the stop of a service.',
    file: 'service/needs.ts',
    from: 'await Promise.race([told, sleep(this.#options.environment, longestStopMs, given.signal)])',
    to: 'await told',
    tests: ['service/needs.test.ts'],
  },
]
