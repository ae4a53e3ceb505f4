import { randomBytes } from 'node:crypto'

/** Who sent a message, and as which one. */
export interface Identity {
  readonly producer: number
  readonly number: number
}

/** The sizes that are measured; the second one makes the headlines. */
export const payloadSizes = [100, 1_000, 10_000] as const

const producerDigits = 4
const numberDigits = 10
const head = '{"producer":'
const middle = ',"number":'
const producerAt = head.length
const numberAt = producerAt + producerDigits + middle.length
const restAt = numberAt + numberDigits

/** So many different ones, so that what compresses or caches does not see the same again at once. */
const variety = 64
const templates = new Map<number, readonly Buffer[]>()

/** JSON of exactly so many bytes (at least 80), half of it random, with the identity where `identityOf` finds it. */
export function payloadOf({ producer, number }: Identity, bytes: number): Buffer {
  const payload = Buffer.from(templatesOf(bytes)[number % variety]!)
  payload.write(String(producer).padStart(producerDigits), producerAt, 'latin1')
  payload.write(String(number).padStart(numberDigits), numberAt, 'latin1')
  return payload
}

/** Without parsing the rest. */
export function identityOf(message: Uint8Array): Identity {
  return { producer: digits(message, producerAt, producerDigits), number: digits(message, numberAt, numberDigits) }
}

function digits(message: Uint8Array, from: number, count: number): number {
  let value = 0
  for (let at = from; at < from + count; at++) {
    const digit = message[at]! - 0x30
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit !== -0x10) throw new Error('This message is not one that the benchmark has sent.')
  }
  return value
}

function templatesOf(bytes: number): readonly Buffer[] {
  const found = templates.get(bytes)
  if (found) return found
  const made = Array.from({ length: variety }, () => {
    const random = randomBytes(bytes)
      .toString('base64url')
      .slice(0, Math.floor(bytes / 2))
    const begin = `${head}${' '.repeat(producerDigits - 1)}0${middle}${' '.repeat(numberDigits - 1)}0,"random":"`
    const text = '","text":"'
    const end = '"}'
    // The frame of a small message takes from its text first.
    const noise = random.slice(0, Math.max(0, bytes - begin.length - text.length - end.length))
    const rest = bytes - begin.length - noise.length - text.length - end.length
    return Buffer.from(
      `${begin}${noise}${text}${'Lorem ipsum dolor sit amet. '.repeat(Math.ceil(rest / 28)).slice(0, rest)}${end}`,
    )
  })
  if (made[0]!.length !== bytes || restAt > bytes) throw new Error(`A payload of ${bytes} bytes is too small.`)
  templates.set(bytes, made)
  return made
}
