import type { Broker, Caller, SubscriptionStats } from 'tidings/broker'
import type { Figure, Series } from './exposition.ts'

type Reading = readonly [name: string, help: string, read: (stats: SubscriptionStats) => number]

const readings: readonly Reading[] = [
  ['tidings_backlog_messages', 'Events that a subscription has not settled yet.', ({ pending }) => pending],
  [
    'tidings_oldest_unacked_age_seconds',
    'Age of the oldest event that is not settled; 0 when there is none.',
    ({ oldestPendingMs }) => oldestPendingMs / 1_000,
  ],
  ['tidings_inflight_messages', 'Deliveries that are leased.', ({ leased }) => leased],
  ['tidings_dead_letters_messages', 'Dead letters that wait for an operator.', ({ dead }) => dead],
  ['tidings_unreadable_messages', 'Dead letters that a consumer could not read.', ({ unreadable }) => unreadable],
  ['tidings_parked_messages', 'Events that wait behind a dead letter of their key.', ({ parked }) => parked],
  ['tidings_scheduled_messages', 'Events that wait for their time.', ({ scheduled }) => scheduled],
  ['tidings_consumers', 'Consumers that wait for deliveries.', ({ consumers }) => consumers],
]

/** How the subscriptions stand that a caller may see, asked for when somebody looks. */
export async function subscriptionFigures(broker: Broker, callers: readonly Caller[]): Promise<readonly Figure[]> {
  const standing: { readonly namespace: string; readonly stats: SubscriptionStats }[] = []
  for (const caller of callers) {
    for (const { subscription } of await broker.subscriptions(caller)) {
      // One that is removed in this moment has no figures.
      const stats = await broker.stats(caller, subscription).catch(() => undefined)
      if (stats) standing.push({ namespace: caller.namespace, stats })
    }
  }
  return readings.map(([name, help, read]) => ({
    name,
    help,
    type: 'gauge',
    series: standing.map(({ namespace, stats }): Series => ({
      labels: { namespace, subscription: stats.subscription, topic: stats.topic },
      value: read(stats),
    })),
  }))
}
