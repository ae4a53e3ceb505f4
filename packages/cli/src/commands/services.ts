import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'

export function addServices(program: TidingsCommand): void {
  const services = program
    .command('services')
    .description('Says which database stands behind the name of a service.')
    .example('tidings services replace crm 0b9f6c1e-7d2a', 'another database takes the place of the first')
  services
    .command('replace')
    .description(
      'Says that another database takes the place of the one that a service had, and lets the service start.',
    )
    .example('tidings services replace crm 0b9f6c1e-7d2a --yes', 'without a question')
    .argument('<service>')
    .argument('<database>', 'the id that the refused service names in its error')
    .option('-n, --dry-run', 'show what it would do')
    .option('-y, --yes', "don't ask")
    .runs<[service: string, database: string], Confirmation>(async (session, [service, database], options) => {
      const { broker, caller, output } = session
      const what = `the database ${database} the one of ${service}; a service on the database before it is refused from then on`
      const answer = { service, database, replaced: !options.dryRun }
      if (options.dryRun) return output.show(answer, () => `This would make ${what}.`)
      await confirm(session, `This makes ${what}`, options)
      await broker.registerService(caller, { service, database, replace: true })
      await output.show(answer, () => `The database of ${service} is ${database}.`)
    })
}
