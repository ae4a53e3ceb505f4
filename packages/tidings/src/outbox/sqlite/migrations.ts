import type { MigrationSet } from '../../database/index.ts'

/**
 * The tables of the outbox. Keys are stored as their UTF-8 bytes, because SQLite's clients do not agree on text that
 * holds a NUL character, and a key may.
 */
export const outboxMigrations: MigrationSet = {
  name: 'outbox',
  migrations: [
    `
    -- Events that were committed and not yet answered by the broker. An id is never used twice: it is the counter by
    -- which the broker knows what it has.
    create table tidings_outbox (
      id integer primary key autoincrement,
      topic text not null,
      key blob,
      event blob not null,
      written_at integer not null
    ) strict;
    create index tidings_outbox_topic on tidings_outbox (topic, id);

    -- Events that the broker refused, and later ones of their keys.
    create table tidings_outbox_held (
      id integer primary key,
      topic text not null,
      key blob,
      event blob not null,
      written_at integer not null,
      held_at integer not null,
      code text not null,
      reason text not null
    ) strict;
    create index tidings_outbox_held_key on tidings_outbox_held (topic, key, id);

    -- The version counter of each entity and whether its newest version says that it exists. Never pruned.
    create table tidings_key_version (
      topic text not null,
      key blob not null,
      sequence integer not null,
      present integer not null,
      primary key (topic, key)
    ) strict, without rowid;

    -- Every ownership of the relay, the highest epoch being the present one. "assigned" is the highest id of the outbox
    -- that had been given out when it began: no owner before it can have published a higher one.
    create table tidings_relay (
      shard integer not null,
      epoch integer not null,
      assigned integer not null,
      beat integer not null,
      primary key (shard, epoch)
    ) strict, without rowid;

    -- "listed" is behind "sourceepoch" while everything has to be published again, because this database was restored.
    create table tidings_source (
      only integer primary key check (only = 1),
      sourceepoch integer not null,
      listed integer not null
    ) strict;
    insert into tidings_source (only, sourceepoch, listed) values (1, 0, 0);

    -- How far the listing of an entity has come.
    create table tidings_relist (
      topic text primary key,
      sourceepoch integer not null,
      stage text not null,
      cursor blob
    ) strict;
    `,
    `
    -- The life of each topic that the relay saw last: in another one, everything has to be published again.
    create table tidings_outbox_lives (
      topic text primary key,
      incarnation text not null
    ) strict, without rowid;
    `,
  ],
}
