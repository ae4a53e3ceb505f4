const machine = ['delivery/machine.test.ts']
const failure = ['delivery/failure.test.ts']
const broker = ['broker/local-broker.test.ts']

/**
 * How often an event is tried, and what becomes of it then.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const attemptMutations = [
  // ----------------------------------------------------------------------------------------------------------- attempts
  {
    promise: 'A crash is not held against what was prefetched: an attempt counts when its handler starts.',
    file: 'delivery/transitions.ts',
    from: 'other.suspect = true',
    to: 'other.suspect = true\n      other.attempts++',
    tests: broker,
    name: 'over the memory engine what a lost holder',
  },
  {
    promise: 'What is handed back was not attempted.',
    file: 'delivery/transitions.ts',
    from: '        if (entry.counted) entry.attempts--\n        if (entry.stored)',
    to: '        if (entry.stored)',
    tests: failure,
    name: 'counts no attempt',
  },
  {
    promise: 'The first retries are quick.',
    file: 'delivery/policy.ts',
    from: 'if (quick !== undefined) return quick',
    to: '',
    tests: machine,
    name: 'begins with the quick',
  },
  {
    promise: 'Retries are spread, so that they do not come all at once.',
    file: 'delivery/policy.ts',
    from: 'policy.minDelayMs + chance * Math.max(0, ceiling - policy.minDelayMs)',
    to: 'ceiling',
    tests: machine,
    name: 'begins with the quick',
  },
  {
    promise: 'Retries come further and further apart.',
    file: 'delivery/policy.ts',
    from: '2 ** Math.min(doublings, 50)',
    to: '1',
    tests: machine,
    name: 'begins with the quick',
  },
  {
    promise: 'No retry is further away than the policy says.',
    file: 'delivery/policy.ts',
    from: 'Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** Math.min(doublings, 50))',
    to: 'policy.minDelayMs * 2 ** Math.min(doublings, 50)',
    tests: machine,
    name: 'begins with the quick',
  },
  {
    promise: 'A policy that says nothing gives 24 attempts.',
    file: 'delivery/policy.ts',
    from: 'maxAttempts: 24',
    to: 'maxAttempts: 25',
    tests: failure,
    name: '24 attempts',
  },
  {
    promise: 'A retry holds up what follows it in its key.',
    file: 'delivery/key-queue.ts',
    from: 'get head(): Entry | undefined {\n    return this.entries[0]',
    to: "get head(): Entry | undefined {\n    return this.entries.find(({ state }) => state === 'ready') ?? this.entries[0]",
    tests: failure,
    name: 'holds up its own key',
  },
  {
    promise: 'A retry holds up no other key.',
    file: 'delivery/shard-state.ts',
    from: 'let queue = this.queues.get(key)',
    to: 'let queue = this.queues.get([...this.queues.keys()][0] ?? key)',
    tests: failure,
    name: 'holds up its own key',
  },
  // ------------------------------------------------------------------------------------------------------- dead letters
  {
    promise: 'Operators see how many events wait behind a dead letter.',
    file: 'delivery/aside.ts',
    from: '    queue.parked++\n',
    to: '',
    tests: broker,
    name: 'over the memory engine park: later events',
  },
  {
    promise: 'Operators see how many events wait behind a dead letter, also after a crash.',
    file: 'delivery/recovery.ts',
    from: 'queue.parked = held.parked',
    to: '',
    tests: broker,
    name: 'over the memory engine a dead letter survives',
  },
  {
    promise: 'Continue: later events of a key go on.',
    file: 'delivery/transitions.ts',
    from: "stops: onDeadLetter !== 'continue'",
    to: 'stops: true',
    tests: failure,
    name: 'continue: its key goes on',
  },
  {
    promise: 'Two operators who redrive one dead letter make one delivery.',
    file: 'broker/shard-runner.ts',
    from: 'return this.#alone(async () => {\n      let seen = await this.#look(keys)\n      // Nothing comes between this comparison and the action: what left its place meanwhile is not acted on there.\n      while (seen.returns !== this.machine.state.returns) seen = await this.#look(keys)',
    to: 'return Promise.resolve().then(async () => {\n      const seen = await this.#look(keys)',
    tests: broker,
    name: 'over the memory engine two operators redriving',
  },
  {
    promise: 'What left its place while an operator looked for it is not acted on there.',
    file: 'broker/shard-runner.ts',
    from: 'while (seen.returns !== this.machine.state.returns) seen = await this.#look(keys)',
    to: '',
    tests: ['broker/history.test.ts'],
    name: 'an event that came due while',
  },
  {
    promise: 'Each key keeps its order beside subscriptions that are slow or poisoned.',
    file: 'delivery/key-queue.ts',
    from: 'get head(): Entry | undefined {\n    return this.entries[0]',
    to: "get head(): Entry | undefined {\n    return this.entries.find(({ state }) => state === 'ready') ?? this.entries[0]",
    tests: ['../../server/src/slow-consumer.test.ts'],
    programs: true,
  },
  // ------------------------------------------------------------------------------------------------------------ schemas
  {
    promise: 'What is parked is not judged by a later schema.',
    file: 'broker/operators.ts',
    from: '    return deadLetters.redrive(runner, offsets, edit)',
    to: "    const namespace = await this.#entrance.subscription(caller, 'operate', subscription)\n    const publisher = await namespace.publisher((await namespace.subscription(subscription)).topic)\n    for (const { event } of (await this.deadLetters(caller, { subscription })).deadLetters) publisher.check(event)\n    return deadLetters.redrive(runner, offsets, edit)",
    tests: broker,
    name: 'over the memory engine what is parked stays',
  },
]
