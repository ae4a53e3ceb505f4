import type { Delivery } from 'tidings/broker'
import { expect, it } from 'vitest'
import { Batches } from './batches.ts'

function delivery(id: string, attempt: number): Delivery {
  const event = { id, source: '/shop', type: 'shop.order' }
  return { lease: id, position: `1.${id}`, appendedAt: 0, generation: 1, attempt, event }
}

it('what failed before goes alone, also when what comes for the first time stands behind it', async () => {
  const sent: string[][] = []
  const batches = new Batches(async (deliveries) => {
    sent.push(deliveries.map(({ event }) => event.id))
    return { status: 'taken' }
  })
  const attempts = [1, 1, 2, 1, 1, 3, 2, 1]
  await Promise.all(attempts.map((attempt, index) => batches.add(delivery(String(index), attempt))))
  expect(sent).toEqual([['0', '1'], ['2'], ['3', '4'], ['5'], ['6'], ['7']])
})
