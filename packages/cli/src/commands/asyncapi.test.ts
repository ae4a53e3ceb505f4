import { afterEach, beforeEach, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(() => bench[Symbol.asyncDispose]())

test('asyncapi writes the document that the server has, for a file or on one line', async () => {
  const { broker, caller, server } = bench
  const types = [{ type: 'crm.moved', schema: { type: 'object' } }]
  await broker.registerContract(caller, { service: 'crm', topics: [{ topic: 'crm.moved', kind: 'event', types }] })
  const document: unknown = await (await fetch(`${server.url}/v1/default/asyncapi/crm`)).json()
  expect(document).toMatchObject({ asyncapi: '3.0.0', info: { title: 'crm', version: '1.1.0' } })
  const written = await bench.tidings('asyncapi', 'crm')
  expect(written).toMatchObject({ code: 0, stderr: '', stdout: `${JSON.stringify(document, undefined, 2)}\n` })
  const line = await bench.tidings('asyncapi', 'crm', '--json')
  expect(jsonLines(line.stdout)).toEqual([document])
})

test('asyncapi says that a service is not known', async () => {
  expect(await bench.tidings('asyncapi', 'nobody')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('contract push'),
  })
  expect(await bench.tidings('asyncapi', 'crm', '--namespace', 'blue')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('blue'),
  })
})
