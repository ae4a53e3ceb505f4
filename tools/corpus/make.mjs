import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `node tools/corpus/make.mjs <JSON-Schema-Test-Suite> <jsoncompat>`: takes what the tests of schemas need out of
 * checkouts of https://github.com/json-schema-org/JSON-Schema-Test-Suite and https://github.com/ostrowr/jsoncompat, both
 * under the MIT License, whose notices go with it.
 */
const [suite, changes] = process.argv.slice(2)
if (suite === undefined || changes === undefined) {
  console.error('Name two folders: a checkout of JSON-Schema-Test-Suite and one of jsoncompat.')
  process.exit(2)
}
const target = join(import.meta.dirname, 'generated')
/** They are about other documents, other dialects, or what a schema says beside what it accepts. */
const left = new Set(['content', 'dynamicRef', 'refRemote', 'vocabulary', 'defs', 'anchor', 'default', 'ref'])

const folder = join(suite, 'tests/draft2020-12')
const groups = readdirSync(folder)
  .filter((name) => name.endsWith('.json') && !left.has(name.slice(0, -5)))
  .flatMap((name) =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')).map((/** @type {Group} */ { schema, tests }) => ({
      keyword: name.slice(0, -5),
      schema: withoutDialect(schema),
      tests: tests.map(({ data, valid }) => [data, valid ? 1 : 0]),
    })),
  )
write('schema-suite.json', suite, groups)

const cases = join(changes, 'tests/fixtures/backcompat')
write(
  'schema-changes.json',
  changes,
  readdirSync(cases).map((name) => {
    const read = (/** @type {string} */ part) => JSON.parse(readFileSync(join(cases, name, `${part}.json`), 'utf8'))
    const { serializer, deserializer } = read('expect')
    return { name, old: read('old'), new: read('new'), oldReadsNew: serializer, newReadsOld: deserializer }
  }),
)

/**
 * @typedef {object} Group
 * @property {unknown} schema
 * @property {readonly { readonly data: unknown, readonly valid: boolean }[]} tests
 */

/** @param {unknown} schema */
function withoutDialect(schema) {
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== '$schema'))
}

/**
 * @param {string} name
 * @param {string} checkout
 * @param {readonly unknown[]} cases
 */
function write(name, checkout, cases) {
  const notice = readFileSync(join(checkout, 'LICENSE'), 'utf8')
  const lines = cases.map((each) => JSON.stringify(each))
  writeFileSync(join(target, name), `{"notice":${JSON.stringify(notice)},"cases":[\n${lines.join(',\n')}\n]}\n`)
}
