import type { Explanation } from 'tidings/broker'
import { time } from './text.ts'

/** What the state of an event at a subscription means, in a sentence, with the command that helps where it needs one. */
export function meaning(subscription: string, explanation: Explanation): string {
  switch (explanation.state) {
    case 'before-start':
      return 'the subscription began after it.'
    case 'filtered':
      return 'the filter of the subscription does not want its type.'
    case 'skipped':
      return 'never delivered, because a newer version of its entity was there already or its payload was erased.'
    case 'settled':
      return 'acknowledged, or made needless by a newer event of its key.'
    case 'beyond-retention':
      return 'the topic has removed it; whether it was consumed before is not known any more.'
    case 'unread':
      return 'further on than the subscription has looked; it waits for consumers to take what is before it.'
    case 'ready':
      return explanation.heldBack === undefined
        ? 'the next consumer gets it; where none comes, none is running.'
        : `held back: ${heldBackBy(subscription)[explanation.heldBack]}.`
    case 'behind':
      return `${explanation.head} is the first open event of its key "${explanation.key}"; explain that one.`
    case 'parked':
      if (explanation.deadLetter === undefined)
        return `waits behind others of its key "${explanation.key}", which go on one after the other.`
      return (
        `behind the dead letter ${explanation.deadLetter} of its key "${explanation.key}"; ` +
        `tidings dead-letters redrive ${subscription} ${explanation.deadLetter} lets it go on.`
      )
    case 'scheduled':
      return `waits for its time, ${time(explanation.at)}.`
    case 'leased': {
      const until = explanation.until === undefined ? 'as long as it is connected' : `until ${time(explanation.until)}`
      return `the consumer ${explanation.holder} has it, attempt ${explanation.attempt}, ${until}.`
    }
    case 'retrying':
      return `failed ${times(explanation.attempts)} (${explanation.reason}); tried again at ${time(explanation.at)}.`
    case 'waiting':
      return `its consumer waits for data (${explanation.reason}); handed out again at ${time(explanation.at)} at the latest.`
    case 'dead':
      return `given up at ${time(explanation.at)}, after ${times(explanation.attempts)}: ${explanation.reason}`
  }
}

function heldBackBy(
  subscription: string,
): Readonly<Record<NonNullable<(Explanation & { state: 'ready' })['heldBack']>, string>> {
  return {
    paused: `an operator paused the subscription; tidings subscriptions resume ${subscription} ends that`,
    outage: `what its consumers need is out of reach; tidings subscriptions stats ${subscription} says what`,
    interval: 'the interval in which its key gets one event (coalesceMs) is not over',
    'max-in-flight': 'as many events as its policy allows (maxInFlight) are with consumers',
    'seek-rate': 'the last seek (perSecond) lets no more through at present',
    rate: 'its policy (rate) lets no more through at present',
  }
}

function times(attempts: number): string {
  return attempts === 1 ? 'one attempt' : `${attempts} attempts`
}
