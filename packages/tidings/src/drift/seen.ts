import type { Hops, OwnerHop, SubscriptionHop, TopicHop, CopyHop } from './hops.ts'
import { shownVersion } from './version-text.ts'

/** What was seen at one hop, in words. */
export interface Seen {
  readonly hop: 'owner' | 'outbox' | 'topic' | 'subscription' | 'copy'
  readonly text: string
}

/** What was seen of a key at each hop, in the order of its way. */
export function seenAt({ owner, topic, subscription, copy }: Hops): readonly Seen[] {
  return [
    ...(owner ? ownerSeen(owner) : [seen('owner', 'was not asked')]),
    ...topicSeen(topic),
    seen('subscription', subscription ? subscriptionText(subscription) : 'nobody knows which one it is'),
    seen('copy', copyText(copy)),
  ]
}

function ownerSeen({ isPresent, refusal, version, unsent, held, isListing }: OwnerHop): readonly Seen[] {
  const row = isPresent ? 'has the row' : 'has no row'
  const given = version === undefined ? 'no version was ever given' : `version ${shownVersion(version)} was given last`
  const [first] = unsent
  const [refused] = held
  const waiting = [
    ...(first ? [`${counted(unsent.length)} since ${instant(first.writtenAt)}`] : []),
    ...(refused ? [`${counted(held.length)} held since ${instant(refused.heldAt)} (${refused.code})`] : []),
    ...(isListing ? ['everything is being published again'] : []),
  ]
  return [
    seen('owner', `${row}, ${given}${refusal === undefined ? '' : `; it cannot be published: ${refusal}`}`),
    seen('outbox', waiting.length === 0 ? 'nothing waits' : waiting.join(', ')),
  ]
}

function topicSeen({ newest, stale, isTrimmed }: TopicHop): readonly Seen[] {
  if (!newest)
    return [seen('topic', isTrimmed ? 'has nothing of it; retention has removed something' : 'has nothing of it')]
  const what = newest.isDeleted ? 'its deletion' : newest.isErased ? 'its state, erased' : 'its state'
  const text = `${what} in version ${shownVersion(newest.version)} at ${newest.position}, stored ${instant(newest.appendedAt)}`
  if (!stale) return [seen('topic', text)]
  return [
    seen('topic', `${text}; version ${shownVersion(stale.version)} came later, at ${stale.position}, and is older`),
  ]
}

function subscriptionText({ subscription, explanation, isAheadOfCopy }: SubscriptionHop): string {
  const state = explanation ? `${explanation.position} is ${explanation.state}` : 'has nothing of it'
  return `${subscription}: ${state}${isAheadOfCopy ? '; it has acknowledged more than the copy knows of' : ''}`
}

function copyText({ values, keepsVersions, version, deletedVersion, unread }: CopyHop): string {
  const row = values ? 'has a row' : 'has no row'
  const told = version === undefined ? '' : ` of version ${shownVersion(version)}`
  const gone = deletedVersion === undefined ? '' : `; it deleted version ${shownVersion(deletedVersion)}`
  const missed = unread === undefined ? '' : `; it could not read version ${shownVersion(unread.version)}`
  return `${row}${told}${gone}${missed}${keepsVersions ? '' : '; it keeps no versions'}`
}

function seen(hop: Seen['hop'], text: string): Seen {
  return { hop, text }
}

function counted(events: number): string {
  return events === 1 ? '1 event waits' : `${events} events wait`
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
