import type { EventAction, EventReference, Explanation } from 'tidings/broker'
import type { TidingsCommand } from '../command.ts'
import { meaning } from '../explanation.ts'
import { time, visible } from '../text.ts'

export function addExplain(program: TidingsCommand): void {
  program
    .command('explain')
    .description('Says where one event stands at one subscription, and what to do about it.')
    .example('tidings explain mail.thanks 4f2k9.1042', 'the event at a position')
    .example('tidings explain mail.thanks sales o1', 'the event of a source and an id')
    .argument('<subscription>')
    .argument('<event>', 'its position, or its source')
    .argument('[id]', 'its id, after its source')
    .runs<[subscription: string, event: string, id: string | undefined]>(
      async ({ broker, caller, output }, [subscription, first, id]) => {
        const event: EventReference = id === undefined ? { position: first } : { source: first, id }
        const explanation = await broker.explain(caller, { subscription, event })
        await output.show({ subscription, ...explanation }, () => sentence(subscription, explanation))
      },
    )
}

function sentence(subscription: string, explanation: Explanation): string {
  const { position, state, actions, replaced } = explanation
  const lines = [`${position}  ${state}: ${visible(meaning(subscription, explanation))}`]
  if (replaced) lines.push(`  replaced by ${replaced.by} at ${time(replaced.at)}: edit ${replaced.edit}`)
  for (const action of actions) lines.push(`  ${action}: ${visible(commands[action](subscription, explanation))}`)
  return lines.join('\n')
}

/** How each action that the broker allows is done with this command. */
const commands: Readonly<Record<EventAction, (subscription: string, explanation: Explanation) => string>> = {
  redrive: (subscription, { position, replaced }) =>
    `tidings dead-letters redrive ${subscription} ${position}${edit(replaced)}`,
  replace: (subscription, { position, replaced }) =>
    `tidings dead-letters replace ${subscription} ${position} --file <payload>${edit(replaced)}`,
  discard: (subscription, { position }) => `tidings dead-letters discard ${subscription} ${position}`,
  cancel: (subscription, { position }) => `tidings scheduled cancel ${subscription} ${position}`,
  wake: (subscription, { position }) => `tidings subscriptions wake ${subscription} ${position}`,
  seek: (subscription) => `tidings subscriptions seek ${subscription} <position before it>`,
}

function edit(replaced: Explanation['replaced']): string {
  return replaced ? ` --edit ${replaced.edit}` : ''
}
