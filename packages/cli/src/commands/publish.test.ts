import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

let topics = 0
async function freshTopic(kind: 'event' | 'entity' = 'event'): Promise<string> {
  const topic = `shop.topic-${(topics += 1)}`
  await bench.broker.putTopic(bench.caller, { topic, kind, owner: 'shop' })
  return topic
}

async function stored(
  topic: string,
): Promise<readonly { id: string; key: string | undefined; data: string | undefined }[]> {
  const { events } = await bench.broker.read(bench.caller, { topic, limit: 1_000 })
  return events.map(({ event: { id, key, data } }) => ({ id, key, data: data && new TextDecoder().decode(data) }))
}

describe('publish one', () => {
  test('takes the payload from an argument, fills in the rest, and is safe to repeat', async () => {
    const topic = await freshTopic()
    const words = ['publish', topic, '{"a":1}', '--key', 'k', '--id', 'one', '--json']
    const [answer] = jsonLines((await bench.run(words)).stdout)
    expect(answer).toEqual({ status: 'stored', position: expect.any(String), id: 'one', source: 'operator' })
    const [again] = jsonLines((await bench.run(words)).stdout)
    expect(again).toEqual({ ...answer, status: 'duplicate' })
    expect(await stored(topic)).toEqual([{ id: 'one', key: 'k', data: '{"a":1}' }])
    const { events } = await bench.broker.read(bench.caller, { topic })
    expect(events[0]!.event).toMatchObject({ type: topic, source: 'operator', datacontenttype: 'application/json' })
  })

  test('takes it byte for byte from a file or from stdin', async () => {
    const topic = await freshTopic()
    const bytes = Uint8Array.of(0, 255, 10, 13)
    writeFileSync(join(bench.folder, 'payload.bin'), bytes)
    await bench.run(['publish', topic, '--file', 'payload.bin', '--content-type', 'image/x'])
    await bench.run(['publish', topic, '--content-type', 'image/x'], { stdin: bytes })
    const { events } = await bench.broker.read(bench.caller, { topic })
    expect(events.map(({ event }) => event.data)).toEqual([bytes, bytes])
  })

  test('carries every attribute', async () => {
    const topic = await freshTopic('entity')
    const words = [
      '--type',
      `${topic}.deleted`,
      '--key',
      'k',
      '--source',
      'me',
      '--subject',
      's',
      '--attribute',
      'traceparent=a=b',
    ]
    const { code } = await bench.tidings('publish', topic, '--empty', ...words)
    expect(code).toBe(0)
    const { events } = await bench.broker.read(bench.caller, { topic })
    expect(events[0]!.event).toMatchObject({
      type: `${topic}.deleted`,
      source: 'me',
      subject: 's',
      extensions: { traceparent: 'a=b' },
    })
    expect(events[0]!.event.data).toBeUndefined()
  })

  test.each([
    ['{oops', [], 1, /at character 1[\s\S]*--content-type/],
    ['{}', ['--id', 'taken'], 1, /already stored with another type, key or payload/],
    ['{}', ['--key', 'x'.repeat(513)], 2, /at most 512/],
    ['{}', ['--attribute', 'Bad=1'], 1, /"Bad" is not an attribute name/],
  ])('refuses %s %j and stores nothing', async (payload, words, expected, message) => {
    const topic = await freshTopic()
    await bench.tidings('publish', topic, '"first"', '--id', 'taken')
    const { code, stdout, stderr } = await bench.tidings('publish', topic, payload, ...words)
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toMatch(message)
    expect(await stored(topic)).toHaveLength(1)
  })

  test('asks what happened to an entity', async () => {
    const topic = await freshTopic('entity')
    const { code, stderr } = await bench.tidings('publish', topic, '{}', '--key', 'k')
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`--type ${topic}.created`) })
  })
})

describe('publish many', () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, index) => `{"id":${index},"who":"c${index % 3}"}\n`).join('')

  test('publishes a payload for each line, in order, with keys and ids out of them', async () => {
    const topic = await freshTopic()
    const words = ['publish', topic, '--ndjson', '--key-field', 'who', '--id-field', 'id']
    const first = await bench.run(words, { stdin: lines(700) })
    expect(first).toEqual({ code: 0, stdout: `Stored 700 events in ${topic}.\n`, stderr: '' })
    expect((await stored(topic)).slice(0, 2)).toEqual([
      { id: '0', key: 'c0', data: '{"id":0,"who":"c0"}' },
      { id: '1', key: 'c1', data: '{"id":1,"who":"c1"}' },
    ])
    expect((await stored(topic)).map(({ id }) => Number(id))).toEqual(Array.from({ length: 700 }, (_, index) => index))
    const again = await bench.run(words, { stdin: lines(701) })
    expect(again.stdout).toBe(`Stored 1 event in ${topic}, 700 were there already.\n`)
  })

  test('answers each line as NDJSON, and takes a last line without its end', async () => {
    const topic = await freshTopic()
    writeFileSync(join(bench.folder, 'lines.ndjson'), '1\r\n\n  \n"three"')
    const { code, stdout } = await bench.run(['publish', topic, '--ndjson', '--file', 'lines.ndjson', '--json'])
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toEqual([
      { line: 1, id: expect.any(String), source: 'operator', status: 'stored', position: expect.any(String) },
      { line: 4, id: expect.any(String), source: 'operator', status: 'stored', position: expect.any(String) },
    ])
  })

  test('ends at a line that is at fault and says up to where everything is stored', async () => {
    const topic = await freshTopic()
    const { code, stderr } = await bench.run(['publish', topic, '--ndjson'], { stdin: '1\n2\n{oops\n4\n' })
    expect(code).toBe(1)
    expect(stderr).toMatch(/Line 3: .*Everything up to line 2 is stored; go on after it\./)
    expect((await stored(topic)).map(({ data }) => data)).toEqual(['1', '2'])
  })

  test('names each line that the broker refuses and sends nothing after their batch', async () => {
    const topic = await freshTopic()
    await bench.tidings('publish', topic, '{"id":"taken"}', '--id', 'taken')
    const stdin = '{"id":"a"}\n{"id":"taken","other":1}\n{"id":"b"}\n'
    const { code, stderr } = await bench.run(['publish', topic, '--ndjson', '--id-field', 'id'], { stdin })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /Line 2: .*another type, key or payload[\s\S]*1 line refused; the others up to line 3 are stored/,
    )
    expect((await stored(topic)).map(({ id }) => id)).toEqual(['taken', 'a', 'b'])
  })

  test('copies a topic as CloudEvents', async () => {
    const [from, to] = [await freshTopic(), await freshTopic()]
    await bench.tidings('publish', from, '{"big":9223372036854775807}', '--id', 'x', '--key', 'k')
    const { stdout } = await bench.tidings('topics', 'read', from, '--json')
    const stdin = stdout.replace(/^.*"event":(.*)\}$/m, '$1')
    expect(await bench.run(['publish', to, '--events'], { stdin })).toMatchObject({ code: 0, stderr: '' })
    expect(await stored(to)).toEqual([{ id: 'x', key: 'k', data: '{"big":9223372036854775807}' }])
  })
})
