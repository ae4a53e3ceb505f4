import { posix } from 'node:path'
import { asyncapiMutations } from './asyncapi-mutations.mjs'
import { attemptMutations } from './attempt-mutations.mjs'
import { backupMutations } from './backup-mutations.mjs'
import { captureMutations } from './capture-mutations.mjs'
import { commandMutations } from './command-mutations.mjs'
import { contractMutations } from './contract-mutations.mjs'
import { compatibilityMutations } from './compatibility-mutations.mjs'
import { databaseMutations } from './database-mutations.mjs'
import { deliveryMutations } from './delivery-mutations.mjs'
import { descriptionMutations } from './description-mutations.mjs'
import { digestMutations } from './digest-mutations.mjs'
import { driftMutations } from './drift-mutations.mjs'
import { eventMutations } from './event-mutations.mjs'
import { exampleMutations } from './example-mutations.mjs'
import { extractMutations } from './extract-mutations.mjs'
import { filterMutations } from './filter-mutations.mjs'
import { flowMutations } from './flow-mutations.mjs'
import { followMutations } from './follow-mutations.mjs'
import { guardMutations } from './guard-mutations.mjs'
import { kitMutations } from './kit-mutations.mjs'
import { leaseMutations } from './lease-mutations.mjs'
import { moveMutations } from './move-mutations.mjs'
import { operatorMutations } from './operator-mutations.mjs'
import { outboxMutations } from './outbox-mutations.mjs'
import { postgresMutations } from './postgres-mutations.mjs'
import { pushMutations } from './push-mutations.mjs'
import { scheduleMutations } from './schedule-mutations.mjs'
import { serverMutations } from './server-mutations.mjs'
import { spoolMutations } from './spool-mutations.mjs'
import { standingMutations } from './standing-mutations.mjs'
import { taskMutations } from './task-mutations.mjs'
import { readingMutations } from './reading-mutations.mjs'
import { retentionMutations } from './retention-mutations.mjs'
import { schemaMutations } from './schema-mutations.mjs'
import { verifyMutations } from './verify-mutations.mjs'
import { togetherMutations } from './together-mutations.mjs'
import { wakeUpMutations } from './wake-up-mutations.mjs'

/**
 * What every promise hangs on: a line of the source, and what happens when it is taken out. For each mutation at least
 * one of the named tests must turn red; a mutation that survives is a promise that nothing proves.
 *
 * @typedef {object} Mutation
 * @property {string} promise What the users would lose, in words.
 * @property {string} file Where the lists below say.
 * @property {string} from Stands in the file exactly once.
 * @property {string} to
 * @property {readonly string[]} tests Test files, relative to the same folder as the file.
 * @property {boolean} [programs] Whether the tests start programs of the build, which have to be built with the mutation.
 * @property {string} [name] Of the tests that are run, where the files hold many others: a regular expression.
 */

/** @type {readonly Mutation[]} */
export const mutations = [
  ...below('packages/tidings/src', [
    ...deliveryMutations,
    ...eventMutations,
    ...leaseMutations,
    ...attemptMutations,
    ...standingMutations,
    ...flowMutations,
    ...filterMutations,
    ...taskMutations,
    ...operatorMutations,
    ...scheduleMutations,
    ...captureMutations,
    ...backupMutations,
    ...postgresMutations,
    ...databaseMutations,
    ...moveMutations,
    ...followMutations,
    ...spoolMutations,
    ...outboxMutations,
    ...kitMutations,
    ...readingMutations,
    ...contractMutations,
    ...retentionMutations,
    ...verifyMutations,
    ...digestMutations,
    ...compatibilityMutations,
    ...schemaMutations,
    ...driftMutations,
    ...extractMutations,
    ...wakeUpMutations,
  ]),
  ...below('packages/server/src', [
    ...guardMutations,
    ...pushMutations,
    ...serverMutations,
    ...descriptionMutations,
    ...asyncapiMutations,
    ...togetherMutations,
  ]),
  ...below('packages/cli/src', commandMutations),
  ...below('examples/retail/src', exampleMutations),
]

/**
 * The same mutations with paths from the root of the repository on.
 *
 * @param {string} folder
 * @param {readonly Mutation[]} list
 * @returns {readonly Mutation[]}
 */
function below(folder, list) {
  return list.map((mutation) => ({
    ...mutation,
    file: posix.join(folder, mutation.file),
    tests: mutation.tests.map((test) => posix.join(folder, test)),
  }))
}
