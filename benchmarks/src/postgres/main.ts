import pg from 'pg'
import { inFolder } from '../publish.ts'
import { startPeer } from '../loopback.ts'
import { closedLoop, openBusiness, openLoop, percentile, ways, type Way } from './business.ts'

const url = process.argv[2]!
const rounds = Number(process.argv[3] ?? 5)

await inFolder(async (path) => {
  const peer = await startPeer('store', path)
  const business = await openBusiness({ url, server: peer.url })
  const names = Object.keys(ways) as Way[]
  const measure = async (title: string, run: (work: (number: number) => Promise<void>) => ReturnType<typeof closedLoop>) => {
    const all = new Map<Way, number[]>(names.map((name) => [name, []]))
    const seconds = new Map<Way, number>()
    for (let round = 0; round <= rounds; round++) {
      for (const name of names) {
        const result = await run((number) => ways[name](business, number))
        if (round > 0) { all.get(name)!.push(...result.latencies); seconds.set(name, (seconds.get(name) ?? 0) + result.seconds) }
        for (;;) { const { outbox: stats } = await business.service.stats(); if (stats.pending === 0) break; await new Promise((r) => setTimeout(r, 50)) }
      }
    }
    console.log(title)
    const base = percentile(all.get('a bare insert')!, 0.5)
    for (const name of names) {
      const l = all.get(name)!
      console.log('  ', name.padEnd(16), (l.length / seconds.get(name)!).toFixed(0).padStart(6), '/s  p50', percentile(l, 0.5).toFixed(2), ' p99', percentile(l, 0.99).toFixed(2), ' x', (percentile(l, 0.5) / base).toFixed(2))
    }
  }
  await measure('closed, 1 lane', (work) => closedLoop({ lanes: 1, seconds: 2 }, work))
  await measure('closed, 16 lanes', (work) => closedLoop({ lanes: 16, seconds: 2 }, work))
  await measure('open, 200/s', (work) => openLoop({ perSecond: 200, seconds: 2 }, work))
  await measure('open, 500/s', (work) => openLoop({ perSecond: 500, seconds: 2 }, work))
  await measure('open, 1000/s', (work) => openLoop({ perSecond: 1000, seconds: 2 }, work))
  await business.stop()
  peer.stop()
})
