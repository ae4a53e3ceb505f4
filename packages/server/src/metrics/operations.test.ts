import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { notRun } from '@tidings/tools/not-run'
import type { Delivery } from 'tidings/broker'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { startServer } from '../start.ts'

const operations = new URL('../../../../docs/operations/', import.meta.url)
const alerts = readFileSync(new URL('alerts.yaml', operations), 'utf8')
const dashboard = readFileSync(new URL('dashboard.json', operations), 'utf8')

/** What Prometheus itself knows of each server that it scrapes. */
const ofPrometheus = new Set(['up'])

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly action: string }
}

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

const rules = (parse(alerts) as { groups: readonly { rules: readonly Rule[] }[] }).groups.flatMap((each) => each.rules)
const { panels } = JSON.parse(dashboard) as { panels: readonly Panel[] }

const figureNames = (expression: string): readonly string[] =>
  expression.match(/\b(?:tidings|process)_[a-z_]+\b|\bup\b/g) ?? []

it('dashboard and alert rules use exactly the figures that a server shows', async () => {
  const server = await startServer({ engine: 'memory', port: 0 })
  const caller = { namespace: 'default', principal: 'operator' }
  const topic = 'shop.order'
  const subscription = 'mail.thanks'
  await server.broker.putTopic(caller, {
    topic,
    kind: 'event',
    owner: 'shop',
    schemas: { [topic]: { type: 'object' } },
  })
  const policy = { retry: { quickDelaysMs: [0] } }
  await server.broker.putSubscription(caller, { subscription, topic, from: 'beginning', policy })
  const events = ['{}', '1'].map((text, index) => ({
    event: { id: `${index}`, source: 'shop', type: topic, data: new TextEncoder().encode(text) },
  }))
  await server.broker.publish(caller, { topic, events })
  for (const outcome of [{ action: 'retry', reason: 'busy', afterMs: 0 }, { action: 'ack' }] as const) {
    const { deliveries } = await server.broker.pull(caller, { subscription, waitMs: 5_000 })
    const [{ lease }] = deliveries as [Delivery]
    await server.broker.settle(caller, { subscription, outcomes: [{ lease, ...outcome }] })
  }
  const exposed = await (await fetch(`${server.url}/metrics`)).text()
  await server.stop()
  const shown = new Set([...exposed.matchAll(/^([a-z_]+)[ {]/gm)].map(([, name]) => name!))

  const expressions = [...rules, ...panels.flatMap(({ targets }) => targets)].map(({ expr }) => expr)
  const used = new Set(expressions.flatMap(figureNames))
  expect([...used].filter((name) => !shown.has(name) && !ofPrometheus.has(name))).toEqual([])
  const family = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')
  const families = new Set([...exposed.matchAll(/^# TYPE ([a-z_]+)/gm)].map(([, name]) => name!))
  const drawn = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => figureNames(expr))).map(family))
  expect([...families].filter((name) => !drawn.has(name))).toEqual([])
})

it('each alert rule says what is wrong and what to type', () => {
  for (const { alert, annotations } of rules) {
    expect(annotations, alert).toEqual({ summary: expect.any(String), action: expect.any(String) })
  }
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
})

it('Prometheus takes the alert rules', async (context) => {
  const run = promisify(execFile)
  const file = fileURLToPath(new URL('alerts.yaml', operations))
  const checked = await run('promtool', ['check', 'rules', file]).catch((error: NodeJS.ErrnoException) => error)
  if ('code' in checked && checked.code === 'ENOENT') {
    notRun(context, { part: 'promtool', reason: 'there is no promtool', help: 'apt-get install prometheus' })
  }
  expect(checked).toMatchObject({ stdout: expect.stringContaining('SUCCESS') })
})
