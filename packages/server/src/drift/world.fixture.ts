import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool, postgresDatabase as emptyDatabase, type PostgresTest } from '@tidings/tools/postgres'
import type { Pool } from 'pg'
import { connect, createService, TidingsError, type Service } from 'tidings'
import { createBroker, ownersOnly, type Broker } from 'tidings/broker'
import { postgresDatabase } from 'tidings/databases/postgres'
import { ownerRoutes, remoteOwner, type EntityOwner } from 'tidings/drift'
import { embeddedEngine } from 'tidings/engines/embedded'
import { formatSequence } from 'tidings/event'
import { openOwner, ownedEntity, ownerHandler, serveOwner, type Side } from 'tidings/verify'
import { compileSchema } from '../schemas.ts'
import { createServer } from '../server.ts'
import { copiesOf, crm, customers, openMail, openStats, topic, type Copy, type Misdeed } from './copies.fixture.ts'

export const operator = { namespace: 'default', principal: 'operator' }
const secret = 'a secret of at least 32 characters'

export interface World extends AsyncDisposable {
  /** As operators have it, over HTTP. */
  readonly broker: Broker
  /** Over HTTP, as whoever compares a copy has it. */
  readonly owner: EntityOwner
  readonly copies: readonly Copy[]
  readonly misdeeds: Map<string, Misdeed>
  source(): Promise<Side>
  /** The owner's database, for who goes around its service. */
  readonly pool: Pool
  readonly ownerUrl: string
  crm(): Service<'crm'>
  /** Changes a customer, or deletes it, as the owner does. */
  change(key: string, name: string | null): Promise<void>
  /** Nothing is published from here on, and everything again. */
  holdRelay(): void
  letRelayGo(): void
  /** Stops the owner's service, and starts it again when that is done. */
  restart(meanwhile: () => Promise<void>): Promise<void>
}

export async function openWorld(test: PostgresTest, { rows }: { readonly rows: number }): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-drift-'))
  const engine = embeddedEngine({ path: join(folder, 'store') })
  const authorize = ownersOnly({ operators: ['operator'] })
  const local = createBroker({ engine, authorize, compileSchema, retentionEveryMs: 50 })
  await local.start()
  const server = createServer({ port: 0, engine, broker: local })
  await server.start()
  const broker = connect(server.url)
  const held = { is: false }
  const { url: ownerUrl } = await emptyDatabase(test)
  const { url: statsUrl } = await emptyDatabase(test)
  const pools = { owner: openPool({ connectionString: ownerUrl }), stats: openPool({ connectionString: statsUrl }) }
  await fill(pools.owner, rows)
  const startCrm = (): Promise<Service<'crm'>> => openCrm(pools.owner, holding(connect(server.url), held))
  const present = { crm: await startCrm() }
  await publishAll(pools.owner, local)
  const misdeeds = new Map<string, Misdeed>()
  const mailing = await openMail(join(folder, 'mail.db'), connect(server.url), { misdeeds, rows })
  const counting = await openStats(pools.stats, connect(server.url))
  const handler = ownerHandler({
    secret,
    entities: [entityOf(() => present.crm)],
    routes: ownerRoutes([ownerOf(() => present.crm)]),
  })
  const served = await serveOwner({ handler, port: 0 })
  const asked = { url: served.url, secret, topic }
  return {
    broker,
    owner: remoteOwner(asked),
    copies: await copiesOf(mailing, counting, join(folder, 'mail.db'), pools.stats),
    misdeeds,
    source: () => openOwner(asked),
    pool: pools.owner,
    ownerUrl,
    crm: () => present.crm,
    change: (key, name) => change(present.crm, key, name),
    holdRelay: () => void (held.is = true),
    letRelayGo: () => void (held.is = false),
    async restart(meanwhile) {
      await present.crm.stop()
      await meanwhile()
      present.crm = await startCrm()
    },
    async [Symbol.asyncDispose]() {
      await served.stop()
      for (const service of [present.crm, mailing.service, counting.service]) await service.stop()
      await server.stop()
      await local.stop()
      await Promise.all([pools.owner.end(), pools.stats.end()])
      mailing.client.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The relay's calls fail as if the server were out of reach, as long as they are held. */
function holding(broker: Broker, held: { readonly is: boolean }): Broker {
  const publish: Broker['publish'] = (caller, request) => {
    if (held.is) throw new TidingsError('unavailable', 'out of reach')
    return broker.publish(caller, request)
  }
  return new Proxy(broker, {
    get: (target, name: keyof Broker) => (name === 'publish' ? publish : target[name].bind(target)),
  })
}

// ------------------------------------------------------------------------------------------------------------ the owner

async function fill(pool: Pool, rows: number): Promise<void> {
  await pool.query('create table customers (id text primary key, name text not null, city text not null)')
  await pool.query('create index on customers (id collate "C")')
  await pool.query(`insert into customers ${customers} from generate_series(1, $1::integer) n`, [rows])
}

async function openCrm(pool: Pool, broker: Broker): Promise<Service<'crm'>> {
  const service = createService({
    contract: crm,
    broker,
    database: postgresDatabase({ pool }),
    report: () => undefined,
  })
  service.owns(crm.customer, { table: 'customers' })
  await service.start()
  return service
}

/** Puts the owner where it would be after it had published every row once, which would take many times as long. */
async function publishAll(pool: Pool, broker: Broker): Promise<void> {
  const caller = { namespace: 'default', principal: 'crm' }
  const { type, dataschema } = crm.customer.created
  const encoder = new TextEncoder()
  for (let after = ''; ;) {
    const { rows } = await pool.query<{ id: string }>(
      `with page as (select * from customers where id > $1 order by id limit 1000), told as (
         insert into tidings.key_version (topic, key, sequence, present)
           select '${topic}', convert_to(id, 'UTF8'), 1, 1 from page)
       select * from page order by id`,
      [after],
    )
    const last = rows.at(-1)
    if (!last) return
    const events = rows.map((row) => ({
      event: {
        id: `first-${row.id}`,
        source: 'crm',
        type,
        dataschema,
        key: row.id,
        datacontenttype: 'application/json',
        data: encoder.encode(JSON.stringify(row)),
        sequence: formatSequence(1),
        sourceepoch: 0,
      },
    }))
    for (const answer of await broker.publish(caller, { topic, events })) {
      if (answer.status !== 'stored') throw new Error(`A customer was not published: ${JSON.stringify(answer)}`)
    }
    after = last.id
  }
}

async function change(service: Service<'crm'>, key: string, name: string | null): Promise<void> {
  await service.transaction(async (tx) => {
    if (name === null) await tx.query('delete from customers where id = $1', [key])
    else {
      const text = 'insert into customers values ($1, $2, $3) on conflict (id) do update set name = excluded.name'
      await tx.query(text, [key, name, 'Anywhere'])
    }
    await tx.changed(crm.customer, key)
  })
}

function entityOf(present: () => Service<'crm'>) {
  const { topic: name, key, columns } = ownedEntity({ service: present(), entity: crm.customer, asStored: true })
  return {
    topic: name,
    key,
    columns,
    open: (wanted: readonly string[]) =>
      ownedEntity({ service: present(), entity: crm.customer, asStored: true }).open(wanted),
  }
}

function ownerOf(present: () => Service<'crm'>): EntityOwner {
  return {
    topic,
    standing: (keys) => present().owner(crm.customer).standing(keys),
    publishAgain: (requests) => present().owner(crm.customer).publishAgain(requests),
  }
}
