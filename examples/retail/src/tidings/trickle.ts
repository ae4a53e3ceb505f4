import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../faults/random.ts'
import type { Options } from '../options.ts'
import { call } from '../process/http.ts'
import { rows } from '../proof/figures.ts'
import { count, type Screen } from '../report/screen.ts'
import { copyTable } from './copies.ts'
import type { Stage } from './stage.ts'

const orderEveryMs = 500
const lookEveryMs = 1000
const lookAtProcessesEveryMs = 100
const command = new URL('../../../../node_modules/.bin/tidings', import.meta.url)

/** Lets the teams run on with an order now and then, until somebody ends the process. */
export async function keepRunning(stage: Stage, screen: Screen, { seed }: Options): Promise<never> {
  invite(stage, screen)
  void lookNowAndThen(stage, screen)
  void tellWhoEnds(stage, screen)
  const random = seededRandom(seed, 'trickle')
  const customers = rows<{ id: string }>(stage.directory, 'crm', 'select id from customers order by id')
  for (let number = 1; ; number += 1) {
    const customerId = customers[Math.floor(random() * customers.length)]?.id ?? '1'
    const totalPence = 100 + Math.floor(random() * 10_000)
    const order = { id: `trickle-${number}`, date: '2011-12-09', customerId, totalPence }
    // Whoever kills sales by hand misses an order or two of this trickle: they were never taken.
    await call('POST', `${stage.sales.url}/orders`, { body: order }).catch(() => undefined)
    await pause(orderEveryMs)
  }
}

/** Only commands that exist. */
function invite({ directory, server, sales, crm, marketing }: Stage, screen: Screen): void {
  const order = `'{"id":"mine-1","date":"2011-12-09","customerId":"17850","totalPence":4200}'`
  const say = (text: string, remark = ''): void => screen.line(`  ${text}${remark && `   # ${remark}`}`)
  screen.line()
  screen.line(screen.strong('Still running, a trickle of orders flows. Break it yourself:'))
  for (const { pid, name } of [marketing, server, crm])
    say(`kill -9 ${pid}`.padEnd(16), `${name}: restarts and catches up`)
  say(`curl ${sales.url}/orders -H 'content-type: application/json' -d ${order}`)
  say(`tail -f ${directory}/marketing.log`, 'what marketing complains about')
  if (existsSync(command)) {
    say(`export TIDINGS_URL=${server.url}`)
    say('npx tidings subscriptions stats marketing.thank-buyer')
    say('npx tidings topics read crm.customer --after end --follow')
  } else {
    say(`curl ${server.url}/v1/default/subscriptions/marketing.thank-buyer/stats`)
  }
  say('Ctrl-C ends everything.')
  screen.line()
}

async function lookNowAndThen(stage: Stage, screen: Screen): Promise<void> {
  for (;;) {
    try {
      screen.status(statusOf(stage))
    } catch {
      // A team that starts again may hold its database for a moment; the next look will do.
    }
    await pause(lookEveryMs)
  }
}

function statusOf({ directory, recorder }: Stage): string {
  const columns = 'select id, email, status from'
  const orders = rows(directory, 'sales', 'select id from orders').length
  const owned = rows<{ id: string }>(directory, 'crm', `${columns} customers`)
  const copies = rows<{ id: string }>(directory, 'marketing', `${columns} "${copyTable}"`)
  const copied = new Map(copies.map((row) => [row.id, JSON.stringify(row)]))
  const equal = owned.filter((row) => copied.get(row.id) === JSON.stringify(row)).length
  const copy = `marketing.customer ${count(equal)}/${count(owned.length)} equal`
  return `orders ${count(orders)} · emails ${count(recorder.sent.size)} · ${copy}`
}

/** A line for each process that ended and came back, or could not. */
async function tellWhoEnds({ server, sales, crm, marketing, analytics }: Stage, screen: Screen): Promise<never> {
  const known = new Map(
    [server, sales, crm, marketing, analytics].map((team) => [team, { pid: team.pid, told: false }]),
  )
  for (;;) {
    for (const [team, last] of known) {
      if (team.pid !== last.pid && team.ready) {
        screen.line(`  ✖ ${team.name} ended; it is back as process ${team.pid}`)
        last.pid = team.pid
      }
      if (team.problem !== undefined && !last.told) screen.line(screen.bad(`  ✖ ${team.problem}`))
      last.told = team.problem !== undefined
    }
    await pause(lookAtProcessesEveryMs)
  }
}
