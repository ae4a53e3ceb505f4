import { OpenSides, type Verifiable } from '../verifiable.ts'
import type { Routes } from './handler.ts'
import { cutOf, proofVersion, readRequest, wireRow } from './messages.ts'

/** What is asked of an owner to compare copies with what it owns. */
export function digestRoutes(entities: readonly Verifiable[]): Routes {
  const sides = new OpenSides(entities)
  return {
    async describe(body) {
      const { topic } = readRequest('describe', body)
      const { key, columns } = sides.entity(topic)
      return { version: proofVersion, key, columns }
    },
    async digests(body) {
      const { topic, columns, range, cut } = readRequest('digests', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, parts: await side.digests(range, cutOf(cut)) }
    },
    async hashes(body) {
      const { topic, columns, range, limit } = readRequest('hashes', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, ...(await side.hashes(range, limit)) }
    },
    async rows(body) {
      const { topic, columns, keys } = readRequest('rows', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, rows: (await side.find(keys)).map(wireRow) }
    },
  }
}
