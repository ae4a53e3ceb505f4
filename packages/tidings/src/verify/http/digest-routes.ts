import { OpenSides, type Verifiable } from '../verifiable.ts'
import type { Routes } from './handler.ts'
import { cutOf, proofVersion, readRequest, wireRow } from './messages.ts'
import { Turns } from '../turns.ts'

/** Those who compare wait for each other, and for themselves. */
const atOnce = 2

/** What is asked of an owner to compare copies with what it owns. */
export function digestRoutes(entities: readonly Verifiable[]): Routes {
  const sides = new OpenSides(entities)
  const turns = new Turns(atOnce)
  return {
    async describe(body) {
      const { topic } = readRequest('describe', body)
      const { key, columns } = sides.entity(topic)
      return { version: proofVersion, key, columns }
    },
    async digests(body) {
      const { topic, columns, range, cut } = readRequest('digests', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, parts: await turns.take(() => side.digests(range, cutOf(cut))) }
    },
    async hashes(body) {
      const { topic, columns, range, limit } = readRequest('hashes', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, ...(await turns.take(() => side.hashes(range, limit))) }
    },
    async rows(body) {
      const { topic, columns, keys } = readRequest('rows', body)
      const side = await sides.side(topic, columns)
      return { version: proofVersion, rows: (await turns.take(() => side.find(keys))).map(wireRow) }
    },
  }
}
