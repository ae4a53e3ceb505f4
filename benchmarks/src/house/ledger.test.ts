import { describe, expect, it } from 'vitest'
import { ledger, mustBeComplete } from './ledger.ts'

describe('a ledger', () => {
  it('counts as lost what was acknowledged and never seen, of each producer', () => {
    const account = ledger({ producers: 2, messages: 20 })
    for (let number = 0; number < 20; number++) {
      account.acknowledged(0, number)
      account.acknowledged(1, number)
      if (number !== 7 && number !== 19) account.saw(0, number)
      if (number !== 8) account.saw(1, number)
    }
    expect(account.account()).toEqual({ lost: 3, duplicated: 0, reordered: 0, seen: 37 })
    expect(() => mustBeComplete(account)).toThrow('lost 3 acknowledged messages')
  })

  it('does not call lost what was never acknowledged', () => {
    const account = ledger({ producers: 1, messages: 8 })
    account.acknowledged(0, 0)
    account.saw(0, 0)
    account.saw(0, 5)
    expect(mustBeComplete(account)).toEqual({ lost: 0, duplicated: 0, reordered: 0, seen: 2 })
  })

  it('counts a duplicate as often as it comes again, and not as a reordering', () => {
    const account = ledger({ producers: 1, messages: 8 })
    for (const number of [0, 1, 2, 0, 0]) account.saw(0, number)
    expect(account.account()).toMatchObject({ duplicated: 2, reordered: 0, seen: 3 })
  })

  it('counts what comes after a later one of the same producer, and of another producer not', () => {
    const account = ledger({ producers: 2, messages: 8 })
    account.saw(0, 3)
    account.saw(0, 1)
    account.saw(0, 2)
    account.saw(1, 0)
    account.saw(0, 4)
    expect(account.account()).toMatchObject({ reordered: 2, duplicated: 0, seen: 5 })
  })

  it('refuses a message that was never sent', () => {
    const account = ledger({ producers: 1, messages: 8 })
    expect(() => account.saw(0, 8)).toThrow('Message 8 of producer 0 was never sent')
    expect(() => account.saw(1, 0)).toThrow('never sent')
    expect(() => account.saw(0, Number.NaN)).toThrow('never sent')
  })
})
