import { TidingsError } from '../errors.ts'

/** What a namespace answers to what it cannot do. */

export function conflict(topic: string, why: string): TidingsError {
  return new TidingsError('topic-conflict', `Topic ${topic} ${why}; choose another name.`, { details: { topic } })
}

export function unknownPosition(position: string, why: string): TidingsError {
  return new TidingsError(
    'position-unknown',
    `Position ${position} ${why}; load the full state again and go on from there.`,
    { details: { position } },
  )
}

/** The owner of a subscription is told from its name. */
export function refuseWithoutService(subscription: string): void {
  if (subscription.includes('.')) return
  throw new TidingsError(
    'name-invalid',
    `"${subscription}" is not a subscription name: it begins with the name of its service, as in "marketing.${subscription}".`,
  )
}
