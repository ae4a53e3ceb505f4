import type { AffectedConsumer, ContractFinding, ContractPlan, ContractTypePlan } from 'tidings/broker'
import { visible } from '../text.ts'

const changes: Readonly<Record<ContractTypePlan['change'], string>> = {
  none: 'stays as it is',
  'new-type': 'is new',
  'new-revision': 'has a new revision',
  'new-version': 'has a new version',
  'schema-dropped': 'loses its schema',
  absent: 'is registered and not in this contract; it stays',
}
const signs = { added: '+', removed: '-', altered: '~' } as const

/** A plan for people: what changes, which rules it breaks, and who would notice. */
export function planText(plan: ContractPlan): string {
  const lines = [`The contract of ${plan.service}: ${plan.verdict}.`]
  for (const type of plan.types) lines.push(...typeLines(type))
  if (plan.affected.length > 0) lines.push('Who reads what changes:', ...plan.affected.map(affectedLine))
  return lines.map(visible).join('\n')
}

function typeLines({ type, version, revision, change, findings, fields }: ContractTypePlan): readonly string[] {
  const number = revision === undefined ? `version ${version}` : `version ${version}, revision ${revision}`
  return [
    `${type} ${changes[change]} (${number})`,
    ...fields.map((each) => `  ${signs[each.change]} ${each.field === '' ? '(everything)' : each.field}`),
    ...findings.flatMap(findingLines),
  ]
}

/** A rule that is broken, as in errors, with the data that shows it. */
export function findingLines(finding: ContractFinding): readonly string[] {
  const { rule, path, direction, against, message, witness, undecided } = finding
  const place = [path === '' ? '' : `at ${path}`, direction ?? '', against === undefined ? '' : `against ${against}`]
  const said = [undecided ? 'undecided' : 'breaks', rule, ...place.filter((each) => each !== '')].join(' ')
  const shown = witness === undefined ? [] : [`      such as ${JSON.stringify(witness)}`]
  return [`  ${said}: ${message}`, ...shown]
}

function affectedLine({ consumer, as, types, fields, known }: AffectedConsumer): string {
  if (known === 'nothing') return `  ${consumer} (${as}): nothing is known of what it reads of ${types.join(', ')}`
  const read = fields.map((field) => (field === '' ? 'everything' : field)).join(', ')
  return `  ${consumer} (${as}, ${known}): ${read}`
}
