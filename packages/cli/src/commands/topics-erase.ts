import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { count } from '../text.ts'

export function addErase(topics: TidingsCommand): void {
  topics
    .command('erase')
    .description('Removes all payloads of a key for good, wherever they wait. An entity gets a tombstone.')
    .example('tidings topics erase crm.customer c-17', 'forget a customer')
    .argument('<topic>')
    .argument('<key>')
    .option('-n, --dry-run', 'show what would be asked for')
    .option('-y, --yes', "don't ask")
    .runs<[topic: string, key: string], Confirmation>(async (session, [topic, key], options) => {
      const { broker, caller, output } = session
      await broker.topic(caller, topic)
      const what = `all payloads of the key ${JSON.stringify(key)} of the topic ${topic}`
      if (options.dryRun) return output.show({ topic, key, erased: 0 }, () => `This would remove ${what}.`)
      await confirm(session, `This removes ${what} for good`, options)
      const { erased } = await broker.erase(caller, { topic, key })
      await output.show({ topic, key, erased }, () => `Erased ${count(erased, 'event')}.`)
    })
}
