import type { ScheduledEvent, ScheduledPage } from 'tidings/broker'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import type { Session } from '../session.ts'
import { payload, table, time } from '../text.ts'
import { addEnding } from './dead-letters-end.ts'

const pageSize = 500

export function addScheduled(program: TidingsCommand): void {
  const scheduled = program
    .command('scheduled')
    .description('Lists the events that wait for their time at a subscription, and takes them back.')
    .example('tidings scheduled list mail.remind', 'what comes when')
    .example('tidings scheduled cancel mail.remind 4f2k9.1042 --yes', 'one of them not at all')
  addList(scheduled)
  addEnding(scheduled, 'cancel')
}

function addList(scheduled: TidingsCommand): void {
  scheduled
    .command('list')
    .description('Lists them in the order in which they are due.')
    .example('tidings scheduled list mail.remind --max 10', 'the next ten')
    .argument('<subscription>')
    .option('--max <count>', 'at most so many', wholeNumber({ least: 1, most: 1_000_000_000 }))
    .runs<[subscription: string], { max?: number }>(async (session, [subscription], { max }) => {
      const { output } = session
      const found: ScheduledEvent[] = []
      for await (const event of each(session, subscription, max)) {
        if (output.json) await output.show(event, () => '')
        else found.push(event)
      }
      const rows = found.map(({ position, at, event }) => [
        position,
        time(at),
        event.type,
        event.key ?? '-',
        payload(event),
      ])
      if (rows.length > 0) await output.line(table(['POSITION', 'DUE', 'TYPE', 'KEY', 'PAYLOAD'], rows))
      else if (!output.json) output.note(`Nothing waits for its time at ${subscription}.`)
    })
}

async function* each(
  { broker, caller }: Session,
  subscription: string,
  max = Number.POSITIVE_INFINITY,
): AsyncGenerator<ScheduledEvent> {
  let left = max
  let cursor: string | undefined
  do {
    const page: ScheduledPage = await broker.scheduled(caller, {
      subscription,
      limit: Math.min(pageSize, left),
      ...(cursor !== undefined && { cursor }),
    })
    yield* page.scheduled
    left -= page.scheduled.length
    cursor = page.next
  } while (cursor !== undefined && left > 0)
}
