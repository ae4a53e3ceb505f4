import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { Option } from 'commander'
import { TidingsError } from 'tidings'
import type { JsonSchema, TopicDefinition, TopicDescription } from 'tidings/broker'
import { nameAndValue, repeated, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { UsageError } from '../failure.ts'
import type { Session } from '../session.ts'
import { count, duration, fields, table } from '../text.ts'
import { addRetentionOptions, retentionFields, retentionOf, type RetentionOptions } from './topics-retention.ts'
import { addErase } from './topics-erase.ts'
import { addReadTopic } from './topics-read.ts'

interface CreateOptions {
  readonly kind?: TopicDefinition['kind']
  readonly owner?: string
  readonly replies?: boolean
  readonly schema?: readonly string[]
  readonly shards?: number
  readonly update?: boolean
}
type TopicOptions = CreateOptions & RetentionOptions

export function addTopics(program: TidingsCommand): void {
  const topics = program
    .command('topics')
    .description('Lists, creates, shows, reads, erases from and removes topics.')
    .example('tidings topics list', 'which topics there are')
    .example('tidings topics read crm.customer --follow', 'see what happens in one')
  addList(topics)
  addCreate(topics)
  addShow(topics)
  addReadTopic(topics)
  addErase(topics)
  addRemove(topics)
}

function addList(topics: TidingsCommand): void {
  topics
    .command('list')
    .description('Lists the topics of the namespace.')
    .example('tidings topics list', 'for people')
    .example(`tidings topics list --json | jq -r '.topics[].topic'`, 'for programs')
    .runs(async ({ broker, caller, output }) => {
      const known = await broker.topics(caller)
      await output.show({ topics: known }, () =>
        known.length === 0
          ? ''
          : table(
              ['TOPIC', 'KIND', 'OWNER', 'HEAD', 'SHARDS'],
              known.map(({ topic, kind, owner, head, shards }) => [topic, kind, owner, head, String(shards)]),
            ),
      )
      if (known.length === 0) output.note('There are no topics; make one with: tidings topics create <topic>')
    })
}

function addCreate(topics: TidingsCommand): void {
  const create = topics
    .command('create')
    .description(
      'Creates a topic. Kind, owner and shards are fixed then; --update changes the schemas and the retention.',
    )
    .example('tidings topics create sales.order-placed', 'plain events of the service sales')
    .example('tidings topics create crm.customer --kind entity', 'the customers of the service crm')
    .example(
      'tidings topics create sales.order-placed --update --schema sales.order-placed=order.schema.json',
      'hold publishers to a JSON Schema',
    )
    .example('tidings topics create shop.click --max-age 7d --max-size 10GiB', 'keep no more than that')
    .argument('<topic>', 'its name: lower-case tokens separated by dots')
    .addOption(new Option('--kind <kind>', 'what it holds (event)').choices(['entity', 'event', 'task']))
    .option(
      '--owner <service>',
      'the service that publishes, of a task topic that consumes (the first token of its name)',
    )
    .option('--schema <type=file>', 'a file with the JSON Schema of an event type; repeat it for each type', repeated)
    .option('--shards <count>', 'how many parts its keys are spread over', wholeNumber({ least: 1, most: 1_024 }))
    .option('--replies', 'takes the answers to tasks of its owner')
  addRetentionOptions(create)
    .option('--update', 'change the schemas or the retention of a topic that exists')
    .runs<[topic: string], TopicOptions>(async (session, [topic], options) => {
      const { broker, caller, output } = session
      const existing = await unlessUnknown(broker.topic(caller, topic))
      if (!existing && options.update) {
        throw new UsageError(`There is no topic ${topic} to update; leave out --update to create it.`)
      }
      const definition = definitionOf(topic, options, existing)
      if (existing && !options.update) refuseChange(existing, definition)
      const description = await broker.putTopic(caller, definition)
      await output.show(description, () => describe(description))
      output.note(existing ? (options.update ? 'Updated.' : 'It existed already, just so.') : 'Created.')
    })
}

function definitionOf(topic: string, options: TopicOptions, existing: TopicDescription | undefined): TopicDefinition {
  const { kind = existing?.kind ?? 'event', shards = existing?.shards, schema } = options
  const { replies = existing?.replies } = options
  const { owner = existing?.owner ?? topic.split('.', 1)[0]! } = options
  const retention = retentionOf(options, existing?.retention)
  const schemas = schema ? Object.fromEntries(schema.map(readSchema)) : existing?.schemas
  return {
    topic,
    kind,
    owner,
    ...(shards !== undefined && { shards }),
    ...(replies && { replies }),
    ...(schemas && { schemas }),
    ...(retention && { retention }),
  }
}

function readSchema(option: string): readonly [type: string, schema: JsonSchema] {
  const [type, file] = nameAndValue(option, '--schema')
  try {
    return [type, JSON.parse(readFileSync(file, 'utf8')) as JsonSchema]
  } catch (error) {
    throw new UsageError(`The schema of ${type} cannot be read from ${file}: ${(error as Error).message}.`)
  }
}

/** Repeating a command is fine; changing a topic by accident is not. Another kind or owner the broker refuses itself. */
function refuseChange(existing: TopicDescription, wanted: TopicDefinition): void {
  const refuse = (what: string): TidingsError =>
    new TidingsError(
      'topic-conflict',
      `The topic ${existing.topic} exists already, with ${what}; add --update to change that.`,
    )
  if (!isDeepStrictEqual(existing.schemas ?? {}, wanted.schemas ?? {})) throw refuse('other schemas')
  const { retention = existing.retention ?? 'none' } = wanted
  if (!isDeepStrictEqual(existing.retention ?? 'none', retention)) throw refuse('another retention')
}

function addShow(topics: TidingsCommand): void {
  topics
    .command('show')
    .description('Describes a topic.')
    .example('tidings topics show crm.customer', 'its kind, its owner, its newest position')
    .argument('<topic>')
    .runs<[topic: string]>(async ({ broker, caller, output }, [topic]) => {
      const description = await broker.topic(caller, topic)
      await output.show(description, () => describe(description))
    })
}

function describe(description: TopicDescription): string {
  const { topic, kind, owner, shards, head, schemas = {}, deduplication } = description
  const { ids, maxIds, maxAgeMs } = deduplication
  const types = Object.keys(schemas)
  return fields([
    ['topic', topic],
    ['kind', kind],
    ['owner', owner],
    ['head', head],
    ['shards', String(shards)],
    ...retentionFields(description),
    ['schemas', types.length === 0 ? 'none' : types.join(', ')],
    [
      'deduplication',
      `${count(ids, 'identity').replace('identitys', 'identities')}, at most ${maxIds.toLocaleString('en-US')} or ${duration(maxAgeMs)}`,
    ],
  ])
}

function addRemove(topics: TidingsCommand): void {
  topics
    .command('remove')
    .description('Removes a topic with its events and subscriptions, for good.')
    .example('tidings topics remove sales.order-placed --dry-run', 'what would go')
    .example('tidings topics remove sales.order-placed --yes', 'without a question')
    .argument('<topic>')
    .option('-n, --dry-run', 'show what would be removed')
    .option('-y, --yes', "don't ask")
    .runs<[topic: string], Confirmation>(async (session, [topic], options) => {
      const { broker, caller, output } = session
      const { head } = await broker.topic(caller, topic)
      const subscriptions = await subscriptionsOf(session, topic)
      const answer = { topic, head, subscriptions, removed: !options.dryRun }
      const what = `the topic ${topic} with its events up to ${head} and ${count(subscriptions.length, 'subscription')}`
      const names = subscriptions.length === 0 ? '' : ` (${subscriptions.join(', ')})`
      if (options.dryRun) return output.show(answer, () => `This would remove ${what}${names}.`)
      await confirm(session, `This removes ${what}${names} for good`, options)
      await broker.removeTopic(caller, topic)
      await output.show(answer, () => `Removed ${what}${names}.`)
    })
}

async function subscriptionsOf({ broker, caller }: Session, topic: string): Promise<readonly string[]> {
  const all = await broker.subscriptions(caller)
  return all.filter((each) => each.topic === topic).map(({ subscription }) => subscription)
}

async function unlessUnknown(asked: Promise<TopicDescription>): Promise<TopicDescription | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'topic-unknown') return undefined
    throw error
  }
}
