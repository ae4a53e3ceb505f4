const leadership = ['together/leadership.test.ts']
const together = ['together/together.postgres.test.ts']

/**
 * What several servers on one store hang on.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const togetherMutations = [
  {
    promise: 'A leader that lives is not replaced.',
    file: 'together/leadership.ts',
    from: 'if (this.#seen?.mark !== mark) this.#seen',
    to: 'if (this.#seen === undefined) this.#seen',
    tests: leadership,
  },
  {
    promise: 'A leader that could not be seen, because the store was away, is not replaced.',
    file: 'together/leadership.ts',
    from: '        this.#seen = undefined\n',
    to: '',
    tests: leadership,
  },
  {
    promise: 'Whoever stops in good order lets another one lead at once.',
    file: 'together/leadership.ts',
    from: 'if (!owner || entry?.resigned) return true',
    to: 'if (!owner) return true',
    tests: leadership,
  },
  {
    promise: 'A server is not sure to lead any more before another one can.',
    file: 'together/leadership.ts',
    from: "this.#view.state === 'leading' && this.#now() < this.#sureUntil",
    to: "this.#view.state === 'leading'",
    tests: leadership,
  },
  {
    promise: 'A server that was replaced learns it and follows.',
    file: 'together/leadership.ts',
    from: "      if (this.#view.state === 'leading') this.#change({ state: 'looking' })\n      return false",
    to: '      return false',
    tests: leadership,
  },
  {
    promise: 'A process that comes back in its own place does not wait for its own silence.',
    file: 'together/leadership.ts',
    from: 'if (isFirst && owner.address === this.#options.address) return true',
    to: '',
    tests: leadership,
  },
  {
    promise: 'A server that may have been replaced hands out nothing from its memory.',
    file: 'together/while-sure.ts',
    from: '        if (isSure()) return request.onDeliveries(deliveries)',
    to: '        return request.onDeliveries(deliveries)',
    tests: ['together/while-sure.test.ts'],
  },
  {
    promise: 'A server that may have been replaced while it was asked does not answer.',
    file: 'together/while-sure.ts',
    from: '        ensure()\n        return answer',
    to: '        return answer',
    tests: ['together/while-sure.test.ts'],
  },
  {
    promise: 'A server that asks for tokens does not carry strangers to one that does not.',
    file: 'together/together.ts',
    from: 'if (asksForTokens || !this.#access.asksForTokens) return undefined',
    to: 'return undefined',
    tests: together,
    name: 'carries nothing',
  },
  {
    promise: 'A process says that it lives although its leader does not answer.',
    file: 'together/forward.ts',
    from: 'if (first.subarray(0, ownRequest.length).equals(ownRequest)) handOver(connection, take)\n      else forward',
    to: 'forward',
    tests: together,
    name: 'stands still',
  },
  {
    promise: 'Whoever sends no whole head is cut off, also where somebody else accepted the connection.',
    file: 'app.ts',
    from: "  app.server.emit('listening')",
    to: '',
    tests: together,
    name: 'deadlines',
  },
]
