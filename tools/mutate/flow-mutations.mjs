const broker = ['broker/local-broker.test.ts']
const flow = ['delivery/flow.test.ts']
const outage = ['delivery/outage.test.ts']
const seekRate = ['broker/seek-rate.test.ts']
const priorities = ['broker/priorities.test.ts']

/** How much is handed out: pauses, limits and outages. */
export const flowMutations = [
  {
    promise: 'A paused subscription hands out nothing.',
    file: 'delivery/flow.ts',
    from: 'if (this.paused) return 0',
    to: '',
    tests: broker,
  },
  {
    promise: 'A pause outlives the broker.',
    file: 'broker/gate.ts',
    from: 'this.#flow = new Flow({ policy, paused: paused !== undefined, fresh, outage }, this.#now())',
    to: 'this.#flow = new Flow({ policy, paused: false && paused, fresh, outage }, this.#now())',
    tests: broker,
  },
  {
    promise: 'No more than maxInFlight are leased over all consumers.',
    file: 'delivery/flow.ts',
    from: 'Math.max(0, maxInFlight - inFlight)',
    to: 'Math.max(0, maxInFlight + 1 - inFlight)',
    tests: flow,
  },
  {
    promise: 'maxInFlight holds across a crash of the broker.',
    file: 'broker/gate.ts',
    from: 'if (states.some(({ reservedThrough }) => reservedThrough >= 0)) return Infinity',
    to: '',
    tests: broker,
  },
  {
    promise: 'No restart lets more through than the rate.',
    file: 'delivery/flow.ts',
    from: 'fresh ? policy.rate.burst : 0',
    to: 'policy.rate.burst',
    tests: flow,
  },
  {
    promise: 'A real outage does not use up attempts.',
    file: 'delivery/excuses.ts',
    from: 'entry.attempts = Math.max(0, entry.attempts - doubt.attempts)',
    to: '',
    tests: outage,
  },
  {
    promise: 'One poison message on a quiet subscription is not an outage.',
    file: 'delivery/outage.ts',
    from: 'if (keys.size < wanted) return',
    to: '',
    tests: outage,
  },
  {
    promise: 'In an outage single deliveries are tried.',
    file: 'delivery/outage.ts',
    from: 'isOut ? probe.since + patienceMs : -Infinity',
    to: 'isOut ? -Infinity : -Infinity',
    tests: outage,
  },
  {
    promise: 'A Retry-After holds for the probes of an outage.',
    file: 'delivery/outage.ts',
    from: 'this.#nextProbeAt = Math.max(this.#nextProbeAt, now.monotonic + pauseMs)',
    to: '',
    tests: outage,
  },
  {
    promise: 'A flood of unimportant work never delays what matters.',
    file: 'broker/subscription-runner.ts',
    from: 'this.lanes.flatMap((lane) => inTurn(lane, this.#turn))',
    to: 'inTurn(this.shards, this.#turn)',
    tests: priorities,
  },
  {
    promise: 'Each event has one priority, and is counted once.',
    file: 'broker/priorities.ts',
    from: 'records: records.filter(({ event }) => this.of(event) === priority)',
    to: 'records',
    tests: priorities,
  },
  {
    promise: 'A consumer takes what matters first of what it holds.',
    file: 'consumer/lanes.ts',
    from: 'priority < first.priority',
    to: 'false',
    tests: ['consumer/consume.test.ts'],
  },
  {
    promise: 'Retention keeps what every priority still needs.',
    file: 'broker/needs.ts',
    from: 'shard < ledgerCount(shards, policy)',
    to: 'shard < shards',
    tests: broker,
  },
  {
    promise: 'A removed subscription leaves nothing behind in any priority.',
    file: 'broker/namespace.ts',
    from: 'shard < ledgerCount(shards, policy)',
    to: 'shard < shards',
    tests: broker,
  },
  {
    promise: 'What was erased is gone from every priority.',
    file: 'broker/erase.ts',
    from: 'shard < ledgerCount(shards, policy)',
    to: 'shard < shards',
    tests: broker,
  },
  {
    promise: 'Priorities are fixed when a subscription is created.',
    file: 'broker/namespace.ts',
    from: 'keepPriorities(present, resolvePolicy(definition.policy))',
    to: 'resolvePolicy(definition.policy)',
    tests: broker,
  },
  {
    promise: 'A bounded seek hands out no more than it allows, also after a restart.',
    file: 'broker/gate.ts',
    from: 'if (moved.some(({ floor }) => floor < rate.until)) return rate',
    to: '',
    tests: seekRate,
  },
  {
    promise: 'A bounded seek ends when its events have passed.',
    file: 'broker/gate.ts',
    from: 'floor < rate.until',
    to: 'true',
    tests: seekRate,
  },
  {
    promise: 'A restart keeps the bound of a seek.',
    file: 'broker/gate.ts',
    from: 'this.#seekRate = seekRate\n    this.#seekGeneration = seekRate?.generation\n    this.#flow',
    to: 'this.#flow',
    tests: seekRate,
  },
  {
    promise: 'A bounded seek begins without a burst.',
    file: 'delivery/flow.ts',
    from: 'new TokenBucket(rate, 0, now)',
    to: 'new TokenBucket(rate, rate.burst, now)',
    tests: flow,
  },
]
