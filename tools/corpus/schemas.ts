import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Schema = Readonly<Record<string, unknown>> | boolean

/** A schema of the official test suite of JSON Schema (draft 2020-12), with documents and whether it accepts them. */
export interface SuiteSchema {
  readonly keyword: string
  readonly schema: Schema
  readonly tests: readonly (readonly [document: unknown, valid: 0 | 1])[]
}

/** A change of a schema from the tests of jsoncompat, with what its authors expect. */
export interface SchemaChange {
  readonly name: string
  readonly old: Schema
  readonly new: Schema
  readonly newReadsOld: boolean
  readonly oldReadsNew: boolean
}

/** Both corpora were made by `make.mjs`, which says where they are from. */
export function suiteSchemas(): readonly SuiteSchema[] {
  return read('schema-suite.json') as readonly SuiteSchema[]
}

export function schemaChanges(): readonly SchemaChange[] {
  return read('schema-changes.json') as readonly SchemaChange[]
}

function read(name: string): unknown {
  const text = readFileSync(join(import.meta.dirname, 'generated', name), 'utf8')
  return (JSON.parse(text) as { readonly cases: unknown }).cases
}
