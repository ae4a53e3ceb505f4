import type { MigrationSet } from '../database/index.ts'

/**
 * `tidings_inbox`: one row for each delivery whose effect is in this database. `counter` never goes back while the
 * database is not restored, also when rows are deleted. `source` and `id` are texts, or bytes where the text holds a NUL
 * character, at which clients would cut it off.
 *
 * `tidings_inbox_floors`: what remains of the rows that were deleted. Everything of the topic up to `number` was applied
 * or needed no effect, in whichever generation; up to `number_in_generation` everything of the newest `generation` was
 * settled; `counter` is at least the highest among them.
 */
export const inboxMigrations: MigrationSet = {
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
