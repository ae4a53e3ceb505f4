import type { ClientConfig } from 'pg'
import { connect, createRelay } from 'tidings'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { interrupted, untilInterrupted } from '../interrupt.ts'
import type { Session } from '../session.ts'

interface RelayOptions {
  readonly database?: string
  readonly wakeUps: boolean
}

export function addRelay(program: TidingsCommand): void {
  program
    .command('relay')
    .description(
      'Publishes what transactions of a PostgreSQL database have written with tidings.publish(), until interrupted.',
    )
    .example('tidings relay crm --database postgres://crm@localhost/crm', 'the database of the service crm')
    .argument('<service>', 'whose database it is')
    .option('--database <url>', 'where it is (TIDINGS_DATABASE, which keeps a password off the list of processes)')
    .option('--no-wake-ups', 'poll only: make no publication and no replication slot')
    .runs<[service: string], RelayOptions>((session, [service], { database, wakeUps }) => {
      const url = database ?? session.terminal.env['TIDINGS_DATABASE']
      if (url === undefined) throw new UsageError('Say where the database is: --database postgres://…')
      if (!/^postgres(ql)?:/.test(url)) throw new UsageError('A relay needs PostgreSQL: --database postgres://…')
      return untilInterrupted((signal) => relay(session, { service, url, signal, wakeUps }))
    })
}

async function relay(
  session: Session,
  options: { readonly service: string; readonly url: string; readonly signal: AbortSignal; readonly wakeUps: boolean },
): Promise<void> {
  const { service, url, signal } = options
  const { output } = session
  const { default: pg } = await import('pg')
  const { followCommits } = await import('tidings/capture')
  const { postgresDatabase } = await import('tidings/databases/postgres')
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', (error) => output.error(`The database has ended a connection: ${error.message}`))
  const { token, url: server } = session.settings
  const broker = connect(server, { ...(token !== undefined && { token }) })
  const database = postgresDatabase({ pool })
  const { namespace } = session.caller
  const wakeUps = followCommits({
    pool,
    replication: () => new pg.Client({ connectionString: url, replication: 'database' } as ClientConfig),
    onNote: ({ message }) => output.note(message),
  })
  try {
    const relaying = createRelay({
      service,
      broker,
      database,
      namespace,
      ...(options.wakeUps && { wakeUps }),
      report: ({ level, message }) => {
        if (level === 'warning') output.warn(message)
        else output.error(message)
      },
    })
    await relaying.start()
    await output.show({ service, url: server, pid: process.pid }, () => `Relaying for ${service} to ${server}.`)
    await interrupted(signal)
    output.note('Stopping.')
    await relaying.stop()
    output.note('Stopped.')
  } finally {
    await database.stop()
    await broker.stop()
    await pool.end()
  }
}
