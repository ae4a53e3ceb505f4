import { Parser, type Diagnostic, type ParseOutput } from '@asyncapi/parser'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import type { AsyncApiDocument } from './document.ts'

type Parsed = NonNullable<ParseOutput['document']>
/** What every document of this kind is told: there is a newer version of the specification. */
const told = 'asyncapi-latest-version'

const parser = new Parser()

/**
 * Reads a document with the public parser, which must find nothing wrong. It does not look into schemas of a format that is
 * none of its own: these are held to JSON Schema 2020-12 here.
 */
export async function parse(document: AsyncApiDocument): Promise<Parsed> {
  for (const reference of references(document)) expect(reference).toMatch(/^#\//)
  const compiler = new Ajv2020({ strict: false })
  for (const [name, { schemaFormat, schema }] of Object.entries(document.components['schemas'] as Written)) {
    expect(schemaFormat).toBe('application/schema+json;version=draft-2020-12')
    expect(compiler.validateSchema(schema), name).toBe(true)
  }
  const { document: parsed, diagnostics } = await parser.parse(JSON.stringify(document))
  expect(diagnostics.filter(({ code }) => code !== told).map(shown)).toEqual([])
  return parsed!
}

type Written = Readonly<Record<string, { readonly schemaFormat: string; readonly schema: object }>>

function shown({ code, message, path }: Diagnostic): string {
  return `${code} at /${path.join('/')}: ${message}`
}

/** Whatever a reader of the document would follow. */
function references(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = '$ref' in value && typeof value.$ref === 'string' ? [value.$ref] : []
  return [...own, ...Object.values(value).flatMap(references)]
}

/** Whether the schema of a message, where it stands in the document, accepts a payload. */
export function acceptedBy(document: AsyncApiDocument, name: string, payload: unknown): boolean {
  const compiler = new Ajv2020({ strict: false, validateFormats: false })
  compiler.addSchema(document, 'document')
  const validate = compiler.getSchema(`document#/components/schemas/${name}/schema`)
  expect(validate, name).toBeDefined()
  return validate!(payload) === true
}
