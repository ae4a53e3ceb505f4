import { TidingsError } from '../errors.ts'
import type { Bench, ProcessOptions, ServiceProcess } from './bench.fixture.ts'

// The words in which a restored database is told about.

export const away = new TidingsError('unavailable', 'away')

export function restoredAlarms(bench: Bench): number {
  return bench.alarms.filter(({ alarm }) => alarm === 'restored').length
}

export async function table(process: ServiceProcess): Promise<Record<string, unknown>> {
  const rows = await process.database.query<{ id: string; name: string }>('select id, name from customers')
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]))
}

/** A process that lists its customers when it turns out to be restored, as the service kit does. */
export async function openService(bench: Bench, options: ProcessOptions = {}): Promise<ServiceProcess> {
  const process: ServiceProcess = await bench.process({
    onRestored: async () => void (await process.relist()),
    ...options,
  })
  return process
}

/** Rounds of the relay, with the time that failures need, until there is nothing left to do, or so many of them. */
export async function settle(bench: Bench, process: ServiceProcess, rounds = 200): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await process.relay()
    await bench.environment.advance(10_000)
    // A listing runs beside the rounds, and a real database takes its time.
    await new Promise((resolve) => setTimeout(resolve, 1))
    const { pending, listing } = await process.outbox.stats()
    if (round > 1 && pending === 0 && !listing) return
  }
}

/** Customers a, b and c; a backup; then a life that is lost: a changes, b goes, d comes. */
export async function loseLife(bench: Bench, service: ServiceProcess): Promise<void> {
  await service.write({ customers: { a: 'Ann', b: 'Bob', c: 'Cid' }, mails: [{ id: 'm1', key: 'a' }] })
  await service.relay()
  const restore = await bench.store.backup()
  await bench.environment.advance(3_600_000)
  await service.write({ customers: { a: 'Lost', b: null, d: 'Dan' }, mails: [{ id: 'lost', key: 'a' }] })
  await service.write({ customers: { a: 'Lost again' } })
  await service.relay()
  await service.kill()
  await restore()
}
