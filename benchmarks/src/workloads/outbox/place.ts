import { openBank, type Bank } from './bank.ts'
import { startPostgres } from '../../systems/postgres.ts'
import { startTidingsServer } from '../../systems/tidings-server.ts'
import { inFolder } from '../../house/folder.ts'

/** A PostgreSQL and a Tidings server, each new and in processes of their own. */
export interface Place {
  readonly url: string
  readonly server: string
  /** Of both. */
  readonly pids: readonly number[]
  /** Of the Tidings server alone. */
  readonly serverPid: number
  readonly folder: string
}

/** For the work of one driver, with a service that has an outbox. */
export function inBank<Result>(work: (bank: Bank, place: Place) => Promise<Result>): Promise<Result> {
  return inPlace(async (place) => {
    const bank = await openBank(place)
    try {
      return await work(bank, place)
    } finally {
      await bank.stop()
    }
  })
}

export function inPlace<Result>(work: (place: Place) => Promise<Result>): Promise<Result> {
  return inFolder(async (folder) => {
    const postgres = await startPostgres(folder, ['wal_level=logical', 'max_connections=200'])
    try {
      const { url: server, program } = await startTidingsServer(folder)
      try {
        const pids = [postgres.pid, program.pid]
        return await work({ url: postgres.url, server, pids, serverPid: program.pid, folder })
      } finally {
        await program.end()
      }
    } finally {
      await postgres.stop()
    }
  })
}
