import { compile, toSafeIdentifier, type JSONSchema } from 'json-schema-to-typescript-lite'
import type { JsonSchema } from 'tidings'
import type { ContractDescription, ContractTopicDescription, ContractTypeDescription } from 'tidings/broker'
import { CommandError } from '../failure.ts'

/**
 * A contract as a module in TypeScript: the types of its payloads, and the contract as its owner has it. What makes older
 * data newer is code, which no registry carries: `upcasts` names the module beside it that exports it, by part.
 */
export async function contractModule(contract: ContractDescription, upcasts?: string): Promise<string> {
  const parts: string[] = []
  const entries: string[] = []
  const used = new Set<string>()
  for (const topic of contract.topics) {
    const name = partName(contract.service, topic.topic)
    const part = topic.replies ? undefined : await partOf(topic, name, upcasts !== undefined)
    if (part) parts.push(...part.types)
    used.add(topic.replies ? 'defineReplies' : definers[topic.kind])
    entries.push(`  ${name}: ${part?.definition ?? 'defineReplies()'},`)
  }
  const imports = ['defineContract', ...used, ...(parts.length > 0 ? ['fromJsonSchema'] : [])].toSorted()
  const description = contract.description === undefined ? '' : `/** ${commented(contract.description)} */\n`
  return [
    `// Written by "tidings contract add ${contract.service}"; run that again instead of changing it.`,
    `import { ${imports.join(', ')} } from 'tidings'`,
    ...(upcasts !== undefined && entries.some((entry) => entry.includes('upcasts.'))
      ? [`import { upcasts } from ${JSON.stringify(upcasts)}`]
      : []),
    '',
    ...parts,
    `${description}export const ${camelCase(contract.service)} = defineContract(${JSON.stringify(contract.service)}, {`,
    ...entries,
    '})',
    '',
  ].join('\n')
}

const definers = { entity: 'defineEntity', event: 'defineEvent', task: 'defineTask' } as const

async function partOf(
  topic: ContractTopicDescription,
  name: string,
  hasUpcasts: boolean,
): Promise<{ readonly types: readonly string[]; readonly definition: string }> {
  const { kind, key, types } = topic
  const typeName = pascalCase(name)
  // The states of an entity are alike; what deletes one carries its key alone.
  const type = types.find((each) => !(kind === 'entity' && each.type.endsWith('.deleted'))) ?? types[0]
  if (!type) throw new CommandError(`${topic.topic} has no types, so nothing can be written for it.`)
  if (kind === 'entity' && key === undefined) {
    throw new CommandError(`Nobody has said which property is the key of ${topic.topic}; its owner registers it.`)
  }
  const written = [await interfaceOf(typeName, type.schema, type.description ?? topic.description)]
  const options = [
    ...(key === undefined ? [] : [`key: ${JSON.stringify(key)}`]),
    `schema: fromJsonSchema<${typeName}>(${literal(type.schema ?? true)})`,
    ...versionOptions(type, hasUpcasts ? `upcasts.${name}` : '{}'),
  ]
  if (type.result !== undefined) {
    written.push(await interfaceOf(`${typeName}Result`, type.result, undefined))
    options.push(`result: fromJsonSchema<${typeName}Result>(${literal(type.result)})`)
  }
  const body = options.map((option) => `    ${option.replaceAll('\n', '\n    ')},`).join('\n')
  return { types: written, definition: `${definers[kind]}({\n${body}\n  })` }
}

function versionOptions({ version }: ContractTypeDescription, upcasts: string): readonly string[] {
  return version === 1 ? [] : [`version: ${version}`, `upcasts: ${upcasts}`]
}

async function interfaceOf(
  name: string,
  schema: JsonSchema | undefined,
  description: string | undefined,
): Promise<string> {
  const comment = description === undefined ? '' : `/** ${commented(description)} */\n`
  if (schema === undefined || typeof schema === 'boolean') return `${comment}export type ${name} = unknown\n`
  const { title: _, $id: __, ...named } = harmless(schema) as { title?: unknown; $id?: unknown }
  // Whatever lies outside of the contract is not looked up: it was written by others.
  const options = {
    bannerComment: '',
    additionalProperties: false,
    $refOptions: { resolve: { external: false } },
    customName: namesBelow(name),
  }
  try {
    return `${comment}${await compile(named, name, options)}`
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(`No type can be made of the schema of ${name}: ${reason}`, { cause })
  }
}

/** Names for what a type is made of, which begin with its own, so that those of two types never meet. */
function namesBelow(name: string): (schema: JSONSchema, key: string | undefined) => string {
  const used = new Set<string>()
  return ({ title, $id }, key) => {
    // The type itself is asked for first.
    const own = used.size === 0 ? '' : (title ?? $id ?? key)
    // What has no name is written where it is.
    if (own === undefined) return ''
    const wanted = `${name}${own === '' ? '' : toSafeIdentifier(own)}`
    let found = wanted
    for (let number = 2; used.has(found); number++) found = `${wanted}${number}`
    used.add(found)
    return found
  }
}

/**
 * The schema without what would come into the module as code: it was written by others. The members `tsType` and
 * `tsEnumNames` are words of the compiler where they hold no schema.
 */
function harmless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(harmless)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    if (name === 'tsType' && typeof member === 'string') return []
    if (name === 'tsEnumNames' && Array.isArray(member)) return []
    return [
      [name, name === 'description' && typeof member === 'string' ? commented(member) : harmless(member)] as const,
    ]
  })
  return Object.fromEntries(members)
}

function literal(schema: JsonSchema): string {
  return JSON.stringify(schema, undefined, 2)
}

function commented(text: string): string {
  return text.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')
}

/** `crm.email-sent` of `crm` is `emailSent`. */
function partName(service: string, topic: string): string {
  const name = topic.startsWith(`${service}.`) ? topic.slice(service.length + 1) : ''
  if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return camelCase(name)
  throw new CommandError(
    `The topic ${topic} of ${service} is not named as defineContract() names topics, so no contract can be written for it.`,
  )
}

function camelCase(name: string): string {
  const camel = name.replaceAll(/[-_.]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  return /^[a-z]/.test(camel) ? camel : `contract${camel}`
}

function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
