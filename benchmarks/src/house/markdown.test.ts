import { expect, it } from 'vitest'
import { markdownOf, numberText } from './markdown.ts'
import { ratiosTo, rowOf, shareOf, type Table } from './table.ts'

const columns = [{ title: 'published', unit: 'msg/s' }]
const figure = (median: number) => ({ median, lowest: median, highest: median })
const limit = { id: 'L3 100 B', title: 'one thread', unit: 'msg/s', value: figure(400_000) }

it('shows the columns that a row has something for, and no others', () => {
  const table: Table = {
    title: 'Publish',
    columns,
    rows: [
      {
        name: 'ours',
        values: [{ median: 43_327, lowest: 41_000.4, highest: 45_120 }],
        cpuSecondsPerMillion: figure(31.24),
        share: { limit: 'L7', share: 0.131 },
        ratios: { rabbitmq: 2.5 },
        bars: [
          { promise: '≥ 2 × the best', isMet: true },
          { promise: '≥ 60 %', isMet: false },
        ],
      },
      { name: 'rabbitmq', values: [figure(17_330)] },
    ],
  }
  expect(markdownOf(table)).toBe(
    [
      '|  | published, msg/s | CPU s per million | of its limit | × rabbitmq | bar |',
      '| --- | --: | --: | --: | --: | --: |',
      '| ours | 43,327 (41,000 – 45,120) | 31.2 | 13.1 % of L7 | 2.50 × | ≥ 2 × the best: met<br>≥ 60 %: **missed** |',
      '| rabbitmq | 17,330 |  |  |  |  |',
    ].join('\n'),
  )
})

it('gives no speed to a run that lost something, and says so', () => {
  const row = rowOf<number>('nats', { failure: 'lost 3 acknowledged messages' }, () => ({ values: [figure(1)] }))
  const text = markdownOf({ title: 'Publish', columns, rows: [row] })
  expect(text.split('\n')[2]).toBe('| nats | not measured: lost 3 acknowledged messages |')
})

it('says that the audit failed where a result is above its limit', () => {
  const share = shareOf(limit, 500_000)
  const text = markdownOf({ title: 'Publish', columns, rows: [{ name: 'too good', values: [figure(500_000)], share }] })
  expect(text).toContain('**125.0 % of L3 100 B: above its limit, so the audit failed**')
  expect(shareOf(limit, 100_000)).toEqual({ limit: 'L3 100 B', share: 0.25 })
})

it('compares with peers that have a speed, and with no others', () => {
  expect(ratiosTo(300, { redis: 100, nats: undefined, bullmq: 0 })).toEqual({ redis: 3 })
})

it('keeps the cells of a table apart, whatever stands in them', () => {
  const rows = [{ name: 'a|b', notMeasured: 'it said:\nno' }]
  expect(markdownOf({ title: '', columns, rows }).split('\n')[2]).toBe('| a\\|b | not measured: it said: no |')
})

it('writes about three digits', () => {
  expect([0, 0.00012, 0.0123, 1.234, 12.34, 123.4, 1_234_567.8].map(numberText)).toEqual([
    '0',
    '1.2e-4',
    '0.012',
    '1.23',
    '12.3',
    '123',
    '1,234,568',
  ])
})
