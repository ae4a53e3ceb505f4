import type { MigrationSet, SqlValue, Transaction } from '../database/index.ts'
import type { InboxStatements } from './tables.ts'

/**
 * `tidings_inbox`: one row for each delivery whose effect is in this database. `counter` never goes back while the
 * database is not restored, also when rows are deleted. `source` and `id` are texts, or bytes where the text holds a NUL
 * character, at which clients would cut it off.
 *
 * `tidings_inbox_floors`: what remains of the rows that were deleted. Everything of the topic up to `number` was applied
 * or needed no effect, in whichever generation; up to `number_in_generation` everything of the newest `generation` was
 * settled; `counter` is at least the highest among them.
 */
export const migrations: MigrationSet = {
  name: 'tidings_inbox',
  migrations: [
    `create table tidings_inbox (
       counter integer primary key autoincrement,
       subscription text not null,
       generation integer not null,
       source any not null,
       id any not null,
       incarnation text not null,
       number integer not null,
       unique (subscription, source, id, generation)
     ) strict;
     create index tidings_inbox_by_position on tidings_inbox (subscription, incarnation, number);
     create index tidings_inbox_by_counter on tidings_inbox (subscription, counter);
     create table tidings_inbox_floors (
       subscription text primary key,
       incarnation text not null,
       number integer not null,
       generation integer not null,
       number_in_generation integer not null,
       counter integer not null
     ) strict, without rowid`,
    // What a task was answered with: said again when its settle was lost with the process.
    `alter table tidings_inbox add column answer blob`,
  ],
}

const counter = `
  select max(
    coalesce((select max(counter) from tidings_inbox where subscription = ?1), 0),
    coalesce((select counter from tidings_inbox_floors where subscription = ?1), 0)) as counter`

/** Transactions come one after another here, and the numbers with them. */
export const countsInOrder = true

export const statements: InboxStatements = {
  generations: 'select generation from tidings_inbox where subscription = ? and source = ? and id = ?',
  insert: `
    insert into tidings_inbox (subscription, generation, source, id, incarnation, number)
    select ?1, ?2, ?3, ?4, ?5, ?6
    where ?7 or not exists (select 1 from tidings_inbox where subscription = ?1 and source = ?3 and id = ?4)
    on conflict do nothing
    returning counter`,
  keepAnswer: 'update tidings_inbox set answer = ? where counter = ?',
  answer: `
    select answer from tidings_inbox
    where subscription = ? and source = ? and id = ? and answer is not null order by generation desc limit 1`,
  floor: 'select incarnation, number from tidings_inbox_floors where subscription = ?',
  passed: `
    select 1 as passed from tidings_inbox_floors
    where subscription = ?1 and incarnation = ?2
      and (generation > ?3 or (generation = ?3 and number_in_generation >= ?4))`,
  keepFloor: `
    insert into tidings_inbox_floors (subscription, incarnation, number, generation, number_in_generation, counter)
    values (?1, ?2, ?3, ?4, ?3, ?5)
    on conflict (subscription) do update set
      incarnation = excluded.incarnation,
      number = iif(excluded.incarnation = incarnation, max(excluded.number, number), excluded.number),
      generation = excluded.generation,
      number_in_generation = iif(
        excluded.incarnation = incarnation and excluded.generation = generation,
        max(excluded.number_in_generation, number_in_generation),
        excluded.number_in_generation),
      counter = max(excluded.counter, counter)`,
  deletePassed: 'delete from tidings_inbox where subscription = ? and incarnation = ? and number <= ? and counter <= ?',
  counter,
  mark: counter,

  // -------------------------------------------------------------------------------------------- a restored database

  countInGeneration: 'update or ignore tidings_inbox set generation = ? where subscription = ?',
  moveLife: 'update tidings_inbox set incarnation = ? where subscription = ? and incarnation = ? and number <= ?',
}

/** No counter up to this one is given out from here on. */
export async function raiseCounter(transaction: Transaction, counter: number): Promise<void> {
  await transaction.query(
    `insert or ignore into tidings_inbox (counter, subscription, generation, source, id, incarnation, number)
     values (?, '', 0, '', '', '', 0)`,
    [counter],
  )
  await transaction.query(`delete from tidings_inbox where subscription = ''`)
}

/** A text as it is compared; bytes where it holds a NUL character. */
export function storedText(text: string): SqlValue {
  return text.includes('\0') ? new TextEncoder().encode(text) : text
}
