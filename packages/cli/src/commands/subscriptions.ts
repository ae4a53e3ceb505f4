import type { SubscriptionStats } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { count, duration, fields, table, time } from '../text.ts'
import { describeSubscription, pauseInWords } from './subscription-text.ts'
import { addCreateSubscription } from './subscriptions-create.ts'
import { addPause } from './subscriptions-pause.ts'
import { addPush } from './subscriptions-push.ts'
import { addSeek } from './subscriptions-seek.ts'

export function addSubscriptions(program: TidingsCommand): void {
  const subscriptions = program
    .command('subscriptions')
    .description('Lists, creates, shows, pauses, moves and removes subscriptions.')
    .example('tidings subscriptions list', 'which subscriptions there are')
    .example('tidings subscriptions stats mail.thanks', 'what is waiting, and why')
  addList(subscriptions)
  addCreateSubscription(subscriptions)
  addShow(subscriptions)
  addStats(subscriptions)
  addPause(subscriptions)
  addSeek(subscriptions)
  addWake(subscriptions)
  addPush(subscriptions)
  addRemove(subscriptions)
}

function addList(subscriptions: TidingsCommand): void {
  subscriptions
    .command('list')
    .description('Lists the subscriptions of the namespace.')
    .example('tidings subscriptions list', 'all of them')
    .example('tidings subscriptions list --topic crm.customer', 'who depends on a topic')
    .option('--topic <topic>', 'only those on this topic')
    .runs<[], { topic?: string }>(async ({ broker, caller, output }, _, { topic: wanted }) => {
      const all = await broker.subscriptions(caller)
      const known = wanted === undefined ? all : all.filter(({ topic }) => topic === wanted)
      await output.show({ subscriptions: known }, () =>
        known.length === 0
          ? ''
          : table(
              ['SUBSCRIPTION', 'TOPIC', 'FLOOR', 'GENERATION', 'ON DEAD LETTER'],
              known.map(({ subscription, topic, floor, generation, policy }) => [
                subscription,
                topic,
                floor,
                String(generation),
                policy.onDeadLetter,
              ]),
            ),
      )
      if (known.length === 0) {
        output.note('There are no subscriptions; make one with: tidings subscriptions create <service>.<name> …')
      }
    })
}

function addShow(subscriptions: TidingsCommand): void {
  subscriptions
    .command('show')
    .description('Describes a subscription: its filter, its policy, how far it is.')
    .example('tidings subscriptions show mail.thanks', 'how it was defined')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ broker, caller, output }, [subscription]) => {
      const description = await broker.subscription(caller, subscription)
      await output.show(description, () => describeSubscription(description))
    })
}

function addStats(subscriptions: TidingsCommand): void {
  subscriptions
    .command('stats')
    .description('Counts what a subscription has done since its generation began, and what it still has to do.')
    .example('tidings subscriptions stats mail.thanks', 'what is waiting, and why')
    .example('tidings subscriptions stats mail.thanks --json | jq .pending', 'a figure for a monitor')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ broker, caller, output }, [subscription]) => {
      const stats = await broker.stats(caller, subscription)
      await output.show(stats, () => describeStats(stats))
    })
}

function outageInWords({ class: what, since, failures }: NonNullable<SubscriptionStats['outage']>): string {
  return `${what} since ${time(since)}, ${count(failures, 'failed attempt')}; single deliveries are tried until one succeeds`
}

const detail = ['ready', 'leased', 'retrying', 'waiting', 'parked', 'scheduled'] as const
const outcomes = ['acknowledged', 'filtered', 'superseded', 'skipped', 'discarded', 'dead', 'pending'] as const

function describeStats(stats: SubscriptionStats): string {
  const { subscription, topic, generation, floor, head, oldestPendingMs, consumers } = stats
  const unread = stats.pending - detail.reduce((sum, name) => sum + stats[name], 0)
  return fields([
    ['subscription', subscription],
    ['topic', topic],
    ['generation', String(generation)],
    ['floor / head', `${floor} / ${head}`],
    ...outcomes.map((name) => [name, stats[name].toLocaleString('en-US')] as const),
    ...detail.map((name) => [`  ${name}`, stats[name].toLocaleString('en-US')] as const),
    ['  not looked at', unread.toLocaleString('en-US')],
    ['oldest pending', stats.pending === 0 ? 'none' : duration(oldestPendingMs)],
    ['consumers', String(consumers)],
    ...(stats.outage ? [['outage', outageInWords(stats.outage)] as const] : []),
    ...(stats.paused ? [['paused', pauseInWords(stats.paused)] as const] : []),
  ])
}

function addWake(subscriptions: TidingsCommand): void {
  subscriptions
    .command('wake')
    .description('Hands out at once what its consumer put off until data would be there.')
    .example('tidings subscriptions wake mail.thanks 4f2k9.1042', 'one')
    .argument('<subscription>')
    .argument('<positions...>', 'which ones')
    .runs<[subscription: string, positions: string[]]>(
      async ({ broker, caller, output }, [subscription, positions]) => {
        const woken = await broker.wake(caller, { subscription, positions })
        await output.show(
          { subscription, woken },
          () => `${count(woken, 'event')} of ${subscription} handed out again.`,
        )
      },
    )
}

function addRemove(subscriptions: TidingsCommand): void {
  subscriptions
    .command('remove')
    .description('Removes a subscription with its progress, for good. The events stay in their topic.')
    .example('tidings subscriptions remove mail.thanks --dry-run', 'what would be lost')
    .argument('<subscription>')
    .option('-n, --dry-run', 'show what would be removed')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string], Confirmation>(async (session, [subscription], options) => {
      const { broker, caller, output } = session
      const { topic, floor, pending, dead } = await broker.stats(caller, subscription)
      const answer = { subscription, topic, floor, pending, dead, removed: !options.dryRun }
      const what = `the subscription ${subscription} with ${count(pending, 'pending event')} and ${count(dead, 'dead letter')}`
      if (options.dryRun) return output.show(answer, () => `This would remove ${what}.`)
      await confirm(session, `This removes ${what} for good`, options)
      await broker.removeSubscription(caller, subscription)
      await output.show(answer, () => `Removed ${what}.`)
    })
}
