import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const program = `
import { createBroker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
const caller = { namespace: 'default', principal: 'mail' }
const broker = createBroker({ engine: memoryEngine(), authorize: () => true })
await broker.start()
await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
await broker.putSubscription(caller, { subscription: 'mail.thanks', topic: 'shop.order', from: 'beginning' })
const { deliveries } = await broker.pull(caller, { subscription: 'mail.thanks', waitMs: 300 })
console.log('waited for', deliveries.length)
`

it('a program that waits for a delivery does not end before it has its answer', async () => {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
  })
  expect(stdout.trim()).toBe('waited for 0')
})
