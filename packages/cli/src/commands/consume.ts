import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { look } from '../consume/look.ts'
import { take } from '../consume/take.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { untilInterrupted } from '../interrupt.ts'

interface ConsumeOptions {
  readonly ack?: boolean
  readonly max?: number
  readonly follow?: boolean
}

const shownUnlessTold = 100

export function addConsume(program: TidingsCommand): void {
  program
    .command('consume')
    .description('Shows what a subscription has to deliver and hands it back unattempted, unless --ack is there.')
    .example('tidings consume mail.thanks', 'look at what is waiting; nothing changes')
    .example('tidings consume mail.thanks --ack', 'take what is there')
    .example('tidings consume mail.thanks --ack --follow --json | ./handle', 'take whatever comes, until interrupted')
    .argument('<subscription>')
    .option('--ack', 'acknowledge each delivery once it is printed')
    .option('--no-ack', 'hand them back (the default)')
    .option(
      '--max <count>',
      `at most so many (all of them; without --ack ${shownUnlessTold})`,
      wholeNumber({ least: 1, most: 1_000_000_000 }),
    )
    .option('-f, --follow', 'go on with what comes, until interrupted; needs --ack')
    .runs<[subscription: string], ConsumeOptions>(async (session, [subscription], { ack, max, follow = false }) => {
      if (ack) return untilInterrupted((signal) => take(session, { subscription, max, follow, signal }))
      if (follow) {
        throw new UsageError(
          '--follow needs --ack, or it would hold events back from their consumers; to watch only, use: tidings topics read <topic> --follow',
        )
      }
      await look(session, subscription, max ?? shownUnlessTold)
      return exitCodes.ok
    })
}
