import type { MigrationSet } from '../../database/index.ts'
import { pageFunction, relayFunctions } from './functions.ts'
import { schemaVersions } from './schema-versions.ts'

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
    -- "service" is whose database it is: the source of what tidings.publish() writes.
    -- "counter" is one that the broker knows from a life that was lost, so that those of every topic go on above it.
    -- "cluster" is the server whose transactions the numbers belong to.
    create table tidings.outbox_source (
      only_row boolean primary key default true check (only_row),
      sourceepoch bigint not null,
      listed bigint not null,
      counter bigint not null default 0,
      service text,
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

    -- An event in the form in which it is stored: format 1 of event/codec.ts.
    create function tidings.encode_event(
      id text, source text, type text, key text, subject text, sequence bigint, sourceepoch bigint, extensions jsonb, data jsonb
    ) returns bytea language sql stable as $body$
      select '\\x01'::bytea || int4send(octet_length(attributes)) || attributes || coalesce(convert_to(data::text, 'UTF8'), '')
      from convert_to(
        json_build_array(
          case when data is null then 0 else 1 end, id, source, type, key, subject,
          to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          case when data is not null then 'application/json' end, null, lpad(sequence::text, 20, '0'), sourceepoch, extensions
        )::text, 'UTF8') as attributes
    $body$;

    -- Refuses what no broker would take, while the transaction that says it can still be rolled back.
    create function tidings.check_publication(topic text, key text, source text) returns void language plpgsql as $body$
    begin
      if topic is null or topic !~ '^[a-z0-9_-]+(\\.[a-z0-9_-]+)*$' or length(topic) > 200 then
        raise exception 'tidings: "%" is no name of a topic: use lower-case words with dots between them, such as crm.customer', topic
          using errcode = 'invalid_parameter_value';
      end if;
      if octet_length(key) > 512 or key = '' then
        raise exception 'tidings: the key of an event for % has % bytes; give 1 to 512', topic, octet_length(key)
          using errcode = 'invalid_parameter_value';
      end if;
      if key ~ '[\\u0001-\\u001F\\u007F-\\u009F]' then
        raise exception 'tidings: the key of an event for % holds a control character; encode it', topic
          using errcode = 'invalid_parameter_value';
      end if;
      if source is null then
        raise exception 'tidings: nobody knows whose database this is yet; start its service or its relay once, or give the source'
          using errcode = 'object_not_in_prerequisite_state';
      end if;
    end
    $body$;

    -- Publishes an event or a task with the transaction that calls it; answers the id of the event.
    create function tidings.publish(
      topic text, data jsonb, key text default null, type text default null, id text default null,
      subject text default null, source text default null, extensions jsonb default null
    ) returns text language plpgsql as $body$
    declare
      identity text := coalesce(publish.id, gen_random_uuid()::text);
      owner text := coalesce(publish.source, (select service from tidings.outbox_source));
    begin
      perform tidings.check_publication(publish.topic, publish.key, owner);
      perform tidings.outbox_write(
        publish.topic, convert_to(publish.key, 'UTF8'),
        tidings.encode_event(
          identity, owner, coalesce(publish.type, publish.topic), publish.key, publish.subject, null, null, publish.extensions, publish.data),
        floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
      return identity;
    end
    $body$;

    -- The next version of an entity, whose key the transaction keeps from here on: the order of commits is the order of
    -- versions. Answers it; null where an entity is gone that was never there.
    create function tidings.write_version(topic text, key text, data jsonb, gone boolean, extensions jsonb)
    returns bigint language plpgsql as $body$
    declare
      owner text := (select service from tidings.outbox_source);
      bytes bytea := convert_to(write_version.key, 'UTF8');
      was_present smallint;
      version bigint;
    begin
      perform tidings.check_publication(write_version.topic, write_version.key, owner);
      if write_version.key is null then
        raise exception 'tidings: an entity of % has no key', write_version.topic using errcode = 'invalid_parameter_value';
      end if;
      insert into tidings.key_version as k (topic, key, sequence, present) values (write_version.topic, bytes, 0, 0)
        on conflict on constraint key_version_pkey do update set sequence = k.sequence
        returning k.present, k.sequence + 1 into was_present, version;
      if gone and was_present = 0 then
        delete from tidings.key_version k where k.topic = write_version.topic and k.key = bytes and k.sequence = 0;
        return null;
      end if;
      update tidings.key_version k set sequence = version, present = case when gone then 0 else 1 end
        where k.topic = write_version.topic and k.key = bytes;
      perform tidings.outbox_write(
        write_version.topic, bytes,
        tidings.encode_event(
          gen_random_uuid()::text, owner,
          write_version.topic || case when gone then '.deleted' when was_present = 0 then '.created' else '.updated' end,
          write_version.key, null, version, (select sourceepoch from tidings.outbox_source),
          write_version.extensions, write_version.data),
        floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
      return version;
    end
    $body$;

    -- Publishes the new state of an entity with the transaction that calls it. Answers its version.
    create function tidings.changed(topic text, key text, state jsonb, extensions jsonb default null)
    returns bigint language sql as $body$ select tidings.write_version($1, $2, $3, false, $4) $body$;

    -- Publishes that an entity is gone; "identity" is what its contract says of one that is, such as {"id": "c1"}.
    create function tidings.deleted(topic text, key text, identity jsonb, extensions jsonb default null)
    returns bigint language sql as $body$ select tidings.write_version($1, $2, $3, true, $4) $body$;
    `,
    relayFunctions,
    pageFunction,
    schemaVersions,
  ],
}
