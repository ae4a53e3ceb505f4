import { setTimeout as pause } from 'node:timers/promises'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { askPatiently } from '../consume/patience.ts'
import type { Session } from '../session.ts'
import { eventLine } from '../text.ts'
import { untilInterrupted } from '../interrupt.ts'

interface ReadOptions {
  readonly after: string
  readonly max?: number
  readonly follow?: boolean
}

const pageSize = 500
const pollEveryMs = 500

export function addReadTopic(topics: TidingsCommand): void {
  topics
    .command('read')
    .description('Reads the events of a topic, oldest first. Takes nothing away from anybody.')
    .example('tidings topics read sales.order-placed', 'everything that is there')
    .example('tidings topics read sales.order-placed --after end --follow', 'what comes from here on')
    .example(
      'tidings topics read old.topic --json | jq -c .event | tidings publish new.topic --events',
      'copy it to another topic',
    )
    .argument('<topic>')
    .option('--after <position>', 'where to begin: a position, "beginning" or "end"', 'beginning')
    .option('--max <count>', 'stop after so many events', wholeNumber({ least: 1, most: 1_000_000_000 }))
    .option('-f, --follow', 'go on with what is published, until interrupted')
    .runs<[topic: string], ReadOptions>((session, [topic], options) =>
      untilInterrupted((signal) => read(session, topic, options, signal)),
    )
}

async function read(
  session: Session,
  topic: string,
  { after, max = Number.POSITIVE_INFINITY, follow = false }: ReadOptions,
  signal: AbortSignal,
): Promise<void> {
  const { broker, caller, output } = session
  const ask = <Answer>(request: () => Promise<Answer>): Promise<Answer | undefined> =>
    askPatiently(session, { follow, signal }, request)
  let position = after === 'end' ? ((await ask(() => broker.topic(caller, topic)))?.head ?? after) : after
  let found = 0
  while (!signal.aborted) {
    const request = { topic, after: position, limit: Math.min(pageSize, max - found) }
    const page = await ask(() => broker.read(caller, request))
    if (!page) return
    for (const event of page.events) {
      if (signal.aborted) return
      await output.show(event, () => eventLine(event))
    }
    found += page.events.length
    position = page.until
    if (found === max) return
    if (position !== page.head) continue
    if (!follow) {
      if (found === 0) output.note(`${topic} holds no events after ${after}.`)
      return
    }
    await pause(pollEveryMs, undefined, { signal }).catch(() => undefined)
  }
}
