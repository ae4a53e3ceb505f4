import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
  await bench.broker.putTopic(bench.caller, { topic: 'shop.close-day', kind: 'task', owner: 'shop' })
})
afterAll(() => bench[Symbol.asyncDispose]())

test('schedules put, list and remove', async () => {
  const nightly = ['schedules', 'put', 'shop.nightly', 'shop.close-day', '30 2 * * *']
  const put = await bench.tidings('--json', ...nightly, '{"full":true}', '--zone', 'Europe/Berlin', '--key', 'k')
  expect(jsonLines(put.stdout)).toMatchObject([
    {
      schedule: 'shop.nightly',
      timeZone: 'Europe/Berlin',
      catchUp: 'newest',
      event: { type: 'shop.close-day', key: 'k', data_base64: Buffer.from('{"full":true}').toString('base64') },
    },
  ])
  const { stdout } = await bench.tidings('schedules', 'list')
  expect(stdout).toMatch(/shop\.nightly +shop\.close-day +30 2 \* \* \* +Europe\/Berlin +- +\d{4}-/)
  expect(await bench.tidings('schedules', 'put', 'shop.bad', 'shop.close-day', 'now')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"now" is not a cron expression'),
  })
  expect(await bench.tidings('schedules', 'remove', 'shop.nightly')).toMatchObject({ code: 0 })
  expect(await bench.tidings('schedules', 'remove', 'shop.nightly')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('tidings schedules list'),
  })
})
