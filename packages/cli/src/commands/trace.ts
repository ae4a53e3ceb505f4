import type { EntityOwner } from 'tidings/drift'
import { repeated, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { traceText } from '../drift/trace-text.ts'
import { openTracedCopies } from '../drift/traced-copies.ts'
import { explained } from '../postgres.ts'
import type { Session } from '../session.ts'
import { ownerAddress } from '../verify/sides.ts'

interface TraceOptions {
  readonly max: number
  readonly scan: number
  readonly owner?: string
  readonly secret?: string
  readonly copy?: readonly string[]
  readonly copyTable?: string
}

export function addTrace(program: TidingsCommand): void {
  program
    .command('trace')
    .description(
      'Follows what has one key: when its events were made and stored, and where they stand at each subscription; from the row of its owner to each copy where these are named.',
    )
    .example('tidings trace crm.customer c1', 'the life of one entity')
    .example(
      'tidings trace crm.customer c1 --owner https://crm.example/proofs --copy ./sales.db',
      'and what its owner and a copy have',
    )
    .example('tidings trace sales.order-placed o7 --scan 100000', 'of plain events, further back in the topic')
    .argument('<topic>')
    .argument('<key>')
    .option('--max <count>', 'how many events, the newest', wholeNumber({ least: 1, most: 100 }), 10)
    .option(
      '--scan <count>',
      'how many events of the topic to look through for those that are not the newest',
      wholeNumber({ least: 0, most: 100_000 }),
      10_000,
    )
    .option(
      '--owner <url>',
      'where the service that owns the entity serves its digests, to ask it for its row and outbox',
    )
    .option('--secret <text>', 'the secret of the owner (TIDINGS_SECRET, which keeps it off the list of processes)')
    .option(
      '--copy <file>',
      'the SQLite file of a copy, or postgres:// and where its database is; several times',
      repeated,
    )
    .option('--copy-table <name>', 'the table of the copies; that of a replica which was given no other')
    .runs<[topic: string, key: string], TraceOptions>(async (session, [topic, key], options) => {
      try {
        await trace(session, { ...options, topic, key })
      } catch (error) {
        throw explained(error)
      }
    })
}

async function trace(
  session: Session,
  options: TraceOptions & { readonly topic: string; readonly key: string },
): Promise<void> {
  const { topic, key, max, scan, copy = [], copyTable } = options
  const { broker, caller, output } = session
  const { traceKey } = await import('tidings/drift')
  const owner = await ownerOf(session, options)
  await using opened = await openTracedCopies(copy, { topic, ...(copyTable !== undefined && { table: copyTable }) })
  const { copies } = opened
  const found = await traceKey({ broker, caller, topic, key, limit: max, scan, copies, ...(owner && { owner }) })
  await output.show(found, () => traceText(found))
}

async function ownerOf(
  session: Session,
  { owner, secret, topic }: TraceOptions & { readonly topic: string },
): Promise<EntityOwner | undefined> {
  if (owner === undefined) return undefined
  const { remoteOwner } = await import('tidings/drift')
  return remoteOwner({ ...ownerAddress(session, { owner, ...(secret !== undefined && { secret }) }), topic })
}
