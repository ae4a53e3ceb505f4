const broker = ['broker/local-broker.test.ts']
const flow = ['delivery/flow.test.ts']
const outage = ['delivery/outage.test.ts']

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
    from: 'options.fresh ? (options.policy.rate?.burst ?? 0) : 0',
    to: 'options.policy.rate?.burst ?? 0',
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
]
