import type { TidingsCommand } from '../command.ts'
import { table, time } from '../text.ts'

interface Alarm {
  readonly alarm: string
  readonly subscription?: string
  readonly message: string
  readonly since: number
}

export function addAlarms(program: TidingsCommand): void {
  program
    .command('alarms')
    .description(
      'Lists what is wrong at present, oldest first: subscriptions that wait or gave up, a disk that is full.',
    )
    .example('tidings alarms', 'nothing is printed while nothing is wrong')
    .runs(async (session) => {
      const answer = await session.request(`/v1/${encodeURIComponent(session.caller.namespace)}/alarms`)
      const { alarms } = (await answer.json()) as { readonly alarms: readonly Alarm[] }
      await session.output.show({ alarms }, () => {
        if (alarms.length === 0) return ''
        return table(
          ['SINCE', 'ALARM', 'WHAT'],
          alarms.map(({ since, alarm, message }) => [time(since), alarm, message]),
        )
      })
    })
}
