import type { SubscriptionDescription } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { describeSubscription } from './subscription-text.ts'

/** Both may be repeated, and neither loses anything, so nobody is asked. */
export function addPause(subscriptions: TidingsCommand): void {
  subscriptions
    .command('pause')
    .description(
      'Hands nothing out until it is resumed, whatever restarts meanwhile; what consumers have they may finish.',
    )
    .example('tidings subscriptions pause mail.thanks', 'no mail until further notice')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ broker, caller, output }, [subscription]) => {
      const description: SubscriptionDescription = await broker.pause(caller, subscription)
      await output.show(description, () => describeSubscription(description))
      output.note(`Paused; to go on: tidings subscriptions resume ${subscription}`)
    })
  subscriptions
    .command('resume')
    .description('Ends a pause.')
    .example('tidings subscriptions resume mail.thanks', 'go on')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ broker, caller, output }, [subscription]) => {
      const description = await broker.resume(caller, subscription)
      await output.show(description, () => describeSubscription(description))
      output.note('Resumed.')
    })
}
