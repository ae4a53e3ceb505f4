import { tableOf } from '@tidings/tools/table'
import { expect, it } from 'vitest'
import { eventActions, subscriptionActions } from './actions.ts'

const guide = 'docs/guides/operating.md'
const inWords = (actions: readonly string[]): string => (actions.length === 0 ? 'nothing' : actions.join(', '))

it('the guide for operators says which states of an event and of a subscription allow what, as the broker has it', () => {
  expect(tableOf(guide, 'the event is').map(([state, , actions]) => [state, actions])).toEqual(
    Object.entries(eventActions).map(([state, actions]) => [state, inWords(actions)]),
  )
  expect(tableOf(guide, 'the subscription is')).toEqual(
    Object.entries(subscriptionActions).map(([state, actions]) => [state, inWords(actions)]),
  )
})
