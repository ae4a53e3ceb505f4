/**
 * The third migration: events that are written in SQL say in which version of its schema their payload is. Whoever writes
 * the statement knows it, and nobody else does: the contract may be newer than the statement. It is 1 where nothing is
 * said, so that what was written before there was another version stays right.
 */
export const schemaVersions = `
  drop function tidings.publish(text, jsonb, text, text, text, text, text, jsonb);
  drop function tidings.changed(text, text, jsonb, jsonb);
  drop function tidings.deleted(text, text, jsonb, jsonb);
  drop function tidings.write_version(text, text, jsonb, boolean, jsonb);
  drop function tidings.encode_event(text, text, text, text, text, bigint, bigint, jsonb, jsonb);

  -- An event in the form in which it is stored: format 1 of event/codec.ts.
  create function tidings.encode_event(
    id text, source text, type text, key text, subject text, sequence bigint, sourceepoch bigint, extensions jsonb,
    data jsonb, schema_version integer
  ) returns bytea language sql stable as $body$
    select '\\x01'::bytea || int4send(octet_length(attributes)) || attributes || coalesce(convert_to(data::text, 'UTF8'), '')
    from convert_to(
      json_build_array(
        case when data is null then 0 else 1 end, id, source, type, key, subject,
        to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        case when data is not null then 'application/json' end,
        case when data is not null and type ~ '^[a-z0-9._-]+$' then 'tidings:' || type || '/' || schema_version end,
        lpad(sequence::text, 20, '0'), sourceepoch, extensions
      )::text, 'UTF8') as attributes
  $body$;

  create function tidings.check_schema_version(topic text, schema_version integer) returns void
  language plpgsql as $body$
  begin
    if schema_version is null or schema_version < 1 then
      raise exception 'tidings: the schema_version of an event for % is %; versions are positive integers, the first is 1', topic, schema_version
        using errcode = 'invalid_parameter_value';
    end if;
  end
  $body$;

  -- Publishes an event or a task with the transaction that calls it; answers the id of the event.
  create function tidings.publish(
    topic text, data jsonb, key text default null, type text default null, id text default null,
    subject text default null, source text default null, extensions jsonb default null, schema_version integer default 1
  ) returns text language plpgsql as $body$
  declare
    identity text := coalesce(publish.id, gen_random_uuid()::text);
    owner text := coalesce(publish.source, (select service from tidings.outbox_source));
  begin
    perform tidings.check_publication(publish.topic, publish.key, owner);
    perform tidings.check_schema_version(publish.topic, publish.schema_version);
    perform tidings.outbox_write(
      publish.topic, convert_to(publish.key, 'UTF8'),
      tidings.encode_event(
        identity, owner, coalesce(publish.type, publish.topic), publish.key, publish.subject, null, null,
        publish.extensions, publish.data, publish.schema_version),
      floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
    return identity;
  end
  $body$;

  -- The next version of an entity, whose key the transaction keeps from here on: the order of commits is the order of
  -- versions. Answers it; null where an entity is gone that was never there. What is gone is its key alone, which no
  -- version of the schema changes.
  create function tidings.write_version(
    topic text, key text, data jsonb, gone boolean, extensions jsonb, schema_version integer
  ) returns bigint language plpgsql as $body$
  declare
    owner text := (select service from tidings.outbox_source);
    bytes bytea := convert_to(write_version.key, 'UTF8');
    was_present smallint;
    version bigint;
  begin
    perform tidings.check_publication(write_version.topic, write_version.key, owner);
    perform tidings.check_schema_version(write_version.topic, write_version.schema_version);
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
        write_version.extensions, write_version.data, write_version.schema_version),
      floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
    return version;
  end
  $body$;

  -- Publishes the new state of an entity with the transaction that calls it. Answers its version.
  create function tidings.changed(
    topic text, key text, state jsonb, extensions jsonb default null, schema_version integer default 1
  ) returns bigint language sql as $body$ select tidings.write_version($1, $2, $3, false, $4, $5) $body$;

  -- Publishes that an entity is gone; "identity" is what its contract says of one that is, such as {"id": "c1"}.
  create function tidings.deleted(topic text, key text, identity jsonb, extensions jsonb default null)
  returns bigint language sql as $body$ select tidings.write_version($1, $2, $3, true, $4, 1) $body$;
`
