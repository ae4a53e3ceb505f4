import type { Explanation } from '../broker/port/standing.ts'
import {
  areComparable,
  sameValues,
  type CopyHop,
  type Hops,
  type OwnerHop,
  type SubscriptionHop,
  type TopicEvent,
  type TopicHop,
} from './hops.ts'
import { againAbove, decide, nothing, publishAgain, redrive, wait, type Mend } from './mend.ts'
import { sameVersion, shownVersion, versionIn } from './version-text.ts'

/** Why a copy is different at a key. */
export type CauseKind =
  /** It is equal by now. */
  | 'none'
  /** The owner's row is another one than what it has told, and nothing waits: somebody wrote around the outbox, or took a row out of it. */
  | 'never-published'
  /** It waits in the owner's outbox. */
  | 'not-relayed'
  /** The contract or the broker refuses it. */
  | 'refused'
  /** The owner's database, or the copy's, is an older one than what was published or acknowledged says. */
  | 'restored'
  /** Its payload was removed for good, while the owner still has the row. */
  | 'erased'
  /** The subscription has not handed it out, or its consumer has it. */
  | 'not-delivered'
  | 'retrying'
  | 'parked'
  | 'dead-lettered'
  /** The subscription's filter leaves it out, or it began after it. */
  | 'not-wanted'
  /** It was removed before it could arrive. */
  | 'beyond-retention'
  /** The contract of the copy's service cannot read it. */
  | 'unreadable'
  /** It was acknowledged, and the table of the handler does not show it. */
  | 'effect-missing'
  /** The copy holds what an older event said, although a newer one was acknowledged. */
  | 'out-of-order'
  /** The copy holds what no event said. */
  | 'written-locally'
  /** The copy lacks a row that it had. */
  | 'deleted-behind'
  | 'changing'
  | 'unknown'

export interface Verdict {
  readonly kind: CauseKind
  /** In a sentence: what happened, as far as what was seen says it. */
  readonly text: string
  readonly mend: Mend
}

/**
 * Decides from what was seen at each hop: the first hop that does not have what the hop before it told is the cause. Pure,
 * and `unknown` where the evidence does not decide.
 */
export function causeOf(hops: Hops): Verdict {
  const { owner, topic, copy, isChanging } = hops
  if (isChanging) {
    return verdict('changing', 'It was written whenever it was looked at.', wait('Look again when it is left alone.'))
  }
  if (owner && owner.refusal === undefined && hasSame(owner, copy)) {
    return verdict('none', 'Owner and copy are equal by now.', nothing)
  }
  if (owner && !isTold(owner, topic)) return untold(owner, topic)
  return unarrived(hops)
}

function hasSame(owner: OwnerHop, copy: CopyHop): boolean {
  return owner.isPresent ? sameValues(owner.values, copy.values) : copy.values === undefined
}

/** Whether the newest event says what the owner has. */
function isTold(owner: OwnerHop, { newest, isTrimmed }: TopicHop): boolean {
  if (!newest) return !owner.isPresent && (owner.version === undefined || isTrimmed)
  if (newest.isDeleted) return !owner.isPresent
  if (!owner.isPresent || newest.values === undefined) return false
  if (owner.values !== undefined && !areComparable(owner, newest)) return sameVersion(owner.version, newest.version)
  return sameValues(owner.values, newest.values)
}

// ------------------------------------------------------------------------------------------- between owner and topic

function untold(owner: OwnerHop, topic: TopicHop): Verdict {
  const [held] = owner.held
  if (held) {
    const mend = `Mend what refuses it; then it is given back to the relay.`
    return verdict('refused', `The broker refused it (${held.code}): ${held.reason}`, { action: 'release', text: mend })
  }
  if (owner.unsent.length > 0) {
    return verdict('not-relayed', 'It is committed and waits for the relay.', wait('See to it that the relay runs.'))
  }
  if (owner.refusal !== undefined) {
    const mend = decide('Mend the row, or the contract; then publish it again.')
    return verdict('refused', `Its row cannot be published: ${owner.refusal}`, mend)
  }
  if (owner.isListing) {
    const text = 'The database, or the store of the broker, was restored, and everything is being published again.'
    return verdict('restored', text, wait('It goes on as long as the service runs.'))
  }
  return unwritten(owner, topic)
}

/** Nothing waits, and the topic has something else: the versions say why. */
function unwritten(owner: OwnerHop, { newest, stale }: TopicHop): Verdict {
  const { version } = owner
  if (newest?.isErased || (newest?.isDeleted && owner.isPresent && isErasure(newest, version))) {
    const mend = decide('Erase it in the owner as well, or change it there: a change publishes it again.')
    return verdict('erased', 'Its payload was removed for good, and the owner still has the row.', mend)
  }
  const isStale = stale !== undefined && sameVersion(stale.version, version)
  if (newest && (version === undefined || isStale || isOlder(version, newest.version))) {
    const given = version === undefined ? 'no version' : `version ${shownVersion(version)}`
    return verdict(
      'restored',
      `The owner has given ${given}, and the topic has ${shownVersion(newest.version)} already: its database, or its counter, is of an older state.`,
      publishAgain(newest.version),
    )
  }
  if (version !== undefined && (!newest || isOlder(newest.version, version))) {
    return verdict(
      'never-published',
      `Version ${shownVersion(version)} was given and is neither in the outbox nor in the topic: somebody took it out of the outbox, or the broker's store has lost it.`,
      publishAgain(),
    )
  }
  return verdict(
    'never-published',
    'Its row is not what was published last, and no transaction told of it: somebody wrote around the outbox.',
    publishAgain(),
  )
}

/** An erased entity is gone in the version of its last state. */
function isErasure(newest: TopicEvent, version: string | undefined): boolean {
  return version !== undefined && !version.endsWith('~') && sameVersion(newest.version, version)
}

function isOlder(left: string, right: string): boolean {
  return !sameVersion(left, right) && left < right
}

// -------------------------------------------------------------------------------------------- between topic and copy

function unarrived(hops: Hops): Verdict {
  const { owner, topic, subscription, copy } = hops
  const { newest } = topic
  if (!newest) return unheardOf(hops)
  if (copy.unread && copy.unread.version >= newest.version) {
    const mend = wait('Bring the contract of its service up to date; when it starts, it reads what it could not.')
    return verdict('unreadable', `The service of the copy cannot read it: ${copy.unread.reason}`, mend)
  }
  if (!owner && isApplied(newest, copy)) {
    return unknown('The copy has what was published last; what the owner has was not asked.')
  }
  const explanation = subscription?.explanation
  if (!explanation) return unknown('Nobody knows which subscription brings its events, or it is not there.')
  const left = notSettled(subscription, explanation, copy)
  if (left) return left
  if (explanation.position !== newest.position) return leftOut(subscription)
  return settled(hops, newest)
}

function isApplied(newest: TopicEvent, copy: CopyHop): boolean {
  return newest.isDeleted ? copy.values === undefined : sameValues(newest.values, copy.values)
}

/** The topic has nothing of the key. */
function unheardOf({ owner, topic, copy }: Hops): Verdict {
  if (copy.values === undefined) return unknown('Neither the topic nor the copy knows it.')
  // An owner that never gave a version of it never had it.
  if (topic.isTrimmed && (!owner || owner.version !== undefined)) {
    const text = 'Its deletion was removed by retention before the copy applied it.'
    return verdict('beyond-retention', text, againAbove(copy, undefined))
  }
  return verdict('written-locally', 'The copy has a row of which no event ever told.', againAbove(copy, undefined))
}

/** What the subscription says of an event that its consumer has not finished with; nothing where it has. */
function notSettled(hop: SubscriptionHop, explanation: Explanation, copy: CopyHop): Verdict | undefined {
  const { subscription } = hop
  const { position } = explanation
  switch (explanation.state) {
    case 'settled':
      return undefined
    case 'before-start':
      // A replica lists what was there before its subscription.
      if (copy.keepsVersions) return undefined
      return verdict('not-wanted', `${subscription} began after it.`, decide('Move the subscription back.'))
    case 'filtered':
      return leftOut(hop)
    case 'retrying':
      return verdict(
        'retrying',
        `It failed ${explanation.attempts} times at ${subscription}: ${explanation.reason}`,
        wait('Mend what it fails at; it is tried again.'),
      )
    case 'dead':
      return explanation.reason.startsWith('unreadable')
        ? verdict('unreadable', `${subscription} gave it up: ${explanation.reason}`, redrive(position))
        : verdict('dead-lettered', `${subscription} gave it up: ${explanation.reason}`, redrive(position))
    case 'parked':
      return verdict(
        'parked',
        `It waits at ${subscription} behind ${explanation.deadLetter === undefined ? 'others of its key' : `the dead letter ${explanation.deadLetter}`}.`,
        explanation.deadLetter === undefined
          ? wait('They go on one after the other.')
          : redrive(explanation.deadLetter),
      )
    case 'skipped':
    case 'beyond-retention':
      return verdict('beyond-retention', `It was removed before ${subscription} got it.`, publishAgain())
    case 'leased':
      if (explanation.attempt === 1)
        return verdict('not-delivered', `A consumer of ${subscription} has it.`, inFlight(explanation))
      return verdict(
        'retrying',
        `A consumer of ${subscription} has it, in attempt ${explanation.attempt}.`,
        wait('Mend what it fails at; it is tried again.'),
      )
    case 'unread':
    case 'ready':
    case 'behind':
    case 'scheduled':
    case 'waiting':
      return verdict('not-delivered', `At ${subscription} it is ${explanation.state}.`, inFlight(explanation))
  }
}

function leftOut({ subscription }: SubscriptionHop): Verdict {
  return verdict('not-wanted', `The filter of ${subscription} leaves it out.`, decide('Change the filter.'))
}

function inFlight(explanation: Explanation): Mend {
  if (explanation.state === 'ready' && explanation.heldBack === 'paused') return decide('Resume the subscription.')
  return wait('See to it that its consumer runs.')
}

/** The event was acknowledged, so the copy had to have it. */
function settled({ topic, subscription, copy }: Hops, newest: TopicEvent): Verdict {
  if (subscription?.isAheadOfCopy) {
    const text = `${subscription.subscription} has acknowledged more than this database knows of: it was restored to an older state.`
    return verdict(
      'restored',
      text,
      wait('The service that keeps the copy notices when it starts, and fills it again.'),
    )
  }
  const isComparable = newest.values === undefined || areComparable(newest, copy)
  if (!copy.keepsVersions) {
    if (!isComparable) return otherSchema(newest, copy)
    const text = 'It was acknowledged, and the table does not show it: its handler did something else, or somebody did.'
    return verdict('effect-missing', text, takesAgain(subscription, newest) ? publishAgain() : againByHand)
  }
  const mend = againAbove(copy, newest)
  if (copy.values === undefined) {
    return verdict('deleted-behind', 'The copy has applied it, and its row is gone: somebody deleted it there.', mend)
  }
  const { version = '' } = copy
  const said = topic.earlier.find((event) => event.version === version)
  const isSaid = said && areComparable(said, copy) ? sameValues(said.values, copy.values) : versionIn(version)
  if (version < newest.version && isSaid) {
    const text = `The copy holds version ${shownVersion(version)}, although ${shownVersion(newest.version)} was acknowledged.`
    return verdict('out-of-order', text, mend)
  }
  if (version === newest.version && !isComparable) return otherSchema(newest, copy)
  const text = `The copy says version ${shownVersion(version)} and has values that no event of it had: somebody wrote them there.`
  return verdict('written-locally', text, mend)
}

/** Whether a handler gets what is published again, which is a change, or a deletion. */
function takesAgain(subscription: SubscriptionHop | undefined, { isDeleted }: TopicEvent): boolean {
  const end = isDeleted ? '.deleted' : '.updated'
  return subscription?.types?.some((type) => type.endsWith(end)) ?? true
}

const againByHand = decide(
  'Its handler does not take what is published again, which is a change: move its subscription back to the event, or mend the table by hand.',
)

function otherSchema(newest: TopicEvent, copy: CopyHop): Verdict {
  return unknown(
    `What was published last is in version ${newest.schema} of its schema, and what is compared with it in ${copy.schema}: it takes the entity with its upcasts to compare them.`,
  )
}

function verdict(kind: CauseKind, text: string, mend: Mend): Verdict {
  return { kind, text, mend }
}

function unknown(text: string): Verdict {
  return verdict('unknown', text, decide('Look at what was seen at each hop.'))
}
