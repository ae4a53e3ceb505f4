import { WebSocket } from 'ws'
import { connect, type Broker, type Entity, type Service } from 'tidings'
import type { Database, MigrationSet } from 'tidings/database'
import { ownerRoutes } from 'tidings/drift'
import { ownedEntity, ownerHandler, serveOwner } from 'tidings/verify'
import { announce, required } from './child.ts'
import { openDatabase } from './database.ts'
import { serve, type Routes } from './http.ts'

export interface ServiceProgram<Name extends string> {
  /** The team's own tables. */
  readonly tables: MigrationSet
  readonly create: (parts: { broker: Broker; database: Database }) => Service<Name>
  /** An entity that it owns, for whoever has a copy: digests to compare with, and what is known of single keys. */
  readonly owned?: Entity<Name>
  /** What the program answers over HTTP, beside its status. */
  readonly routes?: (service: Service<Name>) => Routes
}

/** Runs one team's service as a program of its own: its database, its connection to the broker, its status. */
export async function runService<Name extends string>(program: ServiceProgram<Name>): Promise<void> {
  const { database, commits } = openDatabase(required('DATABASE_FILE'))
  await database.start()
  await database.migrate(program.tables)
  const broker = connect(required('BROKER_URL'), { WebSocket })
  const service = program.create({ broker, database })
  await service.start()
  const proofs = program.owned && (await serveProofs(service, program.owned))

  const status = async (): Promise<object> => {
    const { outbox } = await service.stats()
    return { outbox: outbox.pending + outbox.held, commits: commits(), ...(proofs && { proofs: proofs.url }) }
  }
  const routes = { 'GET /status': status, ...program.routes?.(service) }
  const { url, server } = await serve({ port: Number(process.env['PORT'] ?? 0), routes })
  announce(url, async () => {
    server.close()
    await proofs?.stop()
    await service.stop()
    await broker.stop()
    await database.stop()
  })
}

function serveProofs<Name extends string>(service: Service<Name>, entity: Entity<Name>): ReturnType<typeof serveOwner> {
  const handler = ownerHandler({
    secret: required('PROOF_SECRET'),
    entities: [ownedEntity({ service, entity })],
    routes: ownerRoutes([service.owner(entity)]),
    onError: console.error,
  })
  return serveOwner({ handler, port: 0 })
}
