import type { MigrationSet } from '../database/index.ts'

/**
 * `tidings_replicas`: one row for each build of a replica, so one while nothing changes and two during a rebuild.
 * `listed_until` is set once the listing is complete; the build is ready when the floor has passed it.
 *
 * `tidings_replica_tombstones`: the versions of deleted keys, so that an older state which comes later does not bring
 * them back.
 *
 * `tidings_replica_guard`: replicas can be written while it says 1, which it does inside the kit's transactions only.
 */
export const replicaMigrations: MigrationSet = {
  name: 'tidings_replica',
  migrations: [
    `create table tidings_replicas (
       name text not null,
       build integer not null,
       topic text not null,
       columns text not null,
       final_table text not null,
       present_table text not null,
       subscription text not null,
       state text not null check (state in ('filling', 'ready')),
       incarnation text,
       cursor text,
       listed_until text,
       counter integer not null default 0,
       primary key (name, build)
     ) strict;
     create table tidings_replica_tombstones (
       name text not null,
       build integer not null,
       key blob not null,
       version text not null,
       number integer not null,
       primary key (name, build, key)
     ) strict, without rowid;
     create index tidings_replica_tombstones_by_position on tidings_replica_tombstones (name, build, number);
     create table tidings_replica_guard (writable integer not null) strict;
     insert into tidings_replica_guard (writable) values (0)`,
  ],
}
