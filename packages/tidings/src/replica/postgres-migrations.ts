import type { MigrationSet } from '../database/index.ts'

/**
 * `tidings.replicas`: one row for each build of a replica, so one while nothing changes and two during a rebuild.
 * `listed_until` is set once the listing is complete; the build is ready when the floor has passed it.
 *
 * `tidings.replica_tombstones`: the versions of deleted keys, so that an older state which comes later does not bring
 * them back. Versions are compared byte by byte, whatever the language of the database.
 *
 * `tidings.replica_unread`: the keys whose newest state could not be read, with its version and why.
 *
 * The functions keep everybody but the kit from writing replicas: `refuse_replica_write` is the trigger of each, and
 * lets pass what happens in a transaction that has said that it is the kit's; `protect_replica` takes the rights that
 * new tables give to other roles by default; `keep_replica_readers` gives to the next build what a reader was granted on
 * the one before.
 */
export const migrations: MigrationSet = {
  name: 'tidings_replica',
  migrations: [
    `create table tidings.replicas (
       name text not null,
       build bigint not null,
       topic text not null,
       columns text not null,
       final_table text not null,
       present_table text not null,
       subscription text not null,
       state text not null check (state in ('filling', 'ready')),
       incarnation text,
       cursor text,
       listed_until text,
       counter bigint not null default 0,
       primary key (name, build)
     );
     create table tidings.replica_tombstones (
       name text not null,
       build bigint not null,
       key bytea not null,
       version text collate "C" not null,
       number bigint not null,
       primary key (name, build, key)
     );
     create index replica_tombstones_by_position on tidings.replica_tombstones (name, build, number);
     create function tidings.refuse_replica_write() returns trigger language plpgsql as $$
     begin
       if current_setting('tidings.replica_writable', true) = 'on' then
         return null;
       end if;
       raise exception 'this table is a replica: its rows belong to another service, publish or ask there';
     end $$;
     create function tidings.name_of_grantee(grantee oid) returns text language sql as $$
       select case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
     $$;
     create function tidings.protect_replica(copy regclass) returns void language plpgsql as $$
     declare
       other text;
     begin
       for other in
         select distinct tidings.name_of_grantee(grantee) from pg_class, aclexplode(relacl)
         where pg_class.oid = copy and grantee <> relowner
       loop
         execute format('revoke insert, update, delete, truncate, references, trigger on %s from %s', copy, other);
       end loop;
     end $$;
     create function tidings.keep_replica_readers(before regclass, copy regclass) returns void language plpgsql as $$
     declare
       reader text;
     begin
       for reader in
         select distinct tidings.name_of_grantee(grantee) from pg_class, aclexplode(relacl)
         where pg_class.oid = before and grantee <> relowner and privilege_type = 'SELECT'
       loop
         execute format('grant select on %s to %s', copy, reader);
       end loop;
     end $$`,
    // Every right but to read, whatever rights there are: PostgreSQL 17 has one more.
    `create or replace function tidings.protect_replica(copy regclass) returns void language plpgsql as $$
     declare
       given record;
     begin
       for given in
         select privilege_type as privilege, tidings.name_of_grantee(grantee) as grantee from pg_class, aclexplode(relacl)
         where pg_class.oid = copy and grantee <> relowner and privilege_type <> 'SELECT'
       loop
         execute format('revoke %s on %s from %s', given.privilege, copy, given.grantee);
       end loop;
     end $$`,
    `create table tidings.replica_unread (
       name text not null,
       build bigint not null,
       key bytea not null,
       version text collate "C" not null,
       reason text not null,
       primary key (name, build, key)
     )`,
  ],
}
