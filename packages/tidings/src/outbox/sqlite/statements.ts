/** The statements of an outbox in SQLite, by what they do. */
export const statements = {
  // ---------------------------------------------------------------------------------------------------------- writing

  /** Takes the key's lock until the commit, creating its counter, and answers where it stands. */
  lockKey: `
    insert into tidings_key_version (topic, key, sequence, present) values (?, ?, 0, 0)
    on conflict (topic, key) do update set sequence = sequence
    returning sequence, present`,
  saveKey: 'update tidings_key_version set sequence = ?, present = ? where topic = ? and key = ?',
  forgetUnusedKey: 'delete from tidings_key_version where topic = ? and key = ? and sequence = 0',
  source: 'select sourceepoch, listed from tidings_source',
  /** Whoever writes has the database for himself. */
  holdSource: 'select sourceepoch, listed from tidings_source',
  write: 'insert into tidings_outbox (topic, key, event, written_at) values (?, ?, ?, ?)',

  // --------------------------------------------------------------------------------------------------------- relaying

  /** Each topic with something unsent, found by jumps in the index. */
  topics: `
    with recursive found (topic) as (
      select min(topic) from tidings_outbox
      union all
      select (select min(topic) from tidings_outbox where topic > found.topic) from found where found.topic is not null
    )
    select topic from found where topic is not null`,
  /** How much the next events of a topic weigh. */
  weigh: 'select id, length(event) as bytes from tidings_outbox where topic = ? order by id limit ?',
  /** A topic's events up to an id, as long as the asker owns the relay. */
  batch: `
    select unsent.id, unsent.key, unsent.event, exists (
      select 1 from tidings_outbox_held held where held.topic = unsent.topic and held.key = unsent.key
    ) as held
    from tidings_outbox unsent
    where unsent.topic = ? and unsent.id <= ? and (select max(epoch) from tidings_relay where shard = 0) = ?
    order by unsent.id`,
  /** Takes a JSON array of ids. */
  remove: 'delete from tidings_outbox where id in (select value from json_each(?))',

  // --------------------------------------------------------------------------------------------------------- ownership

  owner: 'select epoch, beat from tidings_relay where shard = 0 order by epoch desc limit 1',
  own: `
    insert into tidings_relay (shard, epoch, assigned, beat)
    values (0, ?, (select coalesce(max(seq), 0) from sqlite_sequence where name = 'tidings_outbox'), 0)
    returning epoch`,
  /** Whoever writes has the database for himself. */
  holdOwner: 'select epoch from tidings_relay where shard = 0 order by epoch desc limit 1',
  beat: 'update tidings_relay set beat = beat + 1 where shard = 0 and epoch = ?',
  /** The highest id that an owner with this epoch can have published; no row when no later owner is known. */
  assignedAfter: 'select assigned from tidings_relay where shard = 0 and epoch > ? order by epoch limit 1',
  first: 'select id, written_at from tidings_outbox order by id limit 1',

  // ----------------------------------------------------------------------------------------------------------- restore

  highestId: "select coalesce(max(seq), 0) as id from sqlite_sequence where name = 'tidings_outbox'",
  raiseIds: "update sqlite_sequence set seq = ? where name = 'tidings_outbox' and seq < ?",
  beginIds: `
    insert into sqlite_sequence (name, seq)
    select 'tidings_outbox', ? where not exists (select 1 from sqlite_sequence where name = 'tidings_outbox')`,
  raiseAssigned: 'update tidings_relay set assigned = ? where shard = 0 and assigned < ?',
  /** New ids, above every other, for events up to an id. */
  renumber: `
    insert into tidings_outbox (topic, key, event, written_at)
    select topic, key, event, written_at from tidings_outbox where id <= ? order by id`,
  removeThrough: 'delete from tidings_outbox where id <= ?',
  lives: 'select topic, incarnation from tidings_outbox_lives',
  saveLife: `
    insert into tidings_outbox_lives (topic, incarnation) values (?, ?)
    on conflict (topic) do update set incarnation = excluded.incarnation`,
  raiseSource: 'update tidings_source set sourceepoch = ?',
  markListed: 'update tidings_source set listed = ? where listed < ?',
  listing: 'select sourceepoch, stage, cursor from tidings_relist where topic = ?',
  saveListing: `
    insert into tidings_relist (topic, sourceepoch, stage, cursor) values (?, ?, ?, ?)
    on conflict (topic) do update set sourceepoch = excluded.sourceepoch, stage = excluded.stage, cursor = excluded.cursor`,

  // ------------------------------------------------------------------------------------------------------- held events

  holdOne: `
    insert into tidings_outbox_held (id, topic, key, event, written_at, held_at, code, reason)
    select id, topic, key, event, written_at, ?, ?, ? from tidings_outbox where id = ?`,
  removeOne: 'delete from tidings_outbox where id = ?',
  holdKey: `
    insert into tidings_outbox_held (id, topic, key, event, written_at, held_at, code, reason)
    select id, topic, key, event, written_at, ?, 'behind-refused', 'An earlier event of its key is held.'
    from tidings_outbox where topic = ? and key = ?`,
  removeKey: 'delete from tidings_outbox where topic = ? and key = ?',
  isHeld: 'select 1 as held from tidings_outbox_held where topic = ? and key is ? limit 1',
  releaseKey: `
    insert into tidings_outbox (topic, key, event, written_at)
    select topic, key, event, written_at from tidings_outbox_held where topic = ? and key is ? order by id
    returning id`,
  removeHeldKey: 'delete from tidings_outbox_held where topic = ? and key is ?',
  discard: 'delete from tidings_outbox_held where id = ? returning topic, key',
  held: 'select id, topic, key, event, held_at, code, reason from tidings_outbox_held where id > ? order by id limit ?',

  // ------------------------------------------------------------------------------------------------------- single keys

  version: 'select key, sequence, present from tidings_key_version where topic = ? and key = ?',
  /** Topic and a JSON array of keys in hexadecimal digits. */
  unsentOf: `
    select key, event, written_at as "writtenAt" from tidings_outbox
    where topic = ? and hex(key) in (select value from json_each(?)) order by id`,
  heldOf: `
    select key, id, held_at as "heldAt", code, reason from tidings_outbox_held
    where topic = ? and hex(key) in (select value from json_each(?)) order by id`,

  // ------------------------------------------------------------------------------------------------------------ figures

  countPending: 'select count(*) as count from tidings_outbox',
  countHeld: 'select count(*) as count from tidings_outbox_held',
} as const
