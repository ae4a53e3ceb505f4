import { Client } from 'pg'
import { expect, test } from 'vitest'
import { postgresDatabase } from './postgres.ts'

/** See `vitest.config.ts`. */
const asked = process.env['TIDINGS_TEST_POSTGRES_VERSION']

test('two tests have a database each, on a server of the version asked for, which captures changes and commits durably', async (context) => {
  const urls = [await postgresDatabase(context), await postgresDatabase(context)].map(({ url }) => url)
  expect(urls[0]).not.toBe(urls[1])
  const client = new Client({ connectionString: urls[0] })
  await client.connect()
  context.onTestFinished(() => client.end())
  for (const [name, value] of [
    ['wal_level', 'logical'],
    ['synchronous_commit', 'on'],
    ['fsync', 'on'],
  ] as const) {
    const { rows } = await client.query(`show ${name}`)
    expect(rows[0]).toEqual({ [name]: value })
  }
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  expect(rows[0]!.server_version).toMatch(new RegExp(`^${asked ?? ''}`))
})
