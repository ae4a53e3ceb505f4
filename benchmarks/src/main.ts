import { cpus } from 'node:os'
import { measureBacklog } from './backlog.ts'
import { codecRate, syncRate } from './limits.ts'
import { consumeRate, postRate, remotePublishRate, startPeer } from './loopback.ts'
import { brokerRate, engineRate, type PublishRun } from './publish.ts'
import { measure, printTable, sharesOf } from './report.ts'

/**
 * Durable publishing and consuming beside the limits of this machine: `npm run bench`, or with `-- --quick` a shorter
 * run. Warm-up and runs are interleaved, so that a noisy neighbour disturbs all of them alike.
 */
const quick = process.argv.includes('--quick')
const messages = quick ? 30_000 : 200_000
const runs = quick ? 3 : 5

const payloadBytes = 100
const run = (window: number, kind: 'entity' | 'event'): PublishRun => ({
  messages: Math.min(messages, window * 2_000),
  window,
  kind,
  payloadBytes,
})

const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}`

const inProcess = await measure(runs, {
  'L1  fdatasync, 4 kB appended': () => syncRate({ bytes: 4_096, count: 300 }),
  'L1  fdatasync, 64 kB appended': () => syncRate({ bytes: 65_536, count: 300 }),
  'L3  encode, checksum, resolve a promise': () => codecRate(run(1_024, 'event')),
  'embedded engine, event topic, window 1': () => engineRate(run(1, 'event')),
  'embedded engine, event topic, window 64': () => engineRate(run(64, 'event')),
  'embedded engine, event topic, window 1024': () => engineRate(run(1_024, 'event')),
  'embedded engine, entity topic, window 1024': () => engineRate(run(1_024, 'entity')),
  'local broker, event topic, window 1024': () => brokerRate(run(1_024, 'event')),
  'local broker, entity topic, window 1024': () => brokerRate(run(1_024, 'entity')),
})
console.log(`Durable publish, ${payloadBytes} B, ${messages} messages, median of ${runs} runs · ${machine}\n`)
printTable(sharesOf('L3', inProcess), 'L3')

const overLoopback: PublishRun = { ...run(1_024, 'event'), messages: messages / 2 }
const peer = await startPeer()
const remote = await measure(runs, {
  'L7  POSTs of 100 events to a server that does nothing, 10 in flight': () => postRate(peer, overLoopback),
  'server, publish, window 1024': () => remotePublishRate(overLoopback),
  'server, stream and settle each, 1,000 in hand': () => consumeRate(overLoopback),
})
peer.stop()
console.log(
  `\nOver loopback, server in a process of its own, CPU of the client alone, ${overLoopback.messages} messages\n`,
)
printTable(sharesOf('L7', remote), 'L7')

console.log('\nWhat a backlog costs, embedded engine\n')
await measureBacklog(
  quick
    ? { scheduled: 100_000, parkedKeys: 10_000, waiting: 1_000_000 }
    : { scheduled: 1_000_000, parkedKeys: 100_000, waiting: 10_000_000 },
)
