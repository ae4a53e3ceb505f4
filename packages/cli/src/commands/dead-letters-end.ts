import { readFile } from 'node:fs/promises'
import type { PositionAnswer } from 'tidings/broker'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { exitCodes, UsageError, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'

interface ReplaceOptions {
  readonly file?: string
  readonly contentType?: string
  readonly edit?: number
}

export const editOption = [
  '--edit <number>',
  'which edit of the dead letter you mean, where somebody replaced it before',
  wholeNumber({ least: 0, most: 1_000_000 }),
] as const

export function addReplace(deadLetters: TidingsCommand): void {
  deadLetters
    .command('replace')
    .description('Hands a dead letter back with another payload. The topic and other subscriptions stay as they are.')
    .example(`tidings dead-letters replace mail.thanks 4f2k9.1042 '{"address":"a@b.example"}'`, 'what was missing')
    .example('tidings dead-letters replace mail.thanks 4f2k9.1042 --file order.json --edit 1', 'once more')
    .argument('<subscription>')
    .argument('<position>', 'which one, as listed')
    .argument('[payload]', 'JSON, unless the event or --content-type says otherwise')
    .option('--file <path>', 'read the payload from a file')
    .option('--content-type <type>', 'that of the event where absent')
    .option(...editOption)
    .runs<[subscription: string, position: string, payload: string | undefined], ReplaceOptions>(
      async ({ broker, caller, output }, [subscription, position, payload], { file, contentType, edit }) => {
        const answer = await broker.replace(caller, {
          subscription,
          position,
          data: await payloadOf(payload, file),
          ...(contentType !== undefined && { datacontenttype: contentType }),
          ...(edit !== undefined && { edit }),
        })
        await output.show(answer, () => `${position}  replaced (edit ${answer.replaced.edit}) and handed back`)
      },
    )
}

async function payloadOf(payload: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if ((payload === undefined) === (file === undefined))
    throw new UsageError('Give the payload as an argument or with --file.')
  if (payload !== undefined) return new TextEncoder().encode(payload)
  try {
    return await readFile(file!)
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as Error).message}); check the path and its rights.`)
  }
}

const verbs = {
  discard: {
    description: 'Gives dead letters up for good, for this subscription; their keys go on without them.',
    command: 'dead-letters discard mail.thanks',
    done: 'discarded',
    what: (events: number, subscription: string) => `up ${count(events, 'dead letter')} of ${subscription}`,
    gives: ['give', 'gives'],
  },
  cancel: {
    description: 'Takes back events that are not due yet, for this subscription.',
    command: 'scheduled cancel mail.remind',
    done: 'cancelled',
    what: (events: number, subscription: string) => `back ${count(events, 'event')} from ${subscription}`,
    gives: ['take', 'takes'],
  },
} as const

/** A command after which events are never delivered to a subscription: by their positions, and after a question. */
export function addEnding(parent: TidingsCommand, verb: keyof typeof verbs): void {
  const { description, command, done, what, gives } = verbs[verb]
  parent
    .command(verb)
    .description(description)
    .example(`tidings ${command} 4f2k9.1042 --dry-run`, 'whether it can be done')
    .example(`tidings ${command} 4f2k9.1042 --yes`, 'one, without a question')
    .argument('<subscription>')
    .argument('<positions...>', 'which ones, as listed')
    .option('-n, --dry-run', 'show for which of them it can be done')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string, positions: string[]], Confirmation>(
      async (session, [subscription, positions], options): Promise<ExitCode> => {
        const { broker, caller, output } = session
        if (options.dryRun) {
          const found = await allowing(session, verb, { subscription, positions })
          const answer = { subscription, positions: found, [done]: false }
          const text = `This would ${gives[0]} ${what(found.length, subscription)}`
          await output.show(answer, () => [text, ...found].join(found.length > 0 ? '\n  ' : ''))
          return exitCodes.ok
        }
        await confirm(session, `This ${gives[1]} ${what(positions.length, subscription)}`, options)
        const results = await broker[verb](caller, { subscription, positions })
        await output.show({ results }, () => results.map(resultLine).join('\n'))
        return results.some(({ status }) => status === 'refused') ? exitCodes.failure : exitCodes.ok
      },
    )
}

/** Those of the positions at which an event allows it at present. */
async function allowing(
  { broker, caller }: Session,
  verb: keyof typeof verbs,
  { subscription, positions }: { readonly subscription: string; readonly positions: readonly string[] },
): Promise<readonly string[]> {
  const found: string[] = []
  for (const position of positions) {
    const { actions } = await broker.explain(caller, { subscription, event: { position } })
    if (actions.includes(verb)) found.push(position)
  }
  return found
}

/** What became of one position, for people. */
export function resultLine(answer: PositionAnswer): string {
  const { position, status } = answer
  return `${position}  ${'message' in answer ? `refused: ${answer.message}` : status}`
}
