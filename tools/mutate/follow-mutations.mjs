const broker = ['broker/local-broker.test.ts']
const follow = ['broker/follow.test.ts']
const live = ['../../server/src/live.test.ts']
const broadcast = ['consumer/broadcast.test.ts']

/**
 * Whoever follows a topic live goes on where it was, or is told; one that is slow costs no memory.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const followMutations = [
  {
    promise: 'A follower goes on after the position that it names.',
    file: 'broker/follow.ts',
    from: 'offset: await namespace.offsetAfter(topic, after) }',
    to: 'offset: (await namespace.offsetAfter(topic, after), head) }',
    tests: broker,
    name: 'over the memory engine follow',
  },
  {
    promise: 'A follower that comes with a position of another life is told so.',
    file: 'broker/follow.ts',
    from: 'if (this.#place.reset !== undefined) await this.#reset(this.#place)',
    to: '',
    tests: broker,
    name: 'over the memory engine follow',
  },
  {
    promise: 'A follower that retention overtook is told so.',
    file: 'broker/follow.ts',
    from: 'isThere: trimmed <= offset',
    to: 'isThere: true',
    tests: follow,
  },
  {
    promise: 'A follower whose topic was made anew is told so.',
    file: 'broker/follow.ts',
    from: 'isSameLife: present === incarnation',
    to: 'isSameLife: true',
    tests: follow,
  },
  {
    promise: 'A follower is told of events that are damaged.',
    file: 'broker/follow.ts',
    from: 'return seen.page.damaged.length > 0 ? `Events are damaged: ${advice}` : undefined',
    to: 'return undefined',
    tests: follow,
  },
  {
    promise: 'The next page is not read before a follower has taken the one before.',
    file: 'broker/follow.ts',
    from: 'if (events.length > 0) await request.onEvents(events, until)',
    to: 'if (events.length > 0) void request.onEvents(events, until)',
    tests: broker,
    name: 'over the memory engine follow',
  },
  {
    promise: 'A page for a follower is bounded in bytes.',
    file: 'broker/follow.ts',
    from: 'Math.min(longestLimit, Math.floor((pageBytes * records.length) / bytes))',
    to: 'longestLimit',
    tests: follow,
  },
  {
    promise: 'A follower gets neither what is erased nor what is stale.',
    file: 'broker/follow.ts',
    from: '.filter(({ erased, stale }) => !erased && !stale)',
    to: '',
    tests: [...broker, ...follow],
    name: 'follow',
  },
  {
    promise: 'A page whose reading began before its topic has grown is for nobody who asks after that.',
    file: 'broker/follow.ts',
    from: 'options.pages.hasGrown(options.id)',
    to: '',
    tests: follow,
    name: 'a page that was asked for',
  },
  {
    promise: 'A page is read once for all who follow from the same place.',
    file: 'broker/follow.ts',
    from: 'if (known) return known',
    to: '',
    tests: follow,
    name: 'a page is read once',
  },
  {
    promise: 'A follower hears when its broker stops.',
    file: 'broker/follow.ts',
    from: 'for (const follow of this.#running) follow.fail(reason)',
    to: '',
    tests: follow,
  },
  // ----------------------------------------------------------------------------------------------------- remote clients
  {
    promise: 'A remote follower whose line broke goes on where it was.',
    file: 'client/live.ts',
    from: 'return await open(this.#after, this.#listeners())',
    to: 'return await open(undefined, this.#listeners())',
    tests: live,
    name: 'half open',
  },
  {
    promise: 'A remote follower is told that its line is stale.',
    file: 'client/live.ts',
    from: 'request.onStale?.(reason)',
    to: '',
    tests: live,
    name: 'half open',
  },
  {
    promise: 'A remote follower waits for a server whose store was wiped, and has the full state after that.',
    file: 'client/live.ts',
    from: 'isEnd = isFinalBesidePassing',
    to: '',
    tests: live,
    name: 'wiped',
  },
  {
    promise: 'A half-open WebSocket is noticed by the client.',
    file: 'client/socket.ts',
    from: 'if (silentMs > silenceLimitMs(pingIntervalMs)) {',
    to: 'if (false) {',
    tests: [...live, '../../server/src/connection.test.ts'],
    name: 'WebSocket (says when its connection is half open|notices a server)',
  },
  {
    promise: 'A half-open event stream is noticed by the client.',
    file: 'client/event-source.ts',
    from: 'silence = environment.timers.after(limitMs, () => abort(lost(`nothing was heard for ${limitMs} ms`)))',
    to: '',
    tests: live,
    name: 'half open',
  },
  // ----------------------------------------------------------------------------------------------------------- broadcast
  {
    promise: 'An instance whose subscription is gone is reset, never resumed silently.',
    file: 'consumer/broadcast.ts',
    from: "if (error instanceof TidingsError && error.code === 'subscription-unknown') end()",
    to: '',
    tests: broadcast,
  },
  {
    promise: 'An instance begins anew where an earlier life left its subscription behind.',
    file: 'consumer/broadcast.ts',
    from: "await broker.seek(caller, { subscription, to: 'end' })",
    to: '',
    tests: broadcast,
  },
  {
    promise: 'An instance gets the newest of every key first, over all pages.',
    file: 'consumer/broadcast.ts',
    from: 'if (page.next === undefined) return',
    to: 'return',
    tests: broadcast,
  },
  {
    promise: 'An instance that stops leaves no subscription behind.',
    file: 'consumer/broadcast.ts',
    from: 'await broker.removeSubscription(caller, subscription).catch(() => undefined)',
    to: '',
    tests: broadcast,
  },
  {
    promise: 'No event comes before the reset of an instance is done.',
    file: 'consumer/broadcast.ts',
    from: "await onReset(kind === 'entity'",
    to: "void onReset(kind === 'entity'",
    tests: broadcast,
  },
]
