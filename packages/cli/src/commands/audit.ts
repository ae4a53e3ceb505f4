import { TidingsError } from 'tidings'
import type { PositionedEvent } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import type { Session } from '../session.ts'
import { payload, visible } from '../text.ts'

const topic = 'tidings.audit'
const pageSize = 500

export function addAudit(program: TidingsCommand): void {
  program
    .command('audit')
    .description('Lists what operators did in the namespace: when, who, what, with which outcome.')
    .example('tidings audit', 'everything, oldest first')
    .example('tidings audit --json | jq -c .event.data', 'for a program')
    .runs<[]>(async (session) => {
      const { output } = session
      let found = 0
      for await (const entry of each(session)) {
        found++
        await output.show(entry, () => visible(`${entry.event.time}  ${payload(entry.event)}`))
      }
      if (found === 0) output.note('No operator has done anything yet.')
    })
}

async function* each({ broker, caller }: Session): AsyncGenerator<PositionedEvent> {
  let after = 'beginning'
  for (;;) {
    const page = await broker.read(caller, { topic, after, limit: pageSize }).catch((error: unknown) => {
      // The topic begins with the first action.
      if (error instanceof TidingsError && error.code === 'topic-unknown') return undefined
      throw error
    })
    if (!page) return
    yield* page.events
    if (page.until === page.head) return
    after = page.until
  }
}
