import { describe, expect, it } from 'vitest'
import { editRange } from './ledger-form.ts'
import { Bench, offsets } from './machine.fixture.ts'

/** Lets a stream take what there is and give up on one of it. */
function bury(bench: Bench, offset: number): void {
  const entries = bench.claim('s')
  for (const entry of entries.toReversed()) {
    if (entry.offset > offset) bench.settle(entry, { action: 'release' })
  }
  bench.settle(
    entries.find((entry) => entry.offset === offset)!,
    { action: 'dead-letter', reason: 'no' },
  )
  bench.commit()
}

/** One event of the key `a` that was replaced, handed out and given up again. */
function editedDeadLetter(policy: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(policy)
  bench.publish('a')
  bury(bench, 1)
  bench.replace(1, 1)
  bury(bench, 1)
  expect(bench.deadLetter(1)?.edit).toBe(1)
  return bench
}

function editsLeft(bench: Bench): number {
  bench.commit()
  return bench.entries(editRange).length
}

describe('what an operator put in the place of a dead letter', () => {
  it('stays with it while it is parked behind an older one of its key', () => {
    const bench = new Bench()
    bench.publishLater(1_000, 'a')
    bench.publish('a')
    bury(bench, 2)
    bench.advance(1_000)
    bury(bench, 1)
    bench.replace(2, 1)
    expect(offsets(bench.claim('s'))).toEqual([])
    bench.commit()
    bench.crash()
    bench.advance(10_000)
    bench.redrive(1)
    const entries = bench.claim('t')
    expect(entries.map(({ offset, edit }) => [offset, edit])).toEqual([
      [1, undefined],
      [2, 1],
    ])
    for (const entry of entries) bench.settle(entry, { action: 'ack' })
    expect(editsLeft(bench)).toBe(0)
  })

  it('goes when the letter is discarded', () => {
    const bench = editedDeadLetter()
    bench.discard(1)
    expect(editsLeft(bench)).toBe(0)
  })

  it('goes when a newer state makes the letter needless', () => {
    const bench = editedDeadLetter({ onDeadLetter: 'supersede' })
    bench.publish('a')
    expect(offsets(bench.claim('s'))).toEqual([2])
    expect(editsLeft(bench)).toBe(0)
  })

  it('goes when a seek makes the event come again, and stays with a letter from before', () => {
    const bench = editedDeadLetter()
    bench.seek(1, 'skip')
    expect([editsLeft(bench), bench.deadLetter(1)?.edit]).toEqual([1, 1])
    bench.seek(0, 'skip')
    expect(editsLeft(bench)).toBe(0)
    expect(bench.claim('s').map(({ offset, edit }) => [offset, edit])).toEqual([[1, undefined]])
  })
})
