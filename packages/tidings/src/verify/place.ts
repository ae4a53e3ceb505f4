import { TidingsError } from '../errors.ts'

/** How far a comparison has come. */
export interface Place {
  /** The last key that was passed; absent at the beginning. */
  readonly after?: string
  readonly isAtEnd: boolean
  readonly source: number
  readonly copy: number
  readonly differences: number
  readonly changing: number
  /** Keys that were passed and are not judged yet. */
  readonly doubts: readonly string[]
}

const placeVersion = 1

export const beginning: Place = { isAtEnd: false, source: 0, copy: 0, differences: 0, changing: 0, doubts: [] }

/** A text to keep and to go on from: JSON with the number of its form. */
export function formatPlace(place: Place): string {
  return JSON.stringify({ version: placeVersion, ...place })
}

export function readPlace(text: string): Place {
  let place: Partial<Place> & { readonly version?: unknown }
  try {
    place = JSON.parse(text) as typeof place
  } catch (cause) {
    throw refusal('it is no JSON', cause)
  }
  if (place?.version !== placeVersion) throw refusal(`it is of the form ${JSON.stringify(place?.version) ?? 'none'}`)
  const { after, isAtEnd, source, copy, differences, changing, doubts } = place
  const isSound =
    ['undefined', 'string'].includes(typeof after) &&
    typeof isAtEnd === 'boolean' &&
    [source, copy, differences, changing].every((each) => Number.isSafeInteger(each)) &&
    Array.isArray(doubts) &&
    doubts.every((key) => typeof key === 'string')
  if (!isSound) throw refusal('something of it is missing')
  return place as Place
}

function refusal(why: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'bad-request',
    `This is not where a comparison can go on (${why}); give the last "place" of its progress, or begin anew.`,
    cause === undefined ? {} : { cause },
  )
}
