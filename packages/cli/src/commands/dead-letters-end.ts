import { readFile } from 'node:fs/promises'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { exitCodes, UsageError, type ExitCode } from '../failure.ts'
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

export function addDiscard(deadLetters: TidingsCommand): void {
  deadLetters
    .command('discard')
    .description('Gives dead letters up for good, for this subscription; their keys go on without them.')
    .example('tidings dead-letters discard mail.thanks 4f2k9.1042 --yes', 'one, without a question')
    .argument('<subscription>')
    .argument('<positions...>', 'which ones, as listed')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string, positions: string[]], Confirmation>(
      async (session, [subscription, positions], options): Promise<ExitCode> => {
        const { broker, caller, output } = session
        await confirm(session, `This gives up ${count(positions.length, 'dead letter')} of ${subscription}`, options)
        const results = await broker.discard(caller, { subscription, positions })
        await output.show({ results }, () => results.map(resultLine).join('\n'))
        return results.some(({ status }) => status === 'refused') ? exitCodes.failure : exitCodes.ok
      },
    )
}

/** What became of one position, for people. */
export function resultLine(
  answer:
    | { readonly position: string; readonly status: 'refused'; readonly message: string }
    | { readonly position: string; readonly status: 'redriven' | 'discarded' | 'cancelled' },
): string {
  return answer.status === 'refused'
    ? `${answer.position}  refused: ${answer.message}`
    : `${answer.position}  ${answer.status}`
}
