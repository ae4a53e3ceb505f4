import { contractDocument, type JsonSchema } from 'tidings'
import type { CauseKind } from 'tidings/drift'
import { crm, ready, topic, type Copy } from './copies.fixture.ts'
import { operator, type World } from './world.fixture.ts'

type CopyName = Copy['name']

/** One kind of fault: what somebody does to a key, and what has to be found there. */
export interface Fault {
  readonly name: string
  readonly cause: CauseKind
  /** The copies that differ because of it. */
  readonly copies: readonly CopyName[]
  /** Is done to its keys before anything else is done to any. */
  readonly prepare?: (world: World, keys: readonly string[]) => Promise<void>
  readonly inject: (world: World, key: string) => Promise<void>
}

const all: readonly CopyName[] = ['mail', 'stats', 'notes']

/** Those of the owner's database. */
const ofOwner: readonly Fault[] = [
  {
    name: 'the row is written around the service',
    cause: 'never-published',
    copies: all,
    inject: ({ pool }, key) => sql(pool, `update customers set name = 'around' where id = $1`, key),
  },
  {
    name: 'a row is inserted around it',
    cause: 'never-published',
    copies: all,
    prepare: (world, keys) =>
      each(keys, (key) =>
        sql(world.pool, 'delete from customers where id = $1', key).then(() => world.change(key, null)),
      ),
    inject: ({ pool }, key) => sql(pool, `insert into customers values ($1, 'around', 'x')`, key),
  },
  {
    name: 'the row is deleted around it',
    cause: 'never-published',
    copies: all,
    inject: ({ pool }, key) => sql(pool, 'delete from customers where id = $1', key),
  },
  {
    name: 'the row of the outbox is taken out',
    cause: 'never-published',
    copies: all,
    inject: outboxRowLost,
  },
  {
    name: 'the broker refuses it',
    cause: 'refused',
    copies: all,
    inject: ({ change }, key) => change(key, 'Bad'),
  },
  {
    name: 'the counter is set back',
    cause: 'restored',
    copies: all,
    async inject(world, key) {
      await sql(
        world.pool,
        `update tidings.key_version set sequence = 0 where topic = '${topic}' and key = convert_to($1, 'UTF8')`,
        key,
      )
      await world.change(key, 'after a counter that was set back')
    },
  },
  {
    name: 'the counter is removed',
    cause: 'restored',
    copies: all,
    async inject(world, key) {
      await sql(
        world.pool,
        `delete from tidings.key_version where topic = '${topic}' and key = convert_to($1, 'UTF8')`,
        key,
      )
      await world.change(key, 'after a counter that was removed')
    },
  },
]

/** Those of the handler. */
const ofHandler: readonly Fault[] = [
  {
    name: 'the handler fails',
    cause: 'retrying',
    copies: ['notes'],
    inject: (world, key) => misdone(world, key, 'fails'),
  },
  {
    name: 'the handler gives up',
    cause: 'dead-lettered',
    copies: ['notes'],
    inject: (world, key) => misdone(world, key, 'refuses'),
  },
  {
    name: 'the handler has given up an earlier one',
    cause: 'parked',
    copies: ['notes'],
    async inject(world, key) {
      await misdone(world, key, 'refuses')
      await ready(async () => (await deadKeys(world)).has(key))
      await world.change(key, 'behind it')
    },
  },
  {
    name: 'the handler forgets',
    cause: 'effect-missing',
    copies: ['notes'],
    inject: (world, key) => misdone(world, key, 'forgets'),
  },
  {
    name: 'the table of the handler is edited',
    cause: 'effect-missing',
    copies: ['notes'],
    // It began with what there was; what it was told since it should still show.
    prepare: (world, keys) => each(keys, (key) => world.change(key, 'told')),
    inject: (world, key) => copyOf(world, 'notes').run(`update notes set city = 'elsewhere' where id = ?`, [key]),
  },
]

/** Those of a replica, in either database. */
const ofReplica = (name: 'mail' | 'stats'): readonly Fault[] => [
  {
    name: `a row of ${name} is edited`,
    cause: 'written-locally',
    copies: [name],
    inject: (world, key) => copyOf(world, name).run(`update customers set name = 'edited' where id = ?`, [key]),
  },
  {
    name: `a row of ${name} is deleted`,
    cause: 'deleted-behind',
    copies: [name],
    inject: (world, key) => copyOf(world, name).run('delete from customers where id = ?', [key]),
  },
  {
    name: `a row of ${name} is invented`,
    cause: 'written-locally',
    copies: [name],
    inject: (world, key) => invented(world, name, `invented-${key}`),
  },
  {
    name: `a row of ${name} holds an older state`,
    cause: 'out-of-order',
    copies: [name],
    prepare: (world, keys) => each(keys, (key) => world.change(key, 'newer')),
    async inject(world, key) {
      const version = '0000000000.00000000000000000001'
      const old = `update customers set name = ?, city = ?, tidings_version = ? where id = ?`
      await copyOf(world, name).run(old, [`Name ${key.slice(1)}`, `City ${Number(key.slice(1)) % 100}`, version, key])
    },
  },
  {
    name: `a deleted row of ${name} comes back when its deletion is gone`,
    cause: 'beyond-retention',
    copies: [name],
    prepare: (world, keys) => forgotten(world, keys),
    inject: (world, key) => invented(world, name, key),
  },
]

export const faults: readonly Fault[] = [...ofOwner, ...ofHandler, ...ofReplica('mail'), ...ofReplica('stats')]

/** Mends what makes the owner's and the handler's faults, so that they can be repaired. */
export async function reform(world: World): Promise<void> {
  world.misdeeds.clear()
  await register(world, undefined)
}

/** Has the broker refuse names, as another contract would. */
export async function refuseNames(world: World, pattern: string): Promise<void> {
  await register(world, { type: 'object', properties: { name: { not: { pattern } } } })
}

/** Registers the contract, with a schema in place of those of its states where one is given. */
async function register({ broker }: World, schema: JsonSchema | undefined): Promise<void> {
  const contract = contractDocument(crm)
  const topics = contract.topics.map((each) => {
    const types = each.types.map((type) =>
      schema && type.type !== crm.customer.deleted.type ? { ...type, schema } : type,
    )
    return { ...each, types }
  })
  await broker.registerContract(operator, { ...contract, topics, compatibility: { mode: 'none' } })
}

function copyOf({ copies }: World, name: CopyName): Copy {
  return copies.find((copy) => copy.name === name)!
}

async function outboxRowLost({ pool, crm: service }: World, key: string): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await service().join(client, async (tx) => {
      await tx.query(`update customers set name = 'lost' where id = $1`, [key])
      await tx.changed(crm.customer, key)
    })
    for (const table of [1, 2]) {
      await client.query(
        `delete from tidings.outbox_${table} where topic = '${topic}' and key = convert_to($1, 'UTF8') and xid = pg_current_xact_id()`,
        [key],
      )
    }
    await client.query('commit')
  } finally {
    client.release()
  }
}

async function misdone(world: World, key: string, misdeed: 'fails' | 'refuses' | 'forgets'): Promise<void> {
  world.misdeeds.set(key, misdeed)
  await world.change(key, `the handler ${misdeed}`)
}

async function deadKeys({ broker }: World): Promise<ReadonlySet<string | undefined>> {
  const keys = new Set<string | undefined>()
  for (let after: string | undefined; ;) {
    const page = await broker.deadLetters(operator, {
      subscription: 'mail.note',
      limit: 1_000,
      ...(after && { after }),
    })
    for (const { event } of page.deadLetters) keys.add(event.key)
    if (page.next === undefined) return keys
    after = page.next
  }
}

function invented(world: World, name: 'mail' | 'stats', key: string): Promise<void> {
  const text = `insert into customers (id, name, city, tidings_version) values (?, 'nobody', 'nowhere', ?)`
  return copyOf(world, name).run(text, [key, '0000000000.00000000000000000001'])
}

/** Deletes customers, and waits until the topic has forgotten even that. */
async function forgotten(world: World, keys: readonly string[]): Promise<void> {
  await each(keys, (key) => world.change(key, null))
  const { broker } = world
  const bounds = { maxAgeMs: 1, tombstonesMs: 1 }
  await broker.putTopic(operator, { topic, kind: 'entity', owner: 'crm', retention: bounds })
  for (let start = 0; start < keys.length; start += 100) {
    const some = keys.slice(start, start + 100)
    await ready(async () => (await broker.history(operator, { topic, keys: some, scan: 0 })).events.length === 0)
  }
  await broker.putTopic(operator, { topic, kind: 'entity', owner: 'crm', retention: 'none' })
}

async function sql(pool: World['pool'], text: string, key: string): Promise<void> {
  await pool.query(text, [key])
}

async function each(keys: readonly string[], work: (key: string) => Promise<unknown>): Promise<void> {
  for (const key of keys) await work(key)
}
