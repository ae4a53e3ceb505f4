import type { DeadLetter, DeadLetterPage } from 'tidings/broker'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { exitCodes, UsageError, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { count, payload, table, time } from '../text.ts'
import { addEnding, addReplace, editOption, resultLine } from './dead-letters-end.ts'

const pageSize = 500

export function addDeadLetters(program: TidingsCommand): void {
  const deadLetters = program
    .command('dead-letters')
    .description('Lists the events that a subscription gave up on, and hands them back to it.')
    .example('tidings dead-letters list mail.thanks', 'what failed, and why')
    .example('tidings dead-letters redrive mail.thanks --all', 'try all of them again')
  addList(deadLetters)
  addRedrive(deadLetters)
  addReplace(deadLetters)
  addEnding(deadLetters, 'discard')
}

function addList(deadLetters: TidingsCommand): void {
  deadLetters
    .command('list')
    .description('Lists dead letters, oldest first.')
    .example('tidings dead-letters list mail.thanks', 'what failed, and why')
    .example('tidings dead-letters list mail.thanks --json | jq -r .reason | sort | uniq -c', 'the reasons, counted')
    .argument('<subscription>')
    .option('--max <count>', 'at most so many', wholeNumber({ least: 1, most: 1_000_000_000 }))
    .runs<[subscription: string], { max?: number }>(async (session, [subscription], { max }) => {
      const { output } = session
      const found: DeadLetter[] = []
      for await (const letter of each(session, subscription, max)) {
        // As JSON they are a stream; for people, columns need to know all of them.
        if (output.json) await output.show(letter, () => '')
        else found.push(letter)
      }
      if (found.length > 0)
        await output.line(
          table(
            ['POSITION', 'AT', 'TYPE', 'KEY', 'ATTEMPTS', 'PARKED', 'REASON', 'REPLACED', 'PAYLOAD'],
            found.map(row),
          ),
        )
      else if (!output.json) output.note(`${subscription} has no dead letters.`)
    })
}

function row({ position, at, attempts, parked, reason, replaced, event }: DeadLetter): string[] {
  const edit = replaced ? `edit ${replaced.edit}, ${replaced.by}, ${time(replaced.at)}` : '-'
  const where = [position, time(at), event.type, event.key ?? '-', String(attempts), String(parked)]
  return [...where, reason, edit, payload(event)]
}

async function* each(
  { broker, caller }: Session,
  subscription: string,
  max = Number.POSITIVE_INFINITY,
): AsyncGenerator<DeadLetter> {
  let left = max
  let after: string | undefined
  do {
    const page: DeadLetterPage = await broker.deadLetters(caller, {
      subscription,
      limit: Math.min(pageSize, left),
      ...(after !== undefined && { after }),
    })
    yield* page.deadLetters
    left -= page.deadLetters.length
    after = page.next
  } while (after !== undefined && left > 0)
}

interface RedriveOptions extends Confirmation {
  readonly all?: boolean
  readonly edit?: number
}

function addRedrive(deadLetters: TidingsCommand): void {
  deadLetters
    .command('redrive')
    .description('Hands dead letters back to their subscription: they are delivered again, with all their attempts.')
    .example('tidings dead-letters redrive mail.thanks 4f2k9.1042', 'one')
    .example('tidings dead-letters redrive mail.thanks --all --dry-run', 'which ones it would be')
    .example('tidings dead-letters redrive mail.thanks --all --yes', 'all, without a question')
    .argument('<subscription>')
    .argument('[positions...]', 'which ones, as listed')
    .option('--all', 'all of them')
    .option(...editOption)
    .option('-n, --dry-run', 'show what would be handed back')
    .option('-y, --yes', "don't ask before --all")
    .runs<[subscription: string, positions: string[]], RedriveOptions>(
      (session, [subscription, positions], options) => {
        if (options.all ? positions.length > 0 : positions.length === 0) {
          throw new UsageError('Say which dead letters: by their positions, or --all of them.')
        }
        return redrive(session, { subscription, positions: options.all ? 'all' : positions }, options)
      },
    )
}

async function redrive(
  session: Session,
  request: { readonly subscription: string; readonly positions: readonly string[] | 'all' },
  options: RedriveOptions,
): Promise<ExitCode> {
  const { broker, caller, output } = session
  const { subscription, positions } = request
  const found = options.dryRun || positions === 'all' ? await listed(session, request) : []
  if (options.dryRun) {
    const answer = { subscription, deadLetters: found, redriven: false }
    await output.show(answer, () => `This would hand back ${count(found.length, 'dead letter')}: ${found.join(', ')}`)
    return exitCodes.ok
  }
  if (positions === 'all') {
    if (found.length === 0) output.note(`${subscription} has no dead letters.`)
    else await confirm(session, `This hands ${count(found.length, 'dead letter')} back to ${subscription}`, options)
  }
  // The broker takes all of them at once, those included that failed since they were listed.
  const edit = options.edit === undefined ? {} : { edit: options.edit }
  const results = await broker.redrive(caller, { ...request, ...edit })
  const refused = results.filter(({ status }) => status === 'refused')
  await output.show({ results }, () => results.map(resultLine).join('\n'))
  return refused.length > 0 ? exitCodes.failure : exitCodes.ok
}

async function listed(
  session: Session,
  { subscription, positions }: { readonly subscription: string; readonly positions: readonly string[] | 'all' },
): Promise<readonly string[]> {
  const all: string[] = []
  for await (const { position } of each(session, subscription)) all.push(position)
  return positions === 'all' ? all : all.filter((position) => positions.includes(position))
}
