import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TidingsCommand } from '../command.ts'
import { lockFile, writeLock } from '../contract/lock.ts'

interface AddOptions {
  readonly out: string
  readonly lock: string
}

export function addContractAdd(contract: TidingsCommand): void {
  contract
    .command('add')
    .description('Fetches the contract of another service: a module with its types, and a line in the lock file.')
    .example('tidings contract add crm', 'writes contracts/crm.ts and contracts.lock.json')
    .example('tidings contract add crm --out src/contracts', 'into another folder')
    .argument('<service>')
    .option('--out <folder>', 'where the module is written', 'contracts')
    .option('--lock <file>', 'which revisions were fetched', lockFile)
    .runs<[service: string], AddOptions>(async ({ broker, caller, output }, [service], options) => {
      const { contractModule } = await import('../contract/typescript.ts')
      const fetched = await broker.contract(caller, service)
      const upcasts = `${service}.upcasts.ts`
      const hasUpcasts = existsSync(join(options.out, upcasts))
      const module = await contractModule(fetched, hasUpcasts ? `./${upcasts}` : undefined)
      mkdirSync(options.out, { recursive: true })
      const file = join(options.out, `${service}.ts`)
      writeFileSync(file, module)
      writeLock(options.lock, fetched)
      const types = fetched.topics.flatMap((topic) => topic.types.map(({ type, version }) => ({ type, version })))
      await output.show({ service, file, lock: options.lock, types }, () => `Wrote ${file} and ${options.lock}.`)
      if (!hasUpcasts && types.some(({ version }) => version > 1)) {
        output.warn(
          `Some types have older versions, which this contract does not read; export "upcasts" from ${join(options.out, upcasts)} and run this again if it should.`,
        )
      }
    })
}
