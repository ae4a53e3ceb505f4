import type { ContractConsumer, ContractDescription, ContractTopicDescription } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { table } from '../text.ts'

export function addContracts(program: TidingsCommand): void {
  program
    .command('contracts')
    .description('Lists who owns which data, and who uses it.')
    .example('tidings contracts', 'every topic with its owner and its consumers')
    .example('tidings contracts crm', 'those of one service')
    .argument('[service]', 'the owner')
    .runs<[service: string | undefined]>(async ({ broker, caller, output }, [service]) => {
      const all = service === undefined ? await broker.contracts(caller) : [await broker.contract(caller, service)]
      const rows = all.flatMap((contract) => contract.topics.flatMap((topic) => rowsOf(contract, topic)))
      await output.show({ contracts: all }, () =>
        rows.length === 0 ? '' : table(['OWNER', 'TOPIC', 'KIND', 'VERSION', 'CONSUMER', 'READS'], rows),
      )
      if (rows.length === 0)
        output.note('Nobody owns a topic yet; register a contract with: tidings contract push <file>')
    })
}

/** A line for each consumer; a topic without any has one as well. */
function rowsOf({ service }: ContractDescription, topic: ContractTopicDescription): readonly (readonly string[])[] {
  const named = [service, topic.topic, topic.kind, versionOf(topic)]
  if (topic.consumers.length === 0) return [[...named, '-', '-']]
  return topic.consumers.map((consumer) => [...named, consumer.consumer, readBy(consumer)])
}

function versionOf({ types }: ContractTopicDescription): string {
  const newest = types.map(({ versions }) => versions.at(-1)).filter((version) => version !== undefined)
  if (newest.length === 0) return types.length === 0 ? '-' : 'not registered'
  const version = Math.max(...newest.map((each) => each.version))
  const revisions = newest.filter((each) => each.version === version).map(({ current }) => current ?? 0)
  return `${version}.${Math.max(...revisions)}`
}

function readBy({ as, needs }: ContractConsumer): string {
  if (!needs) return 'unknown'
  const fields = needs.fields.map(({ field }) => (field === '' ? 'everything' : field)).join(' ')
  return `${fields || 'nothing'} (${as}, ${needs.observed ? 'observed' : 'declared'})`
}
