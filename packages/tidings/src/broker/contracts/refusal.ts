import { TidingsError } from '../../errors.ts'
import type { AffectedConsumer, ContractFinding, ContractPlan, RegisterContractRequest } from '../port/contracts.ts'

const mostNamed = 5

/** Refuses a contract that would break somebody, with its plan in the details. */
export function refuseContract(plan: ContractPlan, { acceptUndecided = false }: RegisterContractRequest): void {
  const { service, verdict } = plan
  if (verdict === 'unchanged' || verdict === 'compatible') return
  if (verdict === 'undecided' && acceptUndecided) return
  const findings = plan.types.flatMap(({ type, findings: each }) => each.map((finding) => sentence(type, finding)))
  const what =
    verdict === 'incompatible'
      ? `The contract of ${service} is not compatible with what is registered`
      : `Whether the contract of ${service} is compatible with what is registered cannot be decided`
  const advice =
    verdict === 'incompatible'
      ? 'Give the definition the next version with upcasts from the present one, or change it so that nothing breaks; "tidings contract plan" shows what would.'
      : 'If you answer for it, register it with "acceptUndecided" (tidings contract push --accept-undecided).'
  throw new TidingsError(
    verdict === 'incompatible' ? 'contract-incompatible' : 'contract-undecided',
    `${what}: ${named(findings, '; ')}.${whom(plan.affected)} ${advice}`,
    { details: { ...plan } },
  )
}

function sentence(type: string, { rule, path, against, message }: ContractFinding): string {
  const where = path === '' ? '' : ` at ${path}`
  const beside = against === undefined ? '' : `, against ${against}`
  return `${type}${where}: ${message.replace(/\.$/, '')} (rule ${rule}${beside})`
}

function whom(affected: readonly AffectedConsumer[]): string {
  if (affected.length === 0) return ''
  const each = affected.map(({ consumer, fields, known }) => {
    if (known === 'nothing') return `${consumer} (nothing is known of what it reads)`
    return `${consumer} (${fields.map((field) => (field === '' ? 'everything' : field)).join(', ')})`
  })
  return ` It concerns ${named(each, ', ')}.`
}

function named(texts: readonly string[], between: string): string {
  const more = texts.length - mostNamed
  return `${texts.slice(0, mostNamed).join(between)}${more > 0 ? `${between}and ${more} more` : ''}`
}
