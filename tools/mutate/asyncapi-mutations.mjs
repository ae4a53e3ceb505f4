const document = ['asyncapi/document.test.ts']
const service = ['asyncapi/service.test.ts']

/**
 * What a service is said to publish, accept and read in an AsyncAPI document.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const asyncapiMutations = [
  {
    promise: 'The AsyncAPI document of a service names what it reads of others.',
    file: 'asyncapi/document.ts',
    from: 'owner === service || readers.length > 0',
    to: 'owner === service',
    tests: document,
    name: 'names what it sends',
  },
  {
    promise: 'The AsyncAPI document of a service names nothing of others that it does not read.',
    file: 'asyncapi/document.ts',
    from: 'owner === service || readers.length > 0',
    to: 'owner === service || true',
    tests: document,
    name: 'names what it sends',
  },
  {
    promise: 'Who else reads a topic of others is no part of the AsyncAPI document of a service.',
    file: 'asyncapi/document.ts',
    from: 'owner === service ? topic.consumers : readers',
    to: 'topic.consumers',
    tests: document,
    name: 'names what it sends',
  },
  {
    promise: 'An AsyncAPI document says that tasks and answers are received.',
    file: 'asyncapi/document.ts',
    from: "isOwn && topic.kind !== 'task' && !topic.replies",
    to: 'isOwn',
    tests: document,
    name: 'says to whom tasks',
  },
  {
    promise: 'An AsyncAPI document names the types that a filter lets through, and no others.',
    file: 'asyncapi/document.ts',
    from: 'named.some((types) => types?.includes(type))',
    to: 'true',
    tests: document,
    name: 'is there for a service that owns nothing',
  },
  {
    promise: 'The version of an AsyncAPI document grows with each registration.',
    file: 'asyncapi/document.ts',
    from: '.${revisions.length}.0',
    to: '.0.0',
    tests: document,
    name: 'says the versions',
  },
  {
    promise: 'An older version of a type has the schema that its publishers are held to.',
    file: 'asyncapi/messages.ts',
    from: 'isNewest ? type.schema : revision?.schema',
    to: 'type.schema',
    tests: document,
    name: 'says the versions',
  },
  {
    promise: 'An AsyncAPI message says which dataschema its events carry.',
    file: 'asyncapi/messages.ts',
    from: '...(says && {',
    to: '...(false && {',
    tests: document,
    name: 'says the versions',
  },
  {
    promise: 'Types of the same name in two topics are two messages.',
    file: 'asyncapi/messages.ts',
    from: 'isNewest && of.length === 1 ? partName(type.type) : partName(...of, `v${version}`)',
    to: 'isNewest ? partName(type.type) : partName(type.type, `v${version}`)',
    tests: document,
    name: 'has a name of its own',
  },
  {
    promise: 'Names in an AsyncAPI document that were encoded are those of one type.',
    file: 'asyncapi/names.ts',
    from: 'plain.test(text) && !encoded.test(text)',
    to: 'plain.test(text)',
    tests: document,
    name: 'has a name of its own',
  },
  {
    promise: 'A service that owns nothing has an AsyncAPI document of what it reads.',
    file: 'asyncapi/service.ts',
    from: 'if (isConsumer && isUnknown(error)) return nothing(service)',
    to: '',
    tests: document,
    name: 'is there for a service that owns nothing',
  },
  {
    promise: 'Who may not read a contract may not read it as AsyncAPI.',
    file: 'asyncapi/service.ts',
    from: 'if (isConsumer && isUnknown(error)) return nothing(service)',
    to: 'return nothing(service)',
    tests: service,
    name: 'shows of topics',
  },
  {
    promise: 'An AsyncAPI document names the server as whoever asks reaches it.',
    file: 'operations.ts',
    from: "secure: headers['x-forwarded-proto'] === 'https'",
    to: 'secure: false',
    tests: service,
    name: 'names the server',
  },
]
