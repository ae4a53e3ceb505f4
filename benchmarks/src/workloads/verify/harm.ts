import type { Client } from 'pg'

/** What is done to the copy in PostgreSQL, and which keys a comparison has to find. */
export type Harm = '10 differences' | '1 % differ' | '1,000 missing and 1,000 extra'

/** Does it; `mend` puts back what was there. Returns the keys, each with the kind of its difference. */
export async function harm(client: Client, what: Harm, rows: number): Promise<ReadonlyMap<string, string>> {
  await client.query(`set tidings.replica_writable = 'on'; drop table if exists kept`)
  if (what === '1,000 missing and 1,000 extra') {
    const missing = spread(1_000, rows)
    const extra = Array.from({ length: 1_000 }, (_, place) => String(rows + 1 + place))
    await keep(client, missing)
    await client.query({ text: 'delete from shop_item where id = any($1)', values: [missing] })
    await client.query({
      text: `insert into shop_item select (jsonb_populate_record(kept, jsonb_build_object('id', wanted.id))).*
             from kept, unnest($1::text[]) with ordinality wanted(id, place) where kept.id = ($2::text[])[wanted.place]`,
      values: [extra, missing],
    })
    return new Map([
      ...missing.map((key) => [key, 'missing-in-copy'] as const),
      ...extra.map((key) => [key, 'only-in-copy'] as const),
    ])
  }
  const keys = spread(what === '10 differences' ? 10 : rows / 100, rows)
  await keep(client, keys)
  await client.query({ text: `update shop_item set name = 'Eve' where id = any($1)`, values: [keys] })
  return new Map(keys.map((key) => [key, 'different']))
}

export async function mend(client: Client, harmed: ReadonlyMap<string, string>): Promise<void> {
  await client.query({ text: 'delete from shop_item where id = any($1)', values: [[...harmed.keys()]] })
  await client.query('insert into shop_item select * from kept; drop table kept')
}

/** So many keys, at equal distances. */
function spread(count: number, rows: number): string[] {
  return Array.from({ length: count }, (_, place) => String(Math.floor(((place + 0.5) * rows) / count)))
}

async function keep(client: Client, keys: readonly string[]): Promise<void> {
  await client.query('create table kept (like shop_item)')
  await client.query({ text: 'insert into kept select * from shop_item where id = any($1)', values: [keys] })
}
