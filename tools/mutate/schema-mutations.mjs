const embed = ['compatibility/embed.test.ts']
const schemas = ['../../server/src/schemas.test.ts']

/**
 * What hangs on schemas meaning the same wherever they are written and compiled: in other documents, and in the check
 * that a server holds payloads to.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const schemaMutations = [
  {
    promise: 'What a schema refers to is referred to where the schema stands in another document.',
    file: 'compatibility/embed.ts',
    from: '${at}${encodeURI(place.pointer)',
    to: '#${encodeURI(place.pointer)',
    tests: embed,
  },
  {
    promise: 'Strange names of definitions are found in another document.',
    file: 'compatibility/embed.ts',
    from: "encodeURI(place.pointer).replaceAll('#', '%23')",
    to: 'place.pointer',
    tests: ['../../server/src/asyncapi/document.test.ts'],
    name: 'a schema in an AsyncAPI document',
  },
  {
    promise: 'A reference stands alone in another document, and what stood beside it is kept.',
    file: 'compatibility/embed.ts',
    from: 'const allOf = [...own, ...referred]',
    to: 'const allOf = [...own]',
    tests: embed,
  },
  {
    promise: 'Data of a schema that looks like a reference is never followed in another document.',
    file: 'compatibility/embed.ts',
    from: "  if ('$ref' in data) throw notSayable\n",
    to: '',
    tests: ['../../server/src/asyncapi/document.test.ts'],
    name: 'a schema in an AsyncAPI document',
  },
  {
    promise: 'Anchors and ids of two schemas do not meet in another document.',
    file: 'compatibility/embed.ts',
    from: "'$schema', '$id', '$anchor',",
    to: "'$schema',",
    tests: embed,
  },
  {
    promise: 'References in a circle are not written into another document.',
    file: 'compatibility/embed.ts',
    from: 'if (passed.has(raw)) return true',
    to: 'if (passed.has(raw)) return false',
    tests: embed,
  },
  {
    promise: 'A schema whose check would answer later is refused.',
    file: '../../server/src/validator.ts',
    from: "if (typeof schema === 'object' && '$async' in schema)",
    to: 'if (false)',
    tests: schemas,
  },
  {
    promise: 'A schema that is too wide to compile is refused before it is compiled.',
    file: '../../server/src/validator.ts',
    from: 'if (next.beside > mostBeside)',
    to: 'if (false)',
    tests: schemas,
  },
  {
    promise: 'A schema with too many parts is refused before it is compiled.',
    file: '../../server/src/validator.ts',
    from: 'if (++parts > mostParts)',
    to: 'if (++parts > 1e12)',
    tests: schemas,
  },
  {
    promise: 'The place of a rule is named behind a reference, too.',
    file: '../../server/src/schemas.ts',
    from: "typeof parentSchema === 'object' ? pointerTo(parentSchema, schema) : undefined",
    to: 'undefined as string | undefined',
    tests: schemas,
  },
]
