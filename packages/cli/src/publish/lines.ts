import { CommandError } from '../failure.ts'

export interface Line {
  /** From 1. */
  readonly number: number
  readonly bytes: Uint8Array
}

const newline = 0x0a
const longestLine = 8_388_608

/**
 * The lines of a stream, byte for byte, without blank ones; together those that arrived together, so that nothing waits
 * for a batch to fill.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  let number = 0
  const finished = (end: Uint8Array): Line => ({ number: (number += 1), bytes: joined([...rest, end]) })
  for await (const chunk of chunks) {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      lines.push(finished(chunk.subarray(start, end)))
      rest = []
      restBytes = 0
      start = end + 1
    }
    rest.push(chunk.subarray(start))
    restBytes += chunk.length - start
    if (restBytes > longestLine)
      throw new CommandError(`Line ${number + 1} has more than ${longestLine} bytes; is this NDJSON?`)
    const filled = lines.filter(isFilled)
    if (filled.length > 0) yield filled
  }
  const last = finished(new Uint8Array(0))
  if (isFilled(last)) yield [last]
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function isFilled({ bytes }: Line): boolean {
  return bytes.some((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d)
}
