import { Option } from 'commander'
import type { ScheduleDefinition, ScheduleDescription } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { repeated } from '../arguments.ts'
import { EventMaker, type EventOptions } from '../publish/events.ts'
import { fields, table, time } from '../text.ts'

export function addSchedules(program: TidingsCommand): void {
  const schedules = program
    .command('schedules')
    .description('Lists, puts and removes recurring schedules, which publish an event at each due time.')
    .example('tidings schedules list', 'which there are, and when each is due next')
    .example(`tidings schedules put billing.nightly billing.close-day '30 2 * * *' --zone Europe/Berlin`, 'each night')
  addList(schedules)
  addPut(schedules)
  addRemove(schedules)
}

function addList(schedules: TidingsCommand): void {
  schedules
    .command('list')
    .description('Lists the recurring schedules of the namespace.')
    .example('tidings schedules list', 'all of them')
    .runs(async ({ broker, caller, output }) => {
      const known = await broker.schedules(caller)
      await output.show({ schedules: known.map(shown) }, () =>
        known.length === 0
          ? ''
          : table(
              ['SCHEDULE', 'TOPIC', 'EXPRESSION', 'TIME ZONE', 'LAST', 'NEXT', 'REFUSED'],
              known.map(({ schedule, topic, expression, timeZone, last, next, refused }) => [
                ...[schedule, topic, expression, timeZone, timeOf(last), timeOf(next)],
                refused?.message ?? '',
              ]),
            ),
      )
      if (known.length === 0) {
        output.note('There are no schedules; make one with: tidings schedules put <service>.<name> …')
      }
    })
}

interface PutOptions extends EventOptions {
  readonly zone?: string
  readonly catchUp?: 'newest' | 'all'
}

function addPut(schedules: TidingsCommand): void {
  schedules
    .command('put')
    .description('Creates a recurring schedule or changes it; the same one put again goes on as it was.')
    .example(`tidings schedules put billing.nightly billing.close-day '30 2 * * *' --zone Europe/Berlin`, 'each night')
    .example(`tidings schedules put shop.poll shop.import '*/10 * * * * *' '{"full":false}'`, 'every ten seconds')
    .argument('<schedule>', '<service>.<name>')
    .argument('<topic>', 'an event or task topic')
    .argument('<expression>', 'a cron expression: five fields, or six with seconds first')
    .argument('[payload]', 'JSON, unless --content-type says otherwise; none where it is absent')
    .option('--zone <name>', 'a time zone such as Europe/Berlin (UTC)')
    .addOption(
      new Option('--catch-up <which>', 'what of the missed ones is published (newest)').choices(['newest', 'all']),
    )
    .option('--key <key>', 'events with one key keep their order')
    .option('--type <type>', 'the event type (the name of the topic)')
    .option('--subject <subject>', 'what it is about')
    .option('--content-type <type>', 'what the payload is (application/json)')
    .option('--attribute <name=value>', 'a further CloudEvents attribute; may be repeated', repeated)
    .runs<[schedule: string, topic: string, expression: string, payload: string | undefined], PutOptions>(
      async ({ broker, caller, output }, [schedule, topic, expression, payload], options) => {
        const { zone, catchUp } = options
        const put = await broker.putSchedule(caller, {
          ...{ schedule, topic, expression, event: templateOf(schedule, topic, payload, options) },
          ...(zone !== undefined && { timeZone: zone }),
          ...(catchUp && { catchUp }),
        })
        await output.show(shown(put), () => describe(put))
      },
    )
}

function templateOf(
  schedule: string,
  topic: string,
  payload: string | undefined,
  options: PutOptions,
): ScheduleDefinition['event'] {
  const maker = new EventMaker({ ...options, id: schedule }, { type: topic, source: schedule })
  const event = maker.event(payload === undefined ? undefined : new TextEncoder().encode(payload))
  const { type, key, subject, datacontenttype, dataschema, extensions, data } = event
  return {
    type,
    ...(key !== undefined && { key }),
    ...(subject !== undefined && { subject }),
    ...(datacontenttype !== undefined && { datacontenttype }),
    ...(dataschema !== undefined && { dataschema }),
    ...(extensions !== undefined && { extensions }),
    ...(data !== undefined && { data }),
  }
}

function describe({
  schedule,
  topic,
  expression,
  timeZone,
  catchUp,
  last,
  next,
  refused,
}: ScheduleDescription): string {
  return fields([
    ['schedule', schedule],
    ['topic', topic],
    ['expression', expression],
    ['time zone', timeZone],
    ['catch up', catchUp],
    ['last', timeOf(last)],
    ['next', timeOf(next)],
    ...(refused ? [['refused', refused.message] as const] : []),
  ])
}

function timeOf(at: number | undefined): string {
  return at === undefined ? '-' : time(at)
}

/** As JSON has it: the payload as base64. */
function shown({ event: { data, ...event }, ...schedule }: ScheduleDescription): object {
  const template = data ? { ...event, data_base64: Buffer.from(data).toString('base64') } : event
  return { ...schedule, event: template }
}

function addRemove(schedules: TidingsCommand): void {
  schedules
    .command('remove')
    .description('Removes a recurring schedule. What it has published stays in its topic.')
    .example('tidings schedules remove billing.nightly', 'it publishes no more')
    .argument('<schedule>')
    .runs<[schedule: string]>(async ({ broker, caller, output }, [schedule]) => {
      await broker.removeSchedule(caller, schedule)
      await output.show({ schedule, removed: true }, () => `Removed the schedule ${schedule}.`)
    })
}
