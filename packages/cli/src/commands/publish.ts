import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { TidingsError } from 'tidings'
import type { PublishAnswer } from 'tidings/broker'
import { parseStructured, type Event } from 'tidings/event'
import { repeated } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { CommandError, UsageError } from '../failure.ts'
import { checkEventOptions, EventMaker, type EventOptions } from '../publish/events.ts'
import { publishLines } from '../publish/publish-lines.ts'
import type { Session } from '../session.ts'
import { visible } from '../text.ts'

interface PublishOptions extends EventOptions {
  readonly file?: string
  readonly empty?: boolean
  readonly ndjson?: boolean
  readonly events?: boolean
}

export function addPublish(program: TidingsCommand): void {
  program
    .command('publish')
    .description('Publishes one event, or one for each line of a file or of stdin.')
    .example(`tidings publish sales.order-placed '{"order":"o1"}' --key c7 --id o1`, 'one, safe to repeat')
    .example('tidings publish crm.customer --type crm.customer.updated --key c7 --file customer.json', 'from a file')
    .example('tidings publish sales.order-placed --ndjson --key-field customer < orders.ndjson', 'one for each line')
    .example('tidings publish new.topic --events < events.ndjson', 'CloudEvents, one a line')
    .argument('<topic>')
    .argument('[payload]', 'JSON, unless --content-type says otherwise; stdin where it is absent')
    .option('--file <path>', 'read the payload (or the lines) from a file; - is stdin')
    .option('--ndjson', 'each line is a payload')
    .option('--events', 'each line is a CloudEvent in the JSON format')
    .option('--empty', 'publish without a payload')
    .option('--key <key>', 'events with one key keep their order')
    .option('--key-field <field>', 'take the key from this member of each payload')
    .option('--id <id>', 'makes it safe to publish it again (a new one)')
    .option('--id-field <field>', 'take the id from this member of each payload')
    .option('--type <type>', 'the event type (the name of the topic)')
    .option('--source <source>', 'with the id the identity of the event (the principal)')
    .option('--subject <subject>', 'what it is about')
    .option('--content-type <type>', 'what the payload is (application/json)')
    .option('--attribute <name=value>', 'a further CloudEvents attribute; may be repeated', repeated)
    .runs<[topic: string, payload: string | undefined], PublishOptions>(async (session, [topic, argument], options) => {
      checkOptions(argument, options)
      const { broker, caller, settings } = session
      // The type of an entity event says what happened; only the topic can say whether it holds entities.
      const description = options.type === undefined && !options.events ? await broker.topic(caller, topic) : undefined
      if (description?.kind === 'entity') throw typeMissing(topic)
      if (options.events)
        return publishLines(session, { topic, lines: chunks(session, options), eventOf: parseStructured })
      const maker = new EventMaker(options, { type: options.type ?? topic, source: settings.principal })
      if (!options.ndjson) return publishOne(session, topic, maker.event(await payloadOf(session, argument, options)))
      return publishLines(session, {
        topic,
        lines: chunks(session, options),
        eventOf: (bytes) => maker.event(bytes),
      })
    })
}

function checkOptions(argument: string | undefined, options: PublishOptions): void {
  const { file, empty, ndjson, events } = options
  const sources = [argument !== undefined && 'an argument', file !== undefined && '--file', empty && '--empty'].filter(
    (each) => typeof each === 'string',
  )
  if (sources.length > 1) throw new UsageError(`The payload comes from ${sources.join(' and ')}; choose one.`)
  if (ndjson && events) throw new UsageError('--ndjson and --events exclude each other; choose one.')
  if ((ndjson || events) && (argument !== undefined || empty)) {
    throw new UsageError(
      `${ndjson ? '--ndjson' : '--events'} reads lines from --file or from stdin, not from ${sources.join()}.`,
    )
  }
  checkEventOptions(options)
}

function typeMissing(topic: string): UsageError {
  return new UsageError(
    `${topic} holds entities; say what happened with --type ${topic}.created, ${topic}.updated or ${topic}.deleted.`,
  )
}

async function publishOne({ broker, caller, output }: Session, topic: string, event: Event): Promise<void> {
  const [answer] = await broker.publish(caller, { topic, events: [{ event }] })
  if (!answer || answer.status === 'spooled') throw new CommandError('The server answered nothing; look into its log.')
  if (answer.status === 'refused') throw new TidingsError(answer.code, answer.message)
  const { id, source } = event
  await output.show({ ...answer, id, source }, () => visible(sentence(answer, topic, event)))
}

function sentence(
  answer: Extract<PublishAnswer, { position?: unknown }>,
  topic: string,
  { id, source }: Event,
): string {
  const at = answer.position === undefined ? '' : ` at ${answer.position}`
  const identity = `(source ${source}, id ${id})`
  if (answer.status === 'duplicate') return `Already in ${topic}${at} ${identity}; nothing was stored twice.`
  const stale = answer.stale ? ' It is older than the newest of its key and is not delivered.' : ''
  return `Stored in ${topic}${at} ${identity}.${stale}`
}

async function payloadOf(
  session: Session,
  argument: string | undefined,
  options: PublishOptions,
): Promise<Uint8Array | undefined> {
  if (options.empty) return undefined
  if (argument !== undefined) return new TextEncoder().encode(argument)
  const bytes =
    options.file === undefined || options.file === '-'
      ? await buffer(standardInput(session))
      : await fileErrors(options.file, readFile(options.file))
  if (bytes.length > 0) return bytes
  throw new UsageError('The payload is empty; give it as an argument, with --file or on stdin, or say --empty.')
}

function chunks(session: Session, { file }: PublishOptions): AsyncIterable<Uint8Array> {
  return file === undefined || file === '-' ? standardInput(session) : fileChunks(file)
}

async function* fileChunks(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Uint8Array
  } catch (error) {
    if (isFileError(error)) throw unreadable(file, error)
    throw error
  }
}

/** Waiting for a person to type would look like hanging. */
function standardInput({ terminal: { stdin } }: Session): AsyncIterable<Uint8Array> {
  if (!stdin.isTTY) return stdin
  throw new UsageError('There is no payload; give it as an argument, with --file <path>, or on stdin.')
}

async function fileErrors<Result>(file: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading
  } catch (error) {
    throw isFileError(error) ? unreadable(file, error) : error
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function unreadable(file: string, error: Error): UsageError {
  return new UsageError(`${file} cannot be read (${error.message}); check --file.`)
}
