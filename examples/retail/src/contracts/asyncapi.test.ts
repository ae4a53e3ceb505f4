import { Parser } from '@asyncapi/parser'
import { startServer } from '@tidings/server'
import { connect, contractDocument } from 'tidings'
import { expect, test } from 'vitest'
import { crm } from './crm.ts'
import { marketing } from './marketing.ts'
import { sales } from './sales.ts'

const parser = new Parser()

test('each team has an AsyncAPI document that the public parser reads', async () => {
  await using server = await startServer({ engine: 'memory', port: 0 })
  await using broker = connect(server.url)
  for (const contract of [crm, sales, marketing]) {
    const { service } = contract['~contract']
    await broker.registerContract({ namespace: 'default', principal: service }, contractDocument(contract))
  }
  const caller = { namespace: 'default', principal: 'marketing' }
  await broker.putSubscription(caller, { subscription: 'marketing.thanks', topic: 'sales.order', from: 'beginning' })
  const read: Record<string, readonly string[]> = {}
  for (const team of ['crm', 'sales', 'marketing']) {
    const answer = await fetch(`${server.url}/v1/default/asyncapi/${team}`)
    const { document, diagnostics } = await parser.parse(await answer.text())
    // It knows a newer version of the specification.
    expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([])
    read[team] = document!
      .operations()
      .all()
      .map((operation) => operation.id()!)
  }
  expect(read).toEqual({
    crm: ['send.crm.customer'],
    sales: ['send.sales.order'],
    marketing: ['send.marketing.email-sent', 'receive.sales.order'],
  })
})
