import { allowAll, createBroker } from 'tidings/broker'
import { postgresEngine } from 'tidings/engines/postgres'
import { missingPostgres, openPool, startPostgres } from './postgres.ts'
import type { System } from './system.ts'
import { overBroker } from './tidings.ts'

export const tidingsPostgres: System = {
  name: 'tidings-postgres',
  title: 'Tidings, a broker in the process over PostgreSQL (synchronous_commit=on)',
  durability: 'D',
  form: 'library',
  missing: missingPostgres,
  async start(folder) {
    const postgres = await startPostgres(folder)
    const pool = openPool(postgres, 10)
    const broker = createBroker({ engine: postgresEngine({ pool }), authorize: allowAll })
    await broker.start()
    return overBroker(broker, {
      pids: [postgres.pid],
      async stop() {
        await broker.stop()
        await pool.end()
        await postgres.stop()
      },
    })
  },
}
