/** What a lease token says to the broker; to everybody else it is opaque. */
export interface LeaseToken {
  readonly shard: number
  readonly generation: number
  readonly offset: number
  /** `<epoch>-<number>`: never given twice. */
  readonly id: string
}

const format = /^(\d{1,5})\.(\d{1,9})\.(\d{1,16})\.(\d{1,12}-\d{1,12})$/

export function formatLeaseToken(token: LeaseToken): string {
  return `${token.shard}.${token.generation}.${token.offset}.${token.id}`
}

/** `undefined` for what no broker ever gave. */
export function parseLeaseToken(text: string): LeaseToken | undefined {
  const match = format.exec(text)
  return match
    ? { shard: Number(match[1]), generation: Number(match[2]), offset: Number(match[3]), id: match[4]! }
    : undefined
}
