const guard = ['push/guard.test.ts']
const push = ['push/push.test.ts']

/**
 * Where push may go: nobody who may set a URL reaches what only the server can reach.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const guardMutations = [
  {
    promise: 'A name that means a private address is refused when it is set.',
    file: 'push/push.ts',
    from: 'await this.#checkAddresses(url)',
    to: '',
    tests: push,
    name: 'refuses a name that means',
  },
  {
    promise: 'Every address of a name is checked, not the first alone.',
    file: 'push/guard.ts',
    from: 'for (const { address } of found) {',
    to: 'for (const { address } of found.slice(0, 1)) {',
    tests: guard,
  },
  {
    promise: 'The addresses of a name are checked again when the connection is made.',
    file: 'push/guard.ts',
    from: 'this.addresses(url).then(',
    to: 'this.#resolve(url.hostname).then(',
    tests: guard,
    name: 'a connection',
  },
  {
    promise: 'A connection goes to the addresses that were checked.',
    file: 'push/exchange.ts',
    from: 'lookup: guard.lookup(url),',
    to: '',
    tests: guard,
    name: 'a connection',
  },
  {
    promise: 'An address in the URL is checked when the connection is made.',
    file: 'push/exchange.ts',
    from: 'guard.check(url.href)',
    to: '',
    tests: guard,
    name: 'a connection',
  },
  {
    promise: 'Where a cloud keeps credentials is never allowed.',
    file: 'push/guard.ts',
    from: 'if (neverAllowed.has(address.toString())) return `${place} is where a cloud keeps credentials; it is never allowed.`',
    to: '',
    tests: guard,
  },
  {
    promise: 'An address that is mapped into another one is not public.',
    file: 'push/guard.ts',
    from: 'if (!isPublic(ipaddr.parse(text)))',
    to: 'if (!isPublic(address))',
    tests: guard,
  },
  {
    promise: 'What is outside of global unicast is not public.',
    file: 'push/guard.ts',
    from: "return address.kind() === 'ipv4' || address.match(globalUnicast, 3)",
    to: 'return true',
    tests: guard,
  },
  {
    promise: 'Nothing goes to a public address without https.',
    file: 'push/guard.ts',
    from: 'return target.secure ? undefined : `${place} is not reached over https.`',
    to: 'return undefined',
    tests: guard,
  },
  {
    promise: 'A URL with a password in it is refused.',
    file: 'push/guard.ts',
    from: "if (url.username !== '' || url.password !== '') {",
    to: 'if (false) {',
    tests: guard,
  },
  {
    promise: 'The ports of other protocols are refused.',
    file: 'push/guard.ts',
    from: 'if (!isOpen && port <= lastSystemPort && port !== plainPorts[url.protocol]) {',
    to: 'if (false) {',
    tests: guard,
  },
  {
    promise: 'Whoever may not consume a subscription may not say where it is pushed to.',
    file: 'push/push.ts',
    from: 'await this.#allowed(caller, subscription)\n      const url',
    to: 'const url',
    tests: push,
    name: 'may consume',
  },
]
