import { describe, expect, it } from 'vitest'
import { simulatedEnvironment } from '../testing/index.ts'
import { compared, MemorySide } from './compare.fixture.ts'
import type { Settling } from './settling.ts'

const rows = { a: 'Ann', b: 'Bob', c: 'Cy' }

describe('what is different', () => {
  it('is a difference at once where both rows are of one version', async () => {
    const [source, copy] = [new MemorySide(rows), new MemorySide(rows)]
    source.writeVersion('b', '2', 'Bob')
    copy.writeVersion('b', '2', 'Bo')
    const { found } = await compared(simulatedEnvironment(), { source, copy, patienceMs: 3_600_000 })
    expect(found).toMatchObject([{ key: 'b', confirmedBy: 'version', sourceVersion: '2', copyVersion: '2' }])
  })

  it('is waited for where the versions are different ones', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide(rows), new MemorySide(rows)]
    source.writeVersion('b', '2', 'Bobby')
    copy.writeVersion('b', '1', 'Bob')
    environment.timers.after(900, () => copy.writeVersion('b', '2', 'Bobby'))
    expect(await compared(environment, { source, copy })).toMatchObject({ differences: 0, changing: 0 })
  })

  it('is a difference once everything that was on its way has arrived, before patience ends', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide(rows), new MemorySide({ ...rows, b: 'Bo' })]
    const way = new Way()
    environment.timers.after(2_000, () => way.arrive())
    const { found } = await compared(environment, { source, copy, settling: way, patienceMs: 3_600_000 })
    expect(found).toMatchObject([{ key: 'b', confirmedBy: 'arrival' }])
  })

  it('is no difference where it arrives with everything that was on its way', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide({ ...rows, b: 'Bobby' }), new MemorySide(rows)]
    const way = new Way()
    environment.timers.after(2_000, () => {
      copy.write('b', 'Bobby')
      way.arrive()
    })
    const outcome = await compared(environment, { source, copy, settling: way, patienceMs: 3_600_000 })
    expect(outcome).toMatchObject({ differences: 0, changing: 0 })
  })

  it('is not judged by what arrived before its row was written last', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide({ ...rows, b: 'Bobby' }), new MemorySide(rows)]
    const way = new Way()
    // The change that was on its way arrives, and another one has been made meanwhile.
    environment.timers.after(2_000, () => {
      source.write('b', 'Bert')
      copy.write('b', 'Bobby')
      way.arrive()
    })
    environment.timers.after(20_000, () => {
      copy.write('b', 'Bert')
      way.arrive()
    })
    const outcome = await compared(environment, { source, copy, settling: way, patienceMs: 3_600_000 })
    expect(outcome).toMatchObject({ differences: 0, changing: 0 })
  })

  it('is not judged by what was on its way before it was looked at', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide(rows), new MemorySide(rows)]
    const way = new Way()
    // Each look finds another state of the source, of which nothing has arrived yet.
    let looks = 0
    source.onFind = () => {
      looks++
      if (looks === 1) source.write('b', 'Bobby')
    }
    copy.write('a', 'Eve')
    source.write('b', 'Bert')
    environment.timers.after(10_000, () => {
      copy.write('b', 'Bobby')
      way.arrive()
    })
    const { found } = await compared(environment, { source, copy, settling: way, patienceMs: 3_600_000 })
    expect(found.map(({ key }) => key)).toEqual(['a'])
  })
})

/** What is on its way arrives when the test says so. */
class Way implements Settling {
  #noted = 0
  #arrived = 0

  async note(): Promise<string> {
    return String(++this.#noted)
  }

  async hasArrived(note: string): Promise<boolean> {
    return Number(note) <= this.#arrived
  }

  arrive(): void {
    this.#arrived = this.#noted
  }
}
