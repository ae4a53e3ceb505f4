import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { TidingsCommand } from '../command.ts'
import { CommandError } from '../failure.ts'
import { settingDefaults } from '../settings.ts'

export function addRestore(program: TidingsCommand): void {
  program
    .command('restore')
    .description(
      'Makes a store of a backup, in a folder that has none. Services notice on their own that it is another life.',
    )
    .example('tidings restore tidings.backup --data /var/lib/tidings', 'then start the server on that folder')
    .argument('<backup>', 'a file that tidings backup wrote')
    .option('--data <folder>', `the folder of the new store (TIDINGS_DATA; ${settingDefaults.data})`)
    .runs<[file: string]>(async ({ output, settings: { data } }, [file]) => {
      const found = await stat(file).catch(() => undefined)
      if (!found?.isFile()) throw new CommandError(`There is no backup ${file}.`)
      const { restoreStore } = await import('tidings/engines/embedded')
      const { takenAt, bytes, topics } = await restoreStore({ backup: createReadStream(file), path: data })
      const at = new Date(takenAt).toISOString()
      await output.show({ data: resolve(data), takenAt: at, bytes, topics }, () => {
        return `${resolve(data)} holds the ${topics} topics of ${at}. What was published since is not in it.`
      })
    })
}
