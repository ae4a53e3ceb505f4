import { Option } from 'commander'
import type { ReplayEffects, SeekPreview, SeekRequest } from 'tidings/broker'
import { positiveNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { UsageError } from '../failure.ts'
import { count } from '../text.ts'

interface SeekOptions extends Confirmation {
  readonly effects: ReplayEffects
  readonly perSecond?: number
}

const effectsInWords: Readonly<Record<ReplayEffects, string>> = {
  skip: 'what was acknowledged before is acknowledged again without an effect',
  run: 'what was acknowledged before is handled again: every mail is sent once more',
  missing: 'what was acknowledged before is handled again only where the consumer lost it',
}

export function addSeek(subscriptions: TidingsCommand): void {
  subscriptions
    .command('seek')
    .description(
      'Moves a subscription and starts a new generation: leases end, retries and dead letters are forgotten.',
    )
    .example('tidings subscriptions seek search.copy beginning --effects run --dry-run', 'what it would do')
    .example('tidings subscriptions seek mail.thanks end --yes', 'leave out what is waiting')
    .argument('<subscription>')
    .argument('<to>', '"beginning", "end", a position to go on after, or a time as 2026-05-01T08:00:00Z')
    .addOption(
      new Option('--effects <effects>', 'what consumers do with events that were acknowledged before')
        .choices(Object.keys(effectsInWords))
        .default('skip'),
    )
    .option(
      '--per-second <number>',
      'at most so many deliveries a second until what is there now has passed',
      positiveNumber({ least: 0.0001, most: 1_000_000 }),
    )
    .option('-n, --dry-run', 'show what it would do')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string, to: string], SeekOptions>(async (session, [subscription, where], options) => {
      const { broker, caller, output } = session
      const to = targetOf(where)
      const { effects, perSecond } = options
      // Refuses a position that this topic never gave, before anybody is asked.
      const preview = await broker.previewSeek(caller, { subscription, to, effects })
      const { topic, floor, generation } = await broker.stats(caller, subscription)
      const what = `${subscription} from ${floor} to ${preview.after}, into generation ${generation + 1}. ${fate(preview, effects)}`
      if (options.dryRun) {
        const answer = { topic, floor, to, effects, generation, ...preview, moved: false }
        return output.show(answer, () => `This would move ${what}`)
      }
      await confirm(session, `This moves ${what.slice(0, -1)}`, options)
      const moved = await broker.seek(caller, {
        subscription,
        to,
        effects,
        ...(perSecond !== undefined && { perSecond }),
      })
      await output.show(moved, () => `Moved to ${moved.floor}; generation ${moved.generation} has begun.`)
    })
}

/** A time stands as people write it; anything else is the broker's to judge. */
function targetOf(where: string): SeekRequest['to'] {
  if (!/^\d{4}-\d\d-\d\d/.test(where)) return where
  const time = Date.parse(where)
  if (!Number.isNaN(time)) return { time }
  throw new UsageError(`"${where}" is no time; write it as 2026-05-01T08:00:00Z.`)
}

function fate({ events, again, deadLetters, leftOut }: SeekPreview, effects: ReplayEffects): string {
  const left = leftOut === 0 ? '' : `; left out: ${count(leftOut, 'unfinished event')}`
  const letters = deadLetters === 0 ? '' : `, among them ${count(deadLetters, 'dead letter')}`
  const come = `${count(events, 'event')} from there${letters}; ${again} of them again${left}`
  return again === 0 ? `${come}.` : `${come}; ${effectsInWords[effects]}.`
}
