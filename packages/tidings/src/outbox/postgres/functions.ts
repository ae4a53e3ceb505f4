/**
 * What is being sent of the topic "name" behind a place, as "page", and its columns and bounds. Two migrations are made of
 * it, so it stays as it is: what has to become another one takes a migration of its own.
 */
const pageBehind = (place: string): string => `
      with sent as (
        (select id + released_place as place, id, key, event from tidings.outbox_held
         where topic = name and released is not null and id + released_place > ${place}
           and pg_visible_in_snapshot(released, sending.goal)
         order by id limit max_rows + 1)
        union all
        (select id as place, id, key, event from tidings.outbox_1
         where topic = name and id > ${place} and pg_visible_in_snapshot(xid, sending.goal)
           and (sending.done is null or not pg_visible_in_snapshot(xid, sending.done))
         order by id limit max_rows + 1)
        union all
        (select id as place, id, key, event from tidings.outbox_2
         where topic = name and id > ${place} and pg_visible_in_snapshot(xid, sending.goal)
           and (sending.done is null or not pg_visible_in_snapshot(xid, sending.done))
         order by id limit max_rows + 1)
      ), page as (
        select *, row_number() over (order by place) as rank, count(*) over () as found,
          sum(octet_length(event)) over (order by place) - octet_length(event) as before
        from (select * from sent order by place limit max_rows + 1) first
      )`
const ofPage = `
        page.place, page.id, page.key, page.event, page.rank, page.found,
        exists (
          select from tidings.outbox_held held where held.topic = name and held.key = page.key
            and (held.released is null or not pg_visible_in_snapshot(held.released, sending.goal)))`
const withinBounds = 'page.rank <= max_rows and (page.rank = 1 or page.before + octet_length(page.event) <= max_bytes)'

/**
 * The second migration: what the relay does in every round, as functions. A session plans each statement of them once,
 * and each takes one exchange with the server.
 */
export const relayFunctions = `
  -- Nothing is ever to be vacuumed there, and whoever vacuums stands in the way of who empties a table.
  alter table tidings.outbox_1 set (autovacuum_enabled = false, toast.autovacuum_enabled = false);
  alter table tidings.outbox_2 set (autovacuum_enabled = false, toast.autovacuum_enabled = false);

  -- Plans last, so none may be made for tables that happened to be empty: enable_seqscan is off in what follows, and
  -- enable_bitmapscan, because only a plain scan stops at the first row and passes by dead ones from then on. Plans look
  -- expensive enough by that to be compiled, which takes a second: jit is off.

  -- What the relay does next, for who owns it. Of each topic of "wanted", which says how many rows at most, a page of
  -- what is being sent; where nothing is being sent it begins with what is there and not sent, which a snapshot says
  -- from then on. A topic that is not wanted and has something unsent comes with its name alone; one row without even
  -- that is for who does not own the relay. What it answers may be sent once it is committed.
  create function tidings.outbox_next(owner bigint, wanted jsonb, max_bytes bigint)
  returns table (
    topic text, counter bigint, place bigint, id bigint, key bytea, event bytea, rank bigint, found bigint, held boolean)
  language plpgsql set enable_seqscan = off set enable_bitmapscan = off set jit = off as $body$
  #variable_conflict use_column
  declare
    -- Released rows come before all others: their places are negative.
    released_place constant bigint := -4503599627370496;
    name text;
    max_rows integer;
    sending tidings.outbox_progress;
  begin
    if (select epoch from tidings.outbox_relay where shard = 0) is distinct from owner then
      topic := null;
      return next;
      return;
    end if;
    for name in
      -- Every topic with rows, found by jumps in the index.
      with recursive found (topic) as (
        select min(topic) from tidings.outbox
        union all
        select (select min(topic) from tidings.outbox where topic > found.topic) from found where found.topic is not null
      )
      select found.topic from found left join tidings.outbox_progress p on p.topic = found.topic
      where found.topic is not null and (
        p.goal is not null
        or exists (
          select from tidings.outbox where topic = found.topic and xid >= coalesce(pg_snapshot_xmax(p.done), '0'))
        or exists (
          select from tidings.outbox where topic = found.topic and xid = any (array(select pg_snapshot_xip(p.done)))))
      union
      select topic from tidings.outbox_held where released is not null
    loop
      max_rows := wanted ->> name;
      if max_rows is null then
        topic := name;
        return next;
        continue;
      end if;
      if not exists (select from tidings.outbox_progress where topic = name) then
        insert into tidings.outbox_progress (topic) values (name) on conflict do nothing;
      end if;
      update tidings.outbox_progress as progress set goal = pg_current_snapshot(), at = first.place - 1
      from (
        select least(
          (select min(id) + released_place from tidings.outbox_held where topic = p.topic and released is not null),
          -- Not the plain id: the index by which that is found holds what was sent, too.
          (select min(id + 0) from tidings.outbox
           where topic = p.topic and xid >= coalesce(pg_snapshot_xmax(p.done), '0')),
          (select min(id + 0) from tidings.outbox
           where topic = p.topic and xid = any (array(select pg_snapshot_xip(p.done))))) as place
        from tidings.outbox_progress p where topic = name
      ) first
      where progress.topic = name and progress.goal is null and first.place is not null
        and (select epoch from tidings.outbox_relay where shard = 0 for share) = owner;
      select * into sending from tidings.outbox_progress where topic = name;
      continue when sending.goal is null;
      return query
${pageBehind('sending.at')}
      -- What is released is no reason to hold a key back once this page, or one before it, has it.
      select name, greatest(sending.counter, source.counter), ${ofPage}
      from page, tidings.outbox_source source
      where ${withinBounds}
      order by page.place;
    end loop;
  end
  $body$;

  -- Everything of a topic is sent up to a place, or all that was being sent where that is null. Answers whether who
  -- says so owns the relay; nothing is changed where not.
  create function tidings.outbox_pass(owner bigint, passed text, place bigint, counter bigint) returns boolean
  language plpgsql set enable_seqscan = off set enable_bitmapscan = off set jit = off as $body$
  begin
    perform from tidings.outbox_relay where shard = 0 and epoch = owner for share;
    if not found then
      return false;
    end if;
    if outbox_pass.place is null then
      update tidings.outbox_progress p set done = p.goal, goal = null, counter = outbox_pass.counter where p.topic = passed;
    else
      update tidings.outbox_progress p set at = outbox_pass.place, counter = outbox_pass.counter where p.topic = passed;
    end if;
    return true;
  end
  $body$;
`

/**
 * The third migration: what is being sent of a topic behind a place, read while the page up to that place is published.
 * Nothing of a goal changes as long as who sends it has not passed all of it.
 */
export const pageFunction = `
  create function tidings.outbox_page(name text, behind bigint, max_rows integer, max_bytes bigint)
  returns table (place bigint, id bigint, key bytea, event bytea, rank bigint, found bigint, held boolean)
  language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off as $body$
  #variable_conflict use_column
  declare
    -- Released rows come before all others: their places are negative.
    released_place constant bigint := -4503599627370496;
    sending tidings.outbox_progress;
  begin
    select * into sending from tidings.outbox_progress where topic = name;
    return query
${pageBehind('behind')}
    select ${ofPage}
    from page
    where ${withinBounds}
    order by page.place;
  end
  $body$;
`
