/** The statements of the inbox, by what they do. */
export const statements = {
  generations: 'select generation from tidings_inbox where subscription = ? and source = ? and id = ?',
  /** Subscription, generation, source, id, incarnation, number, and whether it counts though another generation has it. */
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
  /** Subscription, incarnation, number, generation, counter. */
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
  /** The highest counter of a subscription, whether or not its row is still there. */
  counter: `
    select max(
      coalesce((select max(counter) from tidings_inbox where subscription = ?1), 0),
      coalesce((select counter from tidings_inbox_floors where subscription = ?1), 0)) as counter`,

  // -------------------------------------------------------------------------------------------- a restored database

  countInGeneration: 'update or ignore tidings_inbox set generation = ? where subscription = ?',
  /** Another life, subscription, the life before, the last number that both have in common. */
  moveLife: 'update tidings_inbox set incarnation = ? where subscription = ? and incarnation = ? and number <= ?',
  /** Together: no counter up to this one is given out from here on. */
  useCounter: `
    insert or ignore into tidings_inbox (counter, subscription, generation, source, id, incarnation, number)
    values (?, '', 0, '', '', '', 0)`,
  freeCounter: `delete from tidings_inbox where subscription = ''`,
} as const
