import type { Environment } from '../../environment/index.ts'

/** Unique in this store by its count and everywhere by its random part. */
export function incarnationOf(count: number, environment: Environment): string {
  const random = environment.ids
    .next()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
  return (count.toString(36).padStart(4, '0') + random).slice(0, 16)
}
