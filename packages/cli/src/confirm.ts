import { createInterface } from 'node:readline/promises'
import { CommandError, UsageError } from './failure.ts'
import type { Session } from './session.ts'

export interface Confirmation {
  readonly yes?: boolean
  readonly dryRun?: boolean
}

/**
 * Makes sure that somebody wants this: asks a person, or insists on --yes where nobody can be asked. `what` is a sentence
 * without its end: "This removes the topic a.b for good". `onlyYes` where there is no --dry-run.
 */
export async function confirm(
  session: Session,
  what: string,
  { yes = false, onlyYes = false }: Confirmation & { readonly onlyYes?: boolean },
): Promise<void> {
  if (yes) return
  if (!session.interactive) {
    const look = onlyYes ? '' : '; --dry-run shows it only'
    throw new UsageError(`${what}. Say --yes if you want that, because nobody can be asked here${look}.`)
  }
  const { stdin, stderr } = session.terminal
  const questions = createInterface({ input: stdin, output: stderr, terminal: false })
  try {
    // The end of the input is an answer too: no.
    const closed = new Promise<string>((resolve) => questions.once('close', () => resolve('')))
    const answer = await Promise.race([questions.question(`${what}. Go on? [y/N] `), closed])
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was changed.')
  } finally {
    questions.close()
  }
}
