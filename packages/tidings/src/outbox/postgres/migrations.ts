import type { MigrationSet } from '../../database/index.ts'

/**
 * The tables of the outbox in the schema `tidings`. Rows are written into one of two tables and never changed; when
 * all of the other one is sent it is emptied at once, so that nothing has to be deleted row by row and no open
 * transaction makes them grow for ever. Keys are bytes, because PostgreSQL's text cannot hold a NUL character.
 */
export const outboxMigrations: MigrationSet = {
  name: 'outbox',
  migrations: [
    `
    create sequence tidings.outbox_id;

    -- How far each topic is sent. Sent is what "done" sees; being sent is what "goal" sees and "done" does not, in the
    -- order of ids, up to "at". "counter" is the one by which the broker knows the row at "at".
    create table tidings.outbox_progress (
      topic text collate "C" primary key,
      done pg_snapshot,
      goal pg_snapshot,
      at bigint not null default 0,
      counter bigint not null default 0
    );

    -- "xid" is the transaction that wrote the row: by it a snapshot says whether it sees the row.
    create table tidings.outbox_1 (
      id bigint not null,
      topic text collate "C" not null,
      xid xid8 not null default pg_current_xact_id(),
      key bytea,
      event bytea not null,
      written_at bigint not null
    );
    create index outbox_1_by_id on tidings.outbox_1 (topic, id);
    create index outbox_1_by_transaction on tidings.outbox_1 (topic, xid, id);
    create table tidings.outbox_2 (like tidings.outbox_1 including defaults including indexes);
    create view tidings.outbox as select * from tidings.outbox_1 union all select * from tidings.outbox_2;

    -- Which of the two tables is written at present.
    create table tidings.outbox_current (only_row boolean primary key default true check (only_row), number integer not null);
    insert into tidings.outbox_current (number) values (1);

    -- Events that the broker refused, and later ones of their keys. "released" is the transaction that gave one back to
    -- the relay; what is released is sent before the rows that a snapshot sees together with it.
    create table tidings.outbox_held (
      id bigint primary key,
      topic text collate "C" not null,
      key bytea,
      event bytea not null,
      written_at bigint not null,
      held_at bigint not null,
      code text not null,
      reason text not null,
      released xid8
    );
    create index outbox_held_by_key on tidings.outbox_held (topic, key, id);
    create index outbox_held_released on tidings.outbox_held (topic, id) where released is not null;

    -- The version counter of each entity and whether its newest version says that it exists. Never pruned.
    create table tidings.key_version (
      topic text not null,
      key bytea not null,
      sequence bigint not null,
      present smallint not null,
      primary key (topic, key)
    ) with (fillfactor = 70);

    -- Who relays.
    create table tidings.outbox_relay (shard integer primary key, epoch bigint not null, beat bigint not null);

    -- "listed" is behind "sourceepoch" while everything has to be published again, because this database was restored.
    -- "counter" is one that the broker knows from a life that was lost, so that those of every topic go on above it.
    -- "cluster" is the server whose transactions the numbers belong to.
    create table tidings.outbox_source (
      only_row boolean primary key default true check (only_row),
      sourceepoch bigint not null,
      listed bigint not null,
      counter bigint not null default 0,
      cluster bigint not null
    );
    insert into tidings.outbox_source (sourceepoch, listed, cluster)
      select 0, 0, system_identifier from pg_control_system();

    -- How far the listing of an entity has come.
    create table tidings.outbox_relist (topic text primary key, sourceepoch bigint not null, stage text not null, cursor bytea);

    -- The life of each topic that the relay saw last: in another one, everything has to be published again.
    create table tidings.outbox_lives (topic text primary key, incarnation text not null);

    -- Writes one event, in the caller's transaction, and answers its id.
    create function tidings.outbox_write(topic text, key bytea, event bytea, written_at bigint) returns bigint
    language plpgsql as $body$
    declare
      written bigint := nextval('tidings.outbox_id');
    begin
      if (select number from tidings.outbox_current) = 1 then
        insert into tidings.outbox_1 (id, topic, key, event, written_at) values (written, $1, $2, $3, $4);
      else
        insert into tidings.outbox_2 (id, topic, key, event, written_at) values (written, $1, $2, $3, $4);
      end if;
      return written;
    end
    $body$;
    `,
  ],
}
