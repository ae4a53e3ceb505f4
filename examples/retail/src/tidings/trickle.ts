import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../faults/random.ts'
import type { Options } from '../options.ts'
import { call } from '../process/http.ts'
import { rows } from '../proof/figures.ts'
import { count, type Screen } from '../report/screen.ts'
import { copyTable } from './prove-stage.ts'
import type { Stage } from './stage.ts'

const orderEveryMs = 500
const lookEveryMs = 1000

/** Lets the teams run on with an order now and then, until somebody ends the process. */
export async function keepRunning(stage: Stage, screen: Screen, { seed }: Options): Promise<never> {
  const { directory, server, sales, crm, marketing } = stage
  screen.line()
  screen.line(screen.strong('Still running, a trickle of orders flows. Break it yourself:'))
  for (const { pid, name } of [marketing, server, crm])
    screen.line(`  kill -9 ${String(pid).padEnd(9)} ${name}: restarts and catches up`)
  screen.line(`  tail -f ${directory}/marketing.log`)
  screen.line(`  curl ${server.url}/v1/default/subscriptions/marketing.thank-buyer/stats`)
  screen.line('  Ctrl-C ends everything.')
  screen.line()
  void lookNowAndThen(stage, screen)

  const random = seededRandom(seed, 'trickle')
  const customers = rows<{ id: string }>(directory, 'crm', 'select id from customers order by id')
  for (let number = 1; ; number += 1) {
    const customerId = customers[Math.floor(random() * customers.length)]?.id ?? '1'
    const order = {
      id: `trickle-${number}`,
      date: '2011-12-09',
      customerId,
      totalPence: 100 + Math.floor(random() * 10_000),
    }
    // Sales may have been killed by hand; it says which orders it knows already.
    await call('POST', `${sales.url}/orders`, { body: order }).catch(() => undefined)
    await pause(orderEveryMs)
  }
}

async function lookNowAndThen({ directory, recorder, marketing, server }: Stage, screen: Screen): Promise<void> {
  for (;;) {
    const orders = rows(directory, 'sales', 'select id from orders').length
    const owned = rows(directory, 'crm', 'select id, email, status from customers order by id')
    const copied = new Map(
      rows<{ id: string }>(directory, 'marketing', `select id, email, status from "${copyTable}"`).map((row) => [
        row.id,
        JSON.stringify(row),
      ]),
    )
    const equal = owned.filter((row) => copied.get((row as { id: string }).id) === JSON.stringify(row)).length
    screen.status(
      `orders ${count(orders)} · emails ${count(recorder.sent.size)} · marketing.customer ${count(equal)}/${count(owned.length)} equal · marketing is ${marketing.pid} · server is ${server.pid}`,
    )
    await pause(lookEveryMs)
  }
}
