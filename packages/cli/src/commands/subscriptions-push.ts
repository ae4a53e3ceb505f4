import { Option } from 'commander'
import type { PushDescription } from 'tidings/protocol'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { count, duration, fields, time, visible } from '../text.ts'

interface SetOptions {
  readonly format?: PushDescription['format']
  readonly timeoutMs?: number
  readonly rotate?: boolean
}

/** What a server posts to others. */
export function addPush(subscriptions: TidingsCommand): void {
  const push = subscriptions
    .command('push')
    .description('Posts the deliveries of a subscription to a URL, signed as Standard Webhooks.')
    .example('tidings subscriptions push set partner.orders https://hooks.example.com/orders', 'begin')
    .example('tidings subscriptions push show partner.orders', 'how it goes')
  addSet(push)
  addShow(push)
  addResume(push)
  addRemove(push)
}

function addSet(push: TidingsCommand): void {
  push
    .command('set')
    .description('Sets the URL, and prints the secret that is made for it: once, so keep it.')
    .example('tidings subscriptions push set partner.orders https://hooks.example.com/orders', 'begin')
    .example(
      'tidings subscriptions push set partner.orders https://hooks.example.com/orders --rotate',
      'another secret; the one before stays valid until the next change',
    )
    .argument('<subscription>')
    .argument('<url>', 'https, and a public address, unless the server allows others')
    .addOption(new Option('--format <format>', 'how events are posted').choices(['structured', 'binary', 'batch']))
    .option('--timeout-ms <duration>', 'for one answer; 15000', wholeNumber({ least: 100, most: 60_000 }))
    .option('--rotate', 'make another secret')
    .runs<[subscription: string, url: string], SetOptions>(
      async ({ push: operator, caller, output }, [subscription, url], { format, timeoutMs, rotate }) => {
        const request = {
          subscription,
          url,
          ...(format && { format }),
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(rotate && { secrets: 'rotate' as const }),
        }
        const description = await operator.put(caller, request)
        await output.show(description, () => describePush(description))
        if (description.secret !== undefined) output.note('Keep the secret: it is shown this once.')
      },
    )
}

function addShow(push: TidingsCommand): void {
  push
    .command('show')
    .description('Says where a subscription is pushed to, and why not where it is not.')
    .example('tidings subscriptions push show partner.orders', 'how it goes')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ push: operator, caller, output }, [subscription]) => {
      const description = await operator.describe(caller, subscription)
      await output.show(description, () => describePush(description))
    })
}

function addResume(push: TidingsCommand): void {
  push
    .command('resume')
    .description('Goes on with a push that is disabled, from where it ended.')
    .example('tidings subscriptions push resume partner.orders', 'the endpoint is well again')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ push: operator, caller, output }, [subscription]) => {
      const description = await operator.resume(caller, subscription)
      await output.show(description, () => describePush(description))
    })
}

function addRemove(push: TidingsCommand): void {
  push
    .command('remove')
    .description('Ends a push, for good. The subscription stays, and its deliveries wait for consumers.')
    .example('tidings subscriptions push remove partner.orders --dry-run', 'what would end')
    .argument('<subscription>')
    .option('-n, --dry-run', 'show what would be removed')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string], Confirmation>(async (session, [subscription], options) => {
      const { push: operator, caller, output } = session
      const { url } = await operator.describe(caller, subscription)
      const what = `the push of ${subscription} to ${visible(url)}, with its secrets`
      const answer = { subscription, url, removed: !options.dryRun }
      if (options.dryRun) return output.show(answer, () => `This would remove ${what}.`)
      await confirm(session, `This removes ${what}`, options)
      await operator.remove(caller, subscription)
      await output.show(answer, () => `Removed ${what}.`)
    })
}

function describePush(description: PushDescription): string {
  const { subscription, url, format, timeoutMs, secrets, secret, state, reason, since, setBy } = description
  const { failingSince, retryForMs, requestsPerMinute, lastSuccessAt, lastFailure } = description
  const rows: readonly (readonly [string, string | false | undefined])[] = [
    ['subscription', subscription],
    ['url', visible(url)],
    ['state', `${state} since ${time(since)}`],
    ['why', reason !== undefined && visible(reason)],
    ['secret', secret],
    ['signed with', count(secrets, 'secret')],
    ['format', format],
    ['time-out', duration(timeoutMs)],
    ['at most', requestsPerMinute !== undefined && `${count(requestsPerMinute, 'request')} a minute`],
    ['failing since', failingSince !== undefined && `${time(failingSince)}; disabled after ${duration(retryForMs)}`],
    ['last success', lastSuccessAt !== undefined && time(lastSuccessAt)],
    ['last failure', lastFailure && `${time(lastFailure.at)}: ${visible(lastFailure.reason)}`],
    ['set by', setBy],
  ]
  return fields(rows.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])))
}
