import { checkCompatibility } from '@tidings/server'
import { TidingsError } from 'tidings'
import type { ContractDescription, ContractFinding, ContractTypeDescription } from 'tidings/broker'
import type { Session } from '../session.ts'
import { currentRevision, type Lock, type LockedType } from './lock.ts'

/** How a type that was fetched stands to what is registered now. */
export interface CheckedType {
  readonly service: string
  readonly type: string
  readonly verdict: 'same' | 'compatible' | 'undecided' | 'incompatible'
  readonly findings: readonly ContractFinding[]
}

/** Whether what was fetched can still read what is published now, and what was published before. */
export async function checkLock({ broker, caller }: Session, lock: Lock): Promise<readonly CheckedType[]> {
  const checked: CheckedType[] = []
  for (const [service, { types }] of Object.entries(lock.contracts)) {
    const registered = await broker.contract(caller, service).catch(unlessUnknown)
    for (const [type, locked] of Object.entries(types)) {
      const found = registered?.topics.flatMap((topic) => topic.types).find((each) => each.type === type)
      checked.push({ service, type, ...(await checkType(service, locked, found)) })
    }
  }
  return checked
}

function unlessUnknown(error: unknown): ContractDescription | undefined {
  if (error instanceof TidingsError && error.code === 'contract-unknown') return undefined
  throw error
}

type Checked = Pick<CheckedType, 'verdict' | 'findings'>

async function checkType(
  service: string,
  locked: LockedType,
  registered: ContractTypeDescription | undefined,
): Promise<Checked> {
  const again = `fetch it again with: tidings contract add ${service}`
  if (!registered) return broken('type-unknown', `It is registered no more; ${again}`)
  const newest = registered.versions.at(-1)
  const version = registered.versions.find((each) => each.version === locked.version)
  if (locked.version < registered.version && newest?.current !== undefined) {
    const message = `Version ${registered.version} is published now, and version ${locked.version} was fetched; ${again}`
    return broken('version-behind', message)
  }
  if (locked.digest === undefined) return { verdict: 'same', findings: [] }
  const was = version?.revisions.find(({ digest }) => digest === locked.digest)
  if (was?.schema === undefined) {
    return broken('revision-unknown', `The revision that was fetched is not registered here; ${again}`)
  }
  const now = currentRevision(registered)
  if (now?.digest === locked.digest) return { verdict: 'same', findings: [] }
  const answer = checkCompatibility({
    ...{ before: [was.schema], after: now?.schema ?? true },
    ...{ mode: 'forward', policy: 'lenient' },
    names: { before: ['what was fetched'], after: 'what is published now' },
  })
  const against = `${locked.version}.${was.revision}`
  const findings = answer.findings.map((finding) => {
    return { ...finding, against, ...('witness' in finding ? {} : { undecided: true as const }) }
  })
  return { verdict: answer.verdict, findings }
}

function broken(rule: string, message: string): Checked {
  return { verdict: 'incompatible', findings: [{ rule, path: '', message }] }
}
