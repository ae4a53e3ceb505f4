import type { MigrationSet, SqlValue, Transaction } from '../database/index.ts'
import type { InboxStatements } from './tables.ts'

/**
 * `tidings.inbox`: one row for each delivery whose effect is in this database. `source` and `id` are bytes, because text
 * holds no NUL character here. `again` tells a replay that ran again: every other delivery has its effect once for its
 * event, in whichever generation, also when transactions that do not see each other apply it at once; the index
 * `inbox_once` has the later one wait for the earlier.
 *
 * `tidings.inbox_floors`: what remains of the rows that were deleted. Everything of the topic up to `number` was applied
 * or needed no effect, in whichever generation; up to `number_in_generation` everything of the newest `generation` was
 * settled; `counter` is at least the highest among them.
 *
 * `tidings.inbox_marks`: see `mark` below.
 */
export const migrations: MigrationSet = {
  name: 'tidings_inbox',
  migrations: [
    `create sequence tidings.inbox_counter;
     create table tidings.inbox (
       counter bigint primary key default nextval('tidings.inbox_counter'),
       subscription text not null,
       generation bigint not null,
       source bytea not null,
       id bytea not null,
       incarnation text not null,
       number bigint not null,
       again boolean not null,
       answer bytea
     );
     create unique index inbox_by_event on tidings.inbox (subscription, source, id, generation);
     create unique index inbox_once on tidings.inbox (subscription, source, id) where not again;
     create index inbox_by_position on tidings.inbox (subscription, incarnation, number);
     create index inbox_by_counter on tidings.inbox (subscription, counter);
     create table tidings.inbox_floors (
       subscription text primary key,
       incarnation text not null,
       number bigint not null,
       generation bigint not null,
       number_in_generation bigint not null,
       counter bigint not null
     );
     create table tidings.inbox_marks (
       subscription text primary key,
       counter bigint not null
     )`,
  ],
}

/** Transactions run at once here, so the higher number may be committed first. */
export const countsInOrder = false

/** The highest counter that a subscription has reached, as the statement sees it. */
const reached = `greatest(
  (select max(counter) from tidings.inbox where subscription = $1),
  (select counter from tidings.inbox_floors where subscription = $1),
  (select counter from tidings.inbox_marks where subscription = $1),
  0)`

/**
 * `insert`: whoever applies a delivery second waits in the unique index for the end of the first. At read committed it
 * then finds the row; where the first is not visible to it (repeatable read, serializable) PostgreSQL fails it with
 * 40001, which is `database-busy`.
 *
 * `mark`: the counter that is told to the broker with an effect must be higher than that of any state of the database
 * which lacks the effect, because that is how a restored database shows. The counter of the effect itself will not do:
 * 7 may be committed before 5, and a database that was restored to between the two has reached 7 and lacks 5. So once
 * the effect is committed another number is taken and committed. What lacks the effect lacks everything that was
 * committed after it, and what was committed before it had taken its numbers before this one. (Of two marks that wait for
 * each other the higher stays; it was taken later.) A sequence gives each of its numbers to one only, whatever is rolled
 * back, and a number that is committed is in the log before the commit, so that no crash gives it out again.
 */
export const statements: InboxStatements = {
  generations: 'select generation from tidings.inbox where subscription = $1 and source = $2 and id = $3',
  insert: `
    insert into tidings.inbox (subscription, generation, source, id, incarnation, number, again)
    select $1, $2, $3, $4, $5, $6, $7
    where $7 or not exists (select 1 from tidings.inbox where subscription = $1 and source = $3 and id = $4)
    on conflict do nothing
    returning counter, ${reached} as reached`,
  keepAnswer: 'update tidings.inbox set answer = $1 where counter = $2',
  answer: `
    select answer from tidings.inbox
    where subscription = $1 and source = $2 and id = $3 and answer is not null order by generation desc limit 1`,
  floor: 'select incarnation, number from tidings.inbox_floors where subscription = $1',
  passed: `
    select 1 as passed from tidings.inbox_floors
    where subscription = $1 and incarnation = $2
      and (generation > $3 or (generation = $3 and number_in_generation >= $4))`,
  keepFloor: `
    insert into tidings.inbox_floors as kept
      (subscription, incarnation, number, generation, number_in_generation, counter)
    values ($1, $2, $3, $4, $3, $5)
    on conflict (subscription) do update set
      incarnation = excluded.incarnation,
      number = case when excluded.incarnation = kept.incarnation
        then greatest(excluded.number, kept.number) else excluded.number end,
      generation = excluded.generation,
      number_in_generation = case when excluded.incarnation = kept.incarnation and excluded.generation = kept.generation
        then greatest(excluded.number_in_generation, kept.number_in_generation)
        else excluded.number_in_generation end,
      counter = greatest(excluded.counter, kept.counter)`,
  deletePassed:
    'delete from tidings.inbox where subscription = $1 and incarnation = $2 and number <= $3 and counter <= $4',
  counter: `select ${reached} as counter`,
  mark: `
    insert into tidings.inbox_marks as kept (subscription, counter) values ($1, nextval('tidings.inbox_counter'))
    on conflict (subscription) do update set counter = greatest(excluded.counter, kept.counter)
    returning counter, ${reached} as reached`,

  // -------------------------------------------------------------------------------------------- a restored database

  countInGeneration: `
    update tidings.inbox set generation = $1
    where counter in (
      select max(counter) from tidings.inbox where subscription = $2
      group by source, id having bool_and(generation <> $1))`,
  moveLife: `
    update tidings.inbox set incarnation = $1
    where subscription = $2 and incarnation = $3 and number <= $4`,
}

/**
 * No counter up to this one is given out from here on. The locks keep everybody from taking numbers between the look and
 * the change, which would set the sequence back.
 */
export async function raiseCounter(transaction: Transaction, counter: number): Promise<void> {
  await transaction.query('lock table tidings.inbox, tidings.inbox_marks in share row exclusive mode')
  await transaction.query(
    `select setval('tidings.inbox_counter', $1) from tidings.inbox_counter where last_value < $1 or not is_called`,
    [Math.max(1, counter)],
  )
}

/** A text as it is compared. */
export function storedText(text: string): SqlValue {
  return new TextEncoder().encode(text)
}
