const broker = ['broker/local-broker.test.ts']
const json = ['event/cloudevents.test.ts']

/**
 * What is published arrives as it was.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const eventMutations = [
  {
    promise: 'A payload is bytes, not text.',
    file: 'event/codec.ts',
    from: 'if (hasData === 1) event.data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataAt, bytes.length - dataAt)',
    to: 'if (hasData === 1) event.data = new TextEncoder().encode(new TextDecoder().decode(bytes.subarray(dataAt)))',
    tests: broker,
    name: 'over the memory engine payloads come back',
  },
  {
    promise: 'An empty payload is a payload.',
    file: 'event/codec.ts',
    from: 'if (hasData === 1) event.data = ',
    to: 'if (bytes.length > dataAt) event.data = ',
    tests: broker,
    name: 'over the memory engine payloads come back',
  },
  {
    promise: 'What only passes through stays the bytes that it came in.',
    file: 'event/codec.ts',
    from: 'return #bytes in event ? event.#bytes : undefined',
    to: 'return undefined',
    tests: ['event/codec.test.ts'],
    name: 'passes an event through',
  },
  {
    promise: 'The payload of a CloudEvent in JSON is its very text.',
    file: 'event/cloudevents-json.ts',
    from: "if (name === 'data') data = value",
    to: "if (name === 'data') data = JSON.stringify(JSON.parse(value))",
    tests: json,
    name: 'keeps the very text',
  },
  {
    promise: 'A payload that claims to be JSON and is none travels as it is.',
    file: 'event/cloudevents-json.ts',
    from: 'raw ? jsonText(data) : undefined',
    to: 'raw ? new TextDecoder().decode(data) : undefined',
    tests: json,
  },
  {
    promise: 'Half of a surrogate pair is refused where it cannot be carried.',
    file: 'event/cloudevents-json.ts',
    from: 'if (hasLoneSurrogate(value)) {',
    to: 'if (false) {',
    tests: json,
    name: 'surrogate',
  },
]
