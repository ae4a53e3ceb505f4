import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { render } from './report.ts'
import { resultsVersion, storeResult, type Run } from './results.ts'
import type { Table } from './table.ts'

const figure = { median: 4, lowest: 3, highest: 5 }
const limit = { id: 'L1 4 kB', title: 'appends', unit: '/s', value: figure }
const machine = {
  processor: 'a processor',
  cores: 2,
  memoryBytes: 24e9,
  disk: { fileSystem: 'ext4', freeBytes: 80e9 },
  kernel: 'Linux 6',
  node: 'v20.20.2',
  descriptors: '20000',
}
const run: Run = {
  begun: '2030-01-02T00:00:00.000Z',
  isQuick: false,
  machine,
  systems: [
    { name: 'nats', title: 'NATS JetStream 2.9', missing: 'there is no nats-server on this machine' },
    { name: 'rabbitmq', title: 'RabbitMQ 3.10' },
  ],
  limits: [limit],
}
const table: Table = {
  title: 'Publish',
  columns: [{ title: 'published', unit: 'msg/s' }],
  rows: [{ name: 'rabbitmq', values: [figure] }],
  charts: [
    {
      title: 'Who publishes',
      kind: 'bars',
      unit: 'msg/s',
      categories: ['rabbitmq', 'a name <that> has marks & is long'],
      series: [
        { name: 'window 1', values: [1, null] },
        { name: 'window 64', values: [64, 8] },
      ],
    },
  ],
}
let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-'))
  onTestFinished(() => rm(folder, { recursive: true }))
})

const page = async (): Promise<string> => {
  await render(folder)
  return readFile(join(folder, 'README.md'), 'utf8')
}

const store = (id: string, more: object = {}): Promise<void> =>
  storeResult(folder, { version: resultsVersion, id, title: `title of ${id}`, run, tables: [table], ...more })

it('says on what it was measured, beside which limits, and what could not be run', async () => {
  await store('W1')
  const text = await page()
  expect(text).toContain('A run of 2030-01-02.')
  expect(text).toContain('| processor | a processor, 2 cores |')
  expect(text).toContain('| nats | not run: there is no nats-server on this machine |')
  expect(text).toContain('| rabbitmq | RabbitMQ 3.10 |')
  expect(text).toContain('| L1 4 kB | appends | 4.00 (3.00 – 5.00) /s |')
})

it('shows the audit first, and workloads by their numbers', async () => {
  for (const id of ['W10', 'W2', 'AUDIT']) await store(id)
  expect((await page()).match(/^## .*·.*$/gm)).toEqual([
    '## AUDIT · title of AUDIT',
    '## W2 · title of W2',
    '## W10 · title of W10',
  ])
})

it('says which workloads are of another run, and with which limits', async () => {
  const earlier = { ...run, begun: '2029-12-31T00:00:00.000Z', isQuick: true, limits: [{ ...limit, id: 'L1 64 kB' }] }
  await store('W1', { run: earlier })
  await store('W2')
  const text = await page()
  const [first, second] = text.split('## W2')
  expect(first).toContain('Of another run, a quick one of 2029-12-31, with these limits:')
  expect(first).toContain('| L1 64 kB |')
  expect(second).not.toContain('Of another run')
})

it('shows what failed instead of a table', async () => {
  await store('W1', { tables: [], failure: 'there are no programs of PostgreSQL on this machine' })
  expect(await page()).toContain('**It failed:** there are no programs of PostgreSQL on this machine')
})

it('draws its charts, which follow the light of the reader, and removes those of before', async () => {
  await store('W1')
  await page()
  await writeFile(join(folder, 'charts', 'w9-1-1.svg'), 'of before')
  expect(await page()).toContain('![Who publishes](charts/w1-1-1.svg)')
  expect(await readdir(join(folder, 'charts'))).toEqual(['w1-1-1.svg'])
  const svg = await readFile(join(folder, 'charts', 'w1-1-1.svg'), 'utf8')
  for (const text of ['Who publishes', 'window 64', 'a name &lt;that&gt; has marks &amp;']) expect(svg).toContain(text)
  expect(svg).toContain('@media (prefers-color-scheme: dark)')
})
