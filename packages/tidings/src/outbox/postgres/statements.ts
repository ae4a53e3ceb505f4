import type { OutboxStatements } from '../tables.ts'

/** The rows of a topic whose transactions a snapshot did not see; all of them where there is none. */
const newRows = (topic: string, done: string): string => `
  select id, written_at, xid from tidings.outbox
  where topic = ${topic} and xid >= coalesce(pg_snapshot_xmax(${done}), '0')
  union all
  select id, written_at, xid from tidings.outbox
  where topic = ${topic} and xid = any (array(select pg_snapshot_xip(${done})))`

/** Every topic with rows, found by jumps in the index, with its progress `p`, and its unsent rows. */
const topicRows = `
  with recursive found (topic) as (
    select min(topic) from tidings.outbox
    union all
    select (select min(topic) from tidings.outbox where topic > found.topic) from found where found.topic is not null
  )`
const unsentRows = `
  from found left join tidings.outbox_progress p on p.topic = found.topic,
    lateral (${newRows('found.topic', 'p.done')}) new
  where found.topic is not null
    and (p.goal is null or new.id > p.at or not pg_visible_in_snapshot(new.xid, p.goal))`

/** Released rows come before all others: their places are negative. */
const place = (id: string): string => `${id} - 4503599627370496`

const listedKeys = "array(select decode(value, 'hex') from jsonb_array_elements_text($2::text::jsonb))"

/** How many rows are being sent of a topic with the progress `p`, behind `p.at`. */
const goalRows = `
  (select count(*) from tidings.outbox_held
   where topic = p.topic and released is not null and ${place('id')} > p.at
     and pg_visible_in_snapshot(released, p.goal))
  + (select count(*) from tidings.outbox
     where topic = p.topic and id > p.at and pg_visible_in_snapshot(xid, p.goal)
       and (p.done is null or not pg_visible_in_snapshot(xid, p.done)))`

export const tables = { 1: 'tidings.outbox_1', 2: 'tidings.outbox_2' } as const

type Table = (typeof tables)[keyof typeof tables]

/** Rows of a `values` list, each with so many placeholders, behind some that stand elsewhere. */
function lists<Placeholders extends string[]>(
  rows: number,
  row: (...placeholders: Placeholders) => string,
  width: Placeholders['length'],
  before = 0,
): string {
  return Array.from({ length: rows }, (_, index) => {
    const first = before + index * width + 1
    const placeholders = Array.from({ length: width }, (_, place) => `$${first + place}`)
    return `(${row(...(placeholders as Placeholders))})`
  }).join(', ')
}

function saveKeys(keys: number, before = 0): string {
  const version = (topic: string, key: string, sequence: string, present: string): string =>
    `${topic}, ${key}::bytea, ${sequence}::bigint, ${present}::smallint`
  return `
    update tidings.key_version k set sequence = version.sequence, present = version.present
    from (values ${lists(keys, version, 4, before)}) as version (topic, key, sequence, present)
    where k.topic = version.topic and k.key = version.key`
}

/**
 * The statements of an outbox in PostgreSQL, by what they do. A list of ids is one value, a JSON array, as it is with
 * SQLite.
 */
export const statements = {
  // ---------------------------------------------------------------------------------------------------------- writing

  // Counters are answered as float8, of which every client makes a number: these run in transactions of any of them.

  /**
   * Keys that are not there yet and those that are get their locks one by one, in the order of the list. The epoch may
   * be one of before the locks.
   */
  lockKeys: (keys: number): string => `
    insert into tidings.key_version as k (topic, key, sequence, present)
    values ${lists(keys, (topic, key) => `${topic}, ${key}, 0, 0`, 2)}
    on conflict (topic, key) do update set sequence = k.sequence
    returning sequence::float8 as sequence, present,
      (select source.sourceepoch::float8 from tidings.outbox_source source) as sourceepoch`,
  /** Topic, key, event and time of each event. */
  write: (table: Table, rows: number): string => `
    insert into ${table} (id, topic, key, event, written_at)
    values ${lists(rows, (topic, key, event, at) => `nextval('tidings.outbox_id'), ${topic}, ${key}, ${event}, ${at}`, 4)}`,
  /** The epoch of the source, and no event is written where it is another one; what `write` and what `saveKeys` take. */
  writeIn: (table: Table, rows: number, keys: number): string => `
    with saved as (${saveKeys(keys, 1 + rows * 4)})
    insert into ${table} (id, topic, key, event, written_at)
    select nextval('tidings.outbox_id'), * from (
      values ${lists(rows, (topic, key, event, at) => `${topic}, ${key}::bytea, ${event}::bytea, ${at}::bigint`, 4, 1)}
    ) event
    where (select sourceepoch from tidings.outbox_source) = $1
    returning id`,
  /** Topic, key, sequence and presence of each entity. */
  saveKeys,
  writtenTable: 'select number from tidings.outbox_current',
  forgetUnusedKey: 'delete from tidings.key_version where topic = $1 and key = $2 and sequence = 0',
  source: 'select sourceepoch::float8 as sourceepoch, listed from tidings.outbox_source',
  holdSource: 'select sourceepoch, listed from tidings.outbox_source for update',

  // --------------------------------------------------------------------------------------------------------- relaying

  /** Epoch, how many rows of each topic at most, bytes. */
  next: 'select * from tidings.outbox_next($1, $2::text::jsonb, $3)',
  /** Topic, place, rows, bytes. */
  page: 'select * from tidings.outbox_page($1, $2, $3, $4)',
  /** Epoch, topic, place, counter: everything up to there is sent, or all that was being sent where the place is null. */
  pass: 'select tidings.outbox_pass($1, $2, $3, $4) as owns',
  removeReleased: `
    delete from tidings.outbox_held where id in (select value::bigint from jsonb_array_elements_text($1::text::jsonb))`,
  first: `
    ${topicRows}
    select id, written_at from (
      select new.id, new.written_at ${unsentRows}
      union all
      select id, written_at from tidings.outbox_held where released is not null
    ) unsent
    order by written_at, id limit 1`,

  // ------------------------------------------------------------------------------------------------------------- space

  current: `
    select number, exists (select from tidings.outbox_1) as one, exists (select from tidings.outbox_2) as two
    from tidings.outbox_current`,
  change: 'update tidings.outbox_current set number = $1',
  lockBriefly: `set local lock_timeout = '50ms'`,
  lockTable: (table: string): string => `lock table ${table} in access exclusive mode`,
  holdsUnsent: (table: string): string => `
    with recursive found (topic) as (
      select min(topic) from ${table}
      union all
      select (select min(topic) from ${table} where topic > found.topic) from found where found.topic is not null
    )
    select from found left join tidings.outbox_progress p on p.topic = found.topic
    where found.topic is not null and (
      exists (
        select from ${table} where topic = found.topic and xid >= coalesce(pg_snapshot_xmax(p.done), '0'))
      or exists (
        select from ${table} where topic = found.topic and xid = any (array(select pg_snapshot_xip(p.done)))))`,
  empty: (table: string): string => `truncate ${table}`,

  // --------------------------------------------------------------------------------------------------------- ownership

  owner: 'select epoch, beat from tidings.outbox_relay where shard = 0',
  own: `
    insert into tidings.outbox_relay as relay (shard, epoch, beat) values (0, $1, 0)
    on conflict (shard) do update set epoch = greatest(relay.epoch + 1, excluded.epoch), beat = 0
    returning epoch`,
  holdOwner: 'select epoch from tidings.outbox_relay where shard = 0 for share',
  beat: 'update tidings.outbox_relay set beat = beat + 1 where shard = 0 and epoch = $1',

  // ----------------------------------------------------------------------------------------------------------- restore

  /** The highest counter that an owner can have sent of a topic. */
  reach: `
    select greatest(p.counter, source.counter) + ${goalRows} as counter
    from tidings.outbox_source source
    left join tidings.outbox_progress p on p.topic = $1`,
  continueAbove: 'update tidings.outbox_source set counter = greatest(counter, $1)',
  isElsewhere: `
    select from tidings.outbox_source where cluster <> (select system_identifier from pg_control_system())`,
  /** The numbers of transactions belong to another server: everything that is here counts as written by this one. */
  continueHere: [
    'update tidings.outbox_1 set xid = pg_current_xact_id()',
    'update tidings.outbox_2 set xid = pg_current_xact_id()',
    'update tidings.outbox_held set released = pg_current_xact_id() where released is not null',
    'update tidings.outbox_progress set done = null, goal = null, at = 0',
    'update tidings.outbox_source set cluster = (select system_identifier from pg_control_system())',
  ],
  lives: 'select topic, incarnation from tidings.outbox_lives',
  saveLife: `
    insert into tidings.outbox_lives (topic, incarnation) values ($1, $2)
    on conflict (topic) do update set incarnation = excluded.incarnation`,
  raiseSource: 'update tidings.outbox_source set sourceepoch = $1',
  nameService: 'update tidings.outbox_source set service = $1 where service is distinct from $1',
  markListed: 'update tidings.outbox_source set listed = $1 where listed < $2',
  listing: 'select sourceepoch, stage, cursor from tidings.outbox_relist where topic = $1',
  saveListing: `
    insert into tidings.outbox_relist (topic, sourceepoch, stage, cursor) values ($1, $2, $3, $4)
    on conflict (topic) do update set sourceepoch = excluded.sourceepoch, stage = excluded.stage, cursor = excluded.cursor`,

  // ------------------------------------------------------------------------------------------------------- held events

  /** Time, code, reason, id: for a row of the outbox. */
  hold: `
    insert into tidings.outbox_held (id, topic, key, event, written_at, held_at, code, reason)
    select id, topic, key, event, written_at, $1, $2, $3 from tidings.outbox where id = $4`,
  /** Time, code, reason, id: for one that was held before, and released. */
  holdAgain: 'update tidings.outbox_held set held_at = $1, code = $2, reason = $3, released = null where id = $4',
  /** Whoever waits behind a key all of which is released is released with it. Topic, key. */
  releaseBehind: `
    update tidings.outbox_held set released = pg_current_xact_id()
    where topic = $1 and key = $2 and released is null and code = 'behind-refused'
      and exists (
        select from tidings.outbox_held other where other.topic = $1 and other.key = $2
          and other.released is not null and other.id < outbox_held.id)
      and not exists (
        select from tidings.outbox_held other where other.topic = $1 and other.key = $2
          and other.released is null and other.code <> 'behind-refused')`,
  lockProgress: 'select from tidings.outbox_progress where topic = $1 for update',
  /** Topic, key. */
  release: `
    update tidings.outbox_held set released = pg_current_xact_id()
    where topic = $1 and key is not distinct from $2 and released is null returning id`,
  discard: 'delete from tidings.outbox_held where id = $1 and released is null returning id',
  held: `
    select id, topic, key, event, held_at, code, reason from tidings.outbox_held
    where id > $1 and released is null order by id limit $2`,

  // ------------------------------------------------------------------------------------------------------- single keys

  /** Each of these takes a topic and a JSON array of keys in hexadecimal digits. */
  versionsOf: `
    select key, sequence, present from tidings.key_version where topic = $1 and key = any (${listedKeys})`,
  unsentOf: `
    select key, event, written_at as "writtenAt" from (
      select o.key, o.event, o.written_at, o.id
      from (select max(done::text)::pg_snapshot as done, max(goal::text)::pg_snapshot as goal, max(at) as at
            from tidings.outbox_progress where topic = $1) p,
        lateral (
          select * from tidings.outbox where topic = $1 and xid >= coalesce(pg_snapshot_xmax(p.done), '0')
          union all
          select * from tidings.outbox where topic = $1 and xid = any (array(select pg_snapshot_xip(p.done)))
        ) o
      where o.key = any (${listedKeys}) and (p.goal is null or o.id > p.at or not pg_visible_in_snapshot(o.xid, p.goal))
      union all
      select key, event, written_at, ${place('id')} from tidings.outbox_held
      where topic = $1 and released is not null and key = any (${listedKeys})
    ) waiting
    order by id`,
  heldOf: `
    select key, id, held_at as "heldAt", code, reason from tidings.outbox_held
    where topic = $1 and released is null and key = any (${listedKeys}) order by id`,

  // ------------------------------------------------------------------------------------------------------------ figures

  countPending: `
    ${topicRows}
    select (select count(*) ${unsentRows})
      + (select count(*) from tidings.outbox_held where released is not null) as count`,
  countHeld: 'select count(*) as count from tidings.outbox_held where released is null',
} as const satisfies OutboxStatements & Readonly<Record<string, unknown>>
