import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { traceText } from '../drift/trace-text.ts'

interface TraceOptions {
  readonly max: number
  readonly scan: number
}

export function addTrace(program: TidingsCommand): void {
  program
    .command('trace')
    .description(
      'Follows what has one key: when its events were made and stored, and where they stand at each subscription.',
    )
    .example('tidings trace crm.customer c1', 'the life of one entity')
    .example('tidings trace sales.order-placed o7 --scan 100000', 'of plain events, further back in the topic')
    .argument('<topic>')
    .argument('<key>')
    .option('--max <count>', 'how many events, the newest', wholeNumber({ least: 1, most: 100 }), 10)
    .option(
      '--scan <count>',
      'how many events of the topic to look through for those that are not the newest',
      wholeNumber({ least: 0, most: 100_000 }),
      10_000,
    )
    .runs<[topic: string, key: string], TraceOptions>(async (session, [topic, key], { max, scan }) => {
      const { broker, caller, output } = session
      const { traceKey } = await import('tidings/drift')
      const trace = await traceKey({ broker, caller, topic, key, limit: max, scan })
      await output.show(trace, () => traceText(trace))
    })
}
