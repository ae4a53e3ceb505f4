import { TidingsError } from '../../errors.ts'
import { ledgerLocks, replacedCode } from './fence.ts'
import { appendFunctions } from './functions.ts'
import { beginAnotherLife } from './lives.ts'
import { ensureStoreServes, movedCode } from './standing.ts'
import type { Run, Session } from './session.ts'

/**
 * The tables of the store, as numbered steps: add one, never change one. `{name}` stands for a table of the schema.
 *
 * - `topic`: one row for each life of a topic. Whoever changes anything of it holds this row's lock until the change is
 *   committed, so that offsets are dense and in commit order, whichever server gives them.
 * - `event`: the log. `bytes_through` is the sum of the bytes of all events that were ever appended up to this one.
 * - `identity`: the deduplication window. It outlives the events that a trim takes.
 * - `newest`: the newest event of each key of an entity topic, and its version, which stays when the event is gone.
 * - `kept`: events at or below `topic.trimmed` that are not the newest of their key: a trim was told to keep them, or
 *   they were the newest when it passed. The next trim looks at these and not at the whole log.
 * - `fence(ledger, epoch)`: fails unless this is the present owner's epoch, and keeps it so until the transaction ends.
 * - `garbage`: the numbers of lives that are over, until all of their rows are gone.
 * - `topic.incarnation`: the name of a life that began in another store. `topic.seed`, `identity.hash`: what other engines
 *   know of an identity whose event is trimmed, so that it can be carried to them; `carried`: such identities that came
 *   from them, and `topic.carried` the head when they came.
 * - `store.standing`: an arrival or a departure; the store serves where it is null. `moved()` refuses what is written after
 *   a departure.
 * - `known()`, `append()`: what an append asks and writes.
 */
const migrations: readonly string[] = [
  `
  create table {topic} (
    number bigint generated always as identity primary key,
    namespace text collate "C" not null,
    topic text collate "C" not null,
    kind text not null,
    shards integer not null,
    life text not null,
    head bigint not null default 0,
    bytes bigint not null default 0,
    appended_at bigint not null default 0,
    trimmed bigint not null default 0,
    continues json not null default '[]',
    unique (namespace, topic)
  ) with (fillfactor = 20);

  create table {event} (
    topic bigint not null,
    "offset" bigint not null,
    appended_at bigint not null,
    bytes_through bigint not null,
    shard integer not null,
    stale boolean not null,
    erased boolean not null default false,
    tombstone boolean not null,
    key bytea,
    record bytea not null,
    primary key (topic, "offset")
  );
  create index on {event} (topic, appended_at) where tombstone;

  create table {identity} (
    topic bigint not null,
    digest bytea not null,
    "offset" bigint not null,
    appended_at bigint not null,
    primary key (topic, digest)
  );
  create index on {identity} (topic, appended_at, "offset");

  create table {producer} (
    topic bigint not null,
    id bytea not null,
    epoch bigint not null,
    counter bigint not null,
    primary key (topic, id)
  ) with (fillfactor = 50);

  create table {newest} (
    topic bigint not null,
    key bytea not null,
    "offset" bigint not null,
    sourceepoch bigint not null,
    sequence text collate "C" not null,
    primary key (topic, key)
  ) with (fillfactor = 70);

  create table {kept} (topic bigint not null, "offset" bigint not null, primary key (topic, "offset"));

  create table {garbage} (topic bigint primary key);

  create table {ledger} (
    number bigint generated always as identity primary key,
    namespace text collate "C" not null,
    ledger text collate "C" not null,
    shard integer not null,
    epoch bigint not null,
    address text,
    removed boolean not null default false,
    unique (namespace, ledger, shard)
  ) with (fillfactor = 50);

  create table {entry} (
    ledger bigint not null,
    key text collate "C" not null,
    value bytea not null,
    primary key (ledger, key)
  ) with (fillfactor = 70);
  `,
  `
  create function {fence}(bigint, bigint) returns boolean language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(${ledgerLocks} + $1);
    -- A statement of its own, which sees what was committed while it waited.
    if exists (select from {ledger} where number = $1 and epoch = $2 and not removed) then return true; end if;
    raise exception 'epoch % of this owner is over', $2 using errcode = '${replacedCode}';
  end
  $$;
  `,
  `
  alter table {store}
    add column id text not null default gen_random_uuid()::text,
    add column past json not null default '[]',
    add column standing json;
  alter table {topic}
    add column seed bigint not null default floor(random() * 2147483648),
    add column incarnation text,
    add column carried bigint not null default 0;
  alter table {identity} add column hash bytea;
  create table {carried} (
    topic bigint not null,
    "offset" bigint not null,
    hash bytea not null,
    appended_at bigint not null,
    primary key (topic, "offset")
  );
  create index on {carried} (topic, hash);
  create function {moved}() returns trigger language plpgsql as $$
  begin
    raise exception '%', (select standing->'departure'->>'to' from {store}) using errcode = '${movedCode}';
  end
  $$;
  `,
  appendFunctions,
]

/** Servers that start at once wait here for each other: a number that nobody else's advisory locks are likely to use. */
const migrationLock = 7_402_113_905_212

/**
 * Brings the tables of the store to the format of this version, and to another life where they have come into another
 * history; refuses those of a newer format as `store-version`, and those that were moved unless somebody holds them.
 */
export async function migrate(
  session: Session,
  { history, held }: { readonly history: string | undefined; readonly held: boolean },
): Promise<void> {
  await session.transaction('migrating the store', async (run) => {
    await run('select pg_advisory_xact_lock($1)', [migrationLock])
    const format = await formatOf(run, session.schema)
    if (format > migrations.length) {
      throw new TidingsError(
        'store-version',
        `The schema "${session.schema}" holds a store of format ${format}, this version knows ${migrations.length}; use a newer version of Tidings.`,
        { details: { schema: session.schema, format } },
      )
    }
    for (const migration of migrations.slice(format)) await run(migration)
    if (format < migrations.length) await run('update {store} set format = $1', [migrations.length])
    if (await ensureStoreServes(run, session.schema, held)) await ensureSameLife(run, session, history)
  })
}

/** The format of the store; makes an empty one of format 0 where there is none. */
async function formatOf(run: Run, schema: string): Promise<number> {
  const [found] = await run<{ schema: string | null; store: string | null }>(
    `select to_regnamespace($1)::text as schema, to_regclass($1 || '.store')::text as store`,
    [schema],
  )
  if (found?.schema === null) await run(`create schema "${schema}"`)
  if (found?.store === null) {
    await run('create table {store} (format integer not null, place text)')
    await run('insert into {store} (format) values (0)')
  }
  const [{ format } = { format: 0 }] = await run<{ format: number }>('select format from {store}')
  return format
}

/** A store that was restored, copied, or went back with its server must not go on as if it were the one before. */
export async function ensureSameLife(run: Run, session: Session, history: string | undefined): Promise<void> {
  if (history === undefined) return
  const [found] = await run<{ before: string | null; table: number }>(
    `select place as before, '{topic}'::regclass::oid::bigint as table from {store}`,
  )
  const place = `${history}/${found?.table}`
  const before = found?.before ?? place
  if (before !== place) await beginAnotherLife(run, session.environment)
  await run('update {store} set place = $1', [place])
}
