import { isDeepStrictEqual } from 'node:util'
import { TidingsError } from 'tidings'
import type { SubscriptionDefinition, SubscriptionDescription, SubscriptionFilter } from 'tidings/broker'
import { commaSeparated, jsonObject } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { policyOf, takePolicy, type PolicyOptions } from './subscription-policy.ts'
import { describeSubscription } from './subscription-text.ts'

interface CreateOptions extends PolicyOptions {
  readonly topic?: string
  readonly from?: string
  readonly types?: readonly string[]
  readonly filter?: SubscriptionFilter
  readonly update?: boolean
}

export function addCreateSubscription(subscriptions: TidingsCommand): void {
  const create = subscriptions
    .command('create')
    .description('Creates a subscription. Its topic is fixed then; --update changes its filter and its policy.')
    .example(
      'tidings subscriptions create mail.thanks --topic sales.order-placed --from end',
      'what comes from here on',
    )
    .example(
      'tidings subscriptions create search.copy --topic crm.customer --from beginning --on-dead-letter supersede',
      'a copy',
    )
    .example('tidings subscriptions create mail.thanks --update --max-attempts 5', 'give up sooner')
    .example('tidings subscriptions create web.flags --update --expires-after 7d', 'do not let it hold a disk for ever')
    .example('tidings subscriptions create mail.thanks --update --rate 10 --burst 20', 'spare what it calls')
    .argument('<subscription>', '<service>.<name>')
    .option('--topic <topic>', 'whose events it wants')
    .option('--from <where>', 'where it starts: "beginning", "end" or a position to go on after')
    .option('--types <types>', 'only these event types, separated by commas', commaSeparated)
    .option('--filter <json>', 'only events whose attributes fit, as {"prefix":{"subject":"eu/"}}', jsonObject)
  takePolicy(create)
    .option('--update', 'change the filter or the policy of a subscription that exists')
    .runs<[subscription: string], CreateOptions>(async ({ broker, caller, output }, [subscription], options) => {
      const existing = await unlessUnknown(broker.subscription(caller, subscription))
      const definition = definitionOf(subscription, options, existing)
      if (existing && !options.update) refuseChange(existing, definition)
      const description = await broker.putSubscription(caller, definition)
      await output.show(description, () => describeSubscription(description))
      output.note(existing ? (options.update ? 'Updated.' : 'It existed already; --from changes nothing.') : 'Created.')
    })
}

function definitionOf(
  subscription: string,
  options: CreateOptions,
  existing: SubscriptionDescription | undefined,
): SubscriptionDefinition {
  if (!existing && options.update) {
    throw new UsageError(`There is no subscription ${subscription} to update; leave out --update to create it.`)
  }
  const topic = options.topic ?? existing?.topic
  const from = options.from ?? existing?.floor
  if (topic === undefined) throw new UsageError(`Say whose events ${subscription} wants with --topic <topic>.`)
  if (from === undefined) {
    throw new UsageError(`Say where ${subscription} starts with --from: "beginning", "end" or a position.`)
  }
  const { types: typesBefore, ...dialectsBefore } = existing?.filter ?? {}
  const types = options.types ?? typesBefore
  return {
    subscription,
    topic,
    from,
    filter: { ...(types && { types }), ...(options.filter ?? dialectsBefore) },
    policy: policyOf(options, existing?.policy),
  }
}

/** Repeating a command is fine; changing a subscription by accident is not. The broker refuses another topic itself. */
function refuseChange(existing: SubscriptionDescription, wanted: SubscriptionDefinition): void {
  const same = isDeepStrictEqual(existing.filter, wanted.filter) && isDeepStrictEqual(existing.policy, wanted.policy)
  if (same) return
  throw new TidingsError(
    'subscription-conflict',
    `The subscription ${existing.subscription} exists already with another filter or policy; add --update to change it.`,
  )
}

async function unlessUnknown(asked: Promise<SubscriptionDescription>): Promise<SubscriptionDescription | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'subscription-unknown') return undefined
    throw error
  }
}
