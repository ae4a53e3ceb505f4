import type { CompatibilitySetting, ContractTopicDefinition, ContractTypeDefinition } from '../../contract/index.ts'
import { TidingsError } from '../../errors.ts'
import { validateName } from '../../event/index.ts'
import type { CompileSchema } from '../check-event.ts'
import type { RegisterContractRequest } from '../port/contracts.ts'
import { checkTopic } from '../topic-form.ts'

const modes = ['none', 'backward', 'forward', 'full', 'backward-transitive', 'forward-transitive', 'full-transitive']
const policies = ['lenient', 'strict']
const most = { topics: 1_000, types: 100, typeName: 2_048, description: 10_000 }

/** Refuses a contract that cannot be one, before anything of it is looked at. */
export function checkContract(request: RegisterContractRequest, compile: CompileSchema | undefined): void {
  const { service, description, compatibility, topics } = request
  const what = `The contract of ${validateName(service, 'service')}`
  checkText(description, what)
  checkSetting(compatibility, what)
  if (topics.length > most.topics) throw refused(`${what} has ${topics.length} topics; at most ${most.topics} fit.`)
  refuseSame(
    topics.map(({ topic }) => topic),
    `${what} names the topic`,
  )
  for (const each of topics) checkOneTopic(service, each, compile)
}

function checkOneTopic(
  owner: string,
  { topic, kind, description, key, replies, compatibility, types }: ContractTopicDefinition,
  compile: CompileSchema | undefined,
): void {
  checkTopic({ topic, kind, owner, ...(replies && { replies }) })
  checkText(description, `The topic ${topic}`)
  checkText(key, `The key of topic ${topic}`)
  checkSetting(compatibility, `The topic ${topic}`)
  if (replies && types.length > 0) {
    throw refused(`${topic} takes the answers to tasks of others, so it has no types of its own.`)
  }
  if (types.length > most.types)
    throw refused(`The topic ${topic} has ${types.length} types; at most ${most.types} fit.`)
  refuseSame(
    types.map(({ type }) => type),
    `The topic ${topic} names the type`,
  )
  for (const each of types) checkType(topic, kind, each, compile)
}

function checkType(
  topic: string,
  kind: ContractTopicDefinition['kind'],
  { type, description, version = 1, oldestVersion = version, schema, result }: ContractTypeDefinition,
  compile: CompileSchema | undefined,
): void {
  if (typeof type !== 'string' || type === '' || type.length > most.typeName) {
    throw refused(`A type of topic ${topic} needs a name of 1 to ${most.typeName} characters.`)
  }
  if (kind === 'entity' && !['created', 'updated', 'deleted'].some((change) => type === `${topic}.${change}`)) {
    throw refused(`"${type}" is not a type of the entity ${topic}; it has ${topic}.created, .updated and .deleted.`)
  }
  checkText(description, `The type ${type}`)
  if (!isVersion(version) || !isVersion(oldestVersion) || oldestVersion > version) {
    throw refused(
      `The type ${type} has the version ${String(version)} and reads from version ${String(oldestVersion)} on; versions are whole numbers from 1, and the oldest is not above the newest.`,
    )
  }
  for (const each of [schema, result]) checkSchema(type, each, compile)
}

function checkSchema(type: string, schema: ContractTypeDefinition['schema'], compile: CompileSchema | undefined): void {
  if (schema === undefined) return
  try {
    compile?.(schema)
  } catch (cause) {
    throw new TidingsError(
      'bad-request',
      `The schema of ${type} is not a valid JSON Schema: ${(cause as Error).message}`,
      {
        details: { type },
        cause,
      },
    )
  }
}

function checkText(text: string | undefined, what: string): void {
  if (text === undefined || (typeof text === 'string' && text.length <= most.description)) return
  throw refused(`${what} has a description that is not a text of at most ${most.description} characters.`)
}

function checkSetting(setting: Partial<CompatibilitySetting> = {}, what: string): void {
  const { mode, policy } = setting
  if (mode !== undefined && !modes.includes(mode)) {
    throw refused(`${what} has the compatibility "${mode}"; there are ${modes.join(', ')}.`)
  }
  if (policy !== undefined && !policies.includes(policy)) {
    throw refused(`${what} has the policy "${policy}"; there are ${policies.join(' and ')}.`)
  }
}

function refuseSame(names: readonly string[], what: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw refused(`${what} ${twice} twice; name it once.`)
}

function isVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 1
}

function refused(message: string): TidingsError {
  return new TidingsError('bad-request', message)
}
