import type { Position } from '../event/index.ts'

/** The two parts of a position; what the number means is known within one life of a topic only. */
export function parse(position: Position): { incarnation: string; number: number } {
  const [incarnation = '', number = '0'] = position.split('.')
  return { incarnation, number: Number(number) }
}
