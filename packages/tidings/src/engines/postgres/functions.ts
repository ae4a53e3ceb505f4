/**
 * What an append asks and what it writes, as functions: a session plans each statement of them once, and each takes one
 * exchange with the server.
 *
 * Plans last (which takes force_generic_plan: plans that know how many names are asked for look cheaper, and are made each
 * time), so none may be made for tables that happened to be small: enable_seqscan is off. Plans look expensive enough by
 * that to be compiled, which takes longer than they run: jit is off.
 */
const settings = 'set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off'

export const appendFunctions = `
  -- A topic and what is known of these identities, producers and keys of it, all at one moment; null where there is no
  -- such topic. Bytes are hexadecimal digits.
  create function {known}(of_namespace text, of_topic text, digests bytea[], producers bytea[], keys bytea[])
  returns json language plpgsql stable ${settings} as $body$
  begin
    return (
      select json_build_object(
        'topic', json_build_object(
          'number', number, 'kind', kind, 'shards', shards, 'life', life, 'incarnation', incarnation, 'head', head,
          'bytes', bytes, 'appended_at', appended_at, 'trimmed', trimmed, 'seed', seed, 'carried', carried,
          'xmin', t.xmin::text),
        'identities', (
          select coalesce(json_agg(json_build_object(
            'digest', encode(i.digest, 'hex'), 'first', i."offset", 'first_at', i.appended_at, 'offset', e."offset",
            'appended_at', e.appended_at, 'shard', e.shard, 'stale', e.stale, 'record', encode(e.record, 'hex'))), '[]')
          from {identity} i left join {event} e on e.topic = i.topic and e."offset" = i."offset" and not e.erased
          where i.topic = t.number and i.digest = any(digests)),
        'producers', (
          select coalesce(json_agg(json_build_object(
            'id', encode(p.id, 'hex'), 'epoch', p.epoch, 'counter', p.counter)), '[]')
          from {producer} p where p.topic = t.number and p.id = any(producers)),
        'newest', (
          select coalesce(json_agg(json_build_object(
            'key', encode(n.key, 'hex'), 'offset', n."offset", 'sourceepoch', n.sourceepoch, 'sequence', n.sequence)), '[]')
          from {newest} n where t.kind = 'entity' and n.topic = t.number and n.key = any(keys)))
      from {topic} t where namespace = of_namespace and topic = of_topic);
  end
  $body$;

  -- Writes everything that a group of appends changes, unless the topic's row is another one than the one that was seen:
  -- each append and each trim writes it, so what was decided with its row in sight holds as long as it is the same.
  create function {append}(
    topic_number bigint, seen text, to_head bigint, to_bytes bigint, at bigint,
    offsets bigint[], sums bigint[], in_shards integer[], stales boolean[], tombstones boolean[], keys bytea[], records bytea[],
    digests bytea[], identity_offsets bigint[], hashes bytea[],
    producers bytea[], epochs bigint[], counters bigint[],
    newest_keys bytea[], newest_offsets bigint[], sourceepochs bigint[], sequences text[], replaced bigint[])
  returns boolean language plpgsql set lock_timeout = '60s' ${settings} as $body$
  begin
    update {topic} set head = to_head, bytes = to_bytes, appended_at = greatest(appended_at, at)
    where number = topic_number and xmin = seen::xid;
    if not found then return false; end if;
    insert into {event} (topic, "offset", appended_at, bytes_through, shard, stale, tombstone, key, record)
    select topic_number, e."offset", at, e.bytes_through, e.shard, e.stale, e.tombstone, e.key, e.record
    from unnest(offsets, sums, in_shards, stales, tombstones, keys, records)
      as e ("offset", bytes_through, shard, stale, tombstone, key, record);
    insert into {identity} (topic, digest, "offset", appended_at, hash)
    select topic_number, i.digest, i."offset", at, i.hash from unnest(digests, identity_offsets, hashes) as i (digest, "offset", hash)
    on conflict (topic, digest) do update
      set "offset" = excluded."offset", appended_at = excluded.appended_at, hash = excluded.hash;
    if cardinality(producers) > 0 then
      insert into {producer} (topic, id, epoch, counter)
      select topic_number, p.id, p.epoch, p.counter from unnest(producers, epochs, counters) as p (id, epoch, counter)
      on conflict (topic, id) do update set epoch = excluded.epoch, counter = excluded.counter;
    end if;
    if cardinality(newest_keys) > 0 then
      insert into {newest} (topic, key, "offset", sourceepoch, sequence)
      select topic_number, n.key, n."offset", n.sourceepoch, n.sequence
      from unnest(newest_keys, newest_offsets, sourceepochs, sequences) as n (key, "offset", sourceepoch, sequence)
      on conflict (topic, key) do update
        set "offset" = excluded."offset", sourceepoch = excluded.sourceepoch, sequence = excluded.sequence;
    end if;
    if cardinality(replaced) > 0 then
      insert into {kept} (topic, "offset") select topic_number, k."offset" from unnest(replaced) as k ("offset")
      on conflict do nothing;
    end if;
    return true;
  end
  $body$;
`
