import { Option } from 'commander'
import type { ReplayEffects } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { count } from '../text.ts'

interface SeekOptions extends Confirmation {
  readonly effects: ReplayEffects
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
    .argument('<to>', '"beginning", "end" or a position to go on after')
    .addOption(
      new Option('--effects <effects>', 'what consumers do with events that were acknowledged before')
        .choices(Object.keys(effectsInWords))
        .default('skip'),
    )
    .option('-n, --dry-run', 'show what it would do')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string, to: string], SeekOptions>(async (session, [subscription, to], options) => {
      const { broker, caller, output } = session
      const { topic, floor, head, generation, pending, dead } = await broker.stats(caller, subscription)
      // Refuses a position that this topic never gave, before anybody is asked.
      if (to !== 'beginning' && to !== 'end') await broker.read(caller, { topic, after: to, limit: 1 })
      const { effects } = options
      const where = to === 'end' ? `the end, ${head}` : to
      const open = `${count(pending, 'pending event')} and ${count(dead, 'dead letter')}`
      const what = `${subscription} from ${floor} to ${where}, into generation ${generation + 1}. ${fate(to, open, effects)}`
      if (options.dryRun) {
        const answer = { subscription, topic, floor, to, effects, generation, pending, dead, moved: false }
        return output.show(answer, () => `This would move ${what}`)
      }
      await confirm(session, `This moves ${what.slice(0, -1)}`, options)
      const moved = await broker.seek(caller, { subscription, to, effects })
      await output.show(moved, () => `Moved to ${moved.floor}; generation ${moved.generation} has begun.`)
    })
}

function fate(to: string, open: string, effects: ReplayEffects): string {
  if (to === 'end') return `Left behind: ${open}.`
  const letters = to === 'beginning' ? `${open} come again` : `Of ${open}, those after it come again`
  return `${letters}; ${effectsInWords[effects]}.`
}
