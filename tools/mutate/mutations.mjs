import { deliveryMutations } from './delivery-mutations.mjs'
import { flowMutations } from './flow-mutations.mjs'
import { kitMutations } from './kit-mutations.mjs'
import { retentionMutations } from './retention-mutations.mjs'

/**
 * What every promise hangs on: a line of the source, and what happens when it is taken out. For each mutation at least
 * one of the named tests must turn red; a mutation that survives is a promise that nothing proves.
 *
 * @typedef {object} Mutation
 * @property {string} promise What the users would lose, in words.
 * @property {string} file Below `packages/tidings/src`.
 * @property {string} from Stands in the file exactly once.
 * @property {string} to
 * @property {readonly string[]} tests Test files below `packages/tidings/src`.
 */

export const mutations = [...deliveryMutations, ...flowMutations, ...kitMutations, ...retentionMutations]
