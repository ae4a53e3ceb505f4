import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBench, type Bench } from './command.fixture.ts'
import { runAtTerminal } from './terminal.fixture.ts'

let bench: Bench
const schemas = { 'shop.checked': { type: 'object', properties: { total: { type: 'number' } } } }

beforeAll(async () => {
  bench = await openBench()
  const { broker, caller, folder } = bench
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await broker.putTopic(caller, { topic: 'shop.checked', kind: 'event', owner: 'shop', schemas })
  await broker.putSubscription(caller, { subscription: 'mail.all', topic: 'shop.order', from: 'beginning' })
  await broker.registerService(caller, { service: 'shop', database: 'first' })
  const event = { id: 'known', source: 'operator', type: 'shop.order', data: new TextEncoder().encode('1') }
  await broker.publish(caller, { topic: 'shop.order', events: [{ event }] })
  writeFileSync(join(folder, 'big.json'), `"${'x'.repeat(1_048_576)}"`)
})
afterAll(() => bench[Symbol.asyncDispose]())

/** What was there is there, and nothing else. */
async function state(): Promise<unknown> {
  const { broker, caller } = bench
  const { events } = await broker.read(caller, { topic: 'shop.order' })
  const checked = await broker.read(caller, { topic: 'shop.checked' })
  const { pending, leased, dead, generation } = await broker.stats(caller, 'mail.all')
  const topics = (await broker.topics(caller)).map(({ topic }) => topic)
  const subscriptions = (await broker.subscriptions(caller)).map(({ subscription }) => subscription)
  const ids = [events, checked.events].map((each) => each.map(({ event }) => event.id))
  return { ids, counts: { pending, leased, dead, generation }, topics, subscriptions }
}

const key = 'k'.repeat(513)

describe('bad input on the command line says what is wrong and what to do, and loses nothing', () => {
  test.each<readonly [line: string, code: number, wrong: RegExp, next: RegExp]>([
    ['publish shop.checked {"total":"much"}', 1, /\/total must be number/, /rule #\/properties\/total\/type/],
    ['publish no.topic 1', 1, /no topic no\.topic/, /tidings topics list .*tidings topics create/],
    ['topics read no.topic', 1, /no topic no\.topic/, /tidings topics create makes one/],
    ['consume mail.none', 1, /no subscription mail\.none/, /tidings subscriptions create makes one/],
    ['topics list --namespace nowhere', 1, /no namespace "nowhere"/, /--namespace; tidings server --namespace/],
    ['topics create Shop.Order', 2, /"Shop\.Order" is not a topic name/, /use lower-case letters/],
    [
      'subscriptions create Mail --topic shop.order --from end',
      2,
      /"Mail" is not a subscription name/,
      /use lower-case/,
    ],
    [`publish shop.order 1 --key ${key}`, 2, /The key has 513 bytes/, /Hash it or shorten it/],
    ['publish shop.order 2 --id known', 1, /"known" .*already stored with another/, /give a different event a new id/],
    ['topics read shop.order --after abc.1', 1, /abc\.1 belongs to another life/, /tidings topics show/],
    ['subscriptions seek mail.all abc.1 --yes', 1, /abc\.1 belongs to another life/, /tidings topics show/],
    ['consume mail.all --max -1', 2, /--max <count>.*'-1' is invalid/, /whole number from 1 to/],
    ['consume mail.all --max 99999999999', 2, /'99999999999' is invalid/, /whole number from 1 to/],
    ['consume mail.all --max NaN', 2, /'NaN' is invalid/, /whole number from 1 to.*tidings consume --help/],
    ['publish shop.order {"a":', 1, /not acceptable JSON: .*character 5/, /say what it is with --content-type/],
    [
      'publish shop.order 1 --attribute Bad-Name=1',
      1,
      /"Bad-Name" is not an attribute name/,
      /lower-case letters and digits/,
    ],
    ['publish shop.order 1 --attribute time=noon', 1, /not "noon"/, /RFC 3339 .*2030-01-31T12:00:00Z/],
    ['publish shop.order --file big.json', 1, /The payload has 1048578 bytes/, /Send a reference to the data/],
  ])('tidings %s', async (line, code, wrong, next) => {
    const before = await state()
    const words = line.split(' ').map((word) => (word === 'big.json' ? join(bench.folder, word) : word))
    const ended = await runAtTerminal(words, { variables: { TIDINGS_URL: bench.server.url } })
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' })
    expect(ended.stderr).toMatch(wrong)
    expect(ended.stderr).toMatch(next)
    expect(ended.stderr.trimEnd().split('\n').length).toBeLessThan(3)
    expect(await state()).toEqual(before)
  })

  test('a server of another version is told from one that is not there, and which side to upgrade', async () => {
    const other = createServer((_, answer) => answer.writeHead(200, { 'tidings-protocol': '2' }).end('{}'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, stderr } = await runAtTerminal(['topics', 'list'], { variables: { TIDINGS_URL: url } })
    other.close()
    expect(code).toBe(1)
    expect(stderr).toMatch(/server speaks version 2 of the protocol, this side version 1; upgrade the client/)
  })

  test('a store that is damaged or cut off is refused at start, left as it is, and served again when it is whole', async () => {
    const serve = async (): Promise<{ url: string; stop: () => Promise<unknown> }> => {
      const running = bench.start(['server', '--port', '0', '--data', 'store'])
      const [, url = ''] = await running.printed(/listening on (\S+)\n/)
      const stop = (): Promise<unknown> => (running.child.kill('SIGTERM'), running.ended)
      return { url, stop }
    }
    const first = await serve()
    await bench.tidings('topics', 'create', 'a.b', '--url', first.url)
    await bench.tidings('publish', 'a.b', '"kept"', '--url', first.url)
    await first.stop()
    const file = join(bench.folder, 'store/data.mdb')
    const whole = readFileSync(file)
    for (const damage of [
      () => writeFileSync(file, Buffer.from(whole).fill(7, 0, 64)),
      () => truncateSync(file, 9_000),
    ]) {
      writeFileSync(file, whole)
      damage()
      const damaged = readFileSync(file)
      const refused = await bench.run(['server', '--port', '0', '--data', 'store'])
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toMatch(
        /store\/data\.mdb is damaged: .*Restore the folder from a backup; nothing in it was changed/,
      )
      expect(readFileSync(file).equals(damaged)).toBe(true)
    }
    writeFileSync(file, whole)
    const second = await serve()
    const { stdout } = await bench.tidings('topics', 'read', 'a.b', '--url', second.url)
    expect(stdout).toContain('kept')
    await second.stop()
  })
})
