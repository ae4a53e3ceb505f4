import { describe, expect, it } from 'vitest'
import { nextDue } from './next-due.ts'

function dueTimes(expression: string, timeZone: string, from: string, count: number): string[] {
  const found: string[] = []
  for (let after = Date.parse(from); found.length < count; after = Date.parse(found.at(-1)!)) {
    found.push(new Date(nextDue({ expression, timeZone, after })!).toISOString())
  }
  return found
}

describe('the due times of a cron expression', () => {
  it.each([
    [
      'a time that the change to summer leaves out is due when clocks are set',
      ['30 2 * * *', '2027-03-26T12:00:00Z'],
      ['2027-03-27T01:30:00.000Z', '2027-03-28T01:00:00.000Z', '2027-03-29T00:30:00.000Z'],
    ],
    [
      'a time that comes twice at the change to winter is due once',
      ['30 2 * * *', '2026-10-24T12:00:00Z'],
      ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ],
    [
      'what is due each hour goes on through both hours',
      ['0 * * * *', '2026-10-24T23:30:00Z'],
      ['2026-10-25T00:00:00.000Z', '2026-10-25T01:00:00.000Z', '2026-10-25T02:00:00.000Z'],
    ],
    ['seconds may stand first', ['*/20 * * * * *', '2026-01-01T00:00:00Z'], ['2026-01-01T00:00:20.000Z']],
    ['a leap day waits for its year', ['0 0 29 2 *', '2026-01-01T00:00:00Z'], ['2028-02-28T23:00:00.000Z']],
  ])('%s', (_, [expression, from], expected) => {
    expect(dueTimes(expression!, 'Europe/Berlin', from!, expected.length)).toEqual(expected)
  })

  it.each(['30 2 * * *', '*/30 2 * * *', '15 1,2,3 * * *', '*/7 * * * *'])(
    'of %s are the same from wherever they are looked for, on the days on which clocks are set',
    (expression) => {
      for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
        for (const day of ['2026-10-04', '2026-10-25', '2026-11-01', '2027-03-14', '2027-03-28', '2027-04-04']) {
          const begin = Date.parse(day) - 43_200_000
          const next = (after: number): number => nextDue({ expression, timeZone, after })!
          const walked: number[] = [next(begin)]
          while (walked.at(-1)! < begin + 2 * 86_400_000) walked.push(next(walked.at(-1)!))
          for (let after = begin; after < begin + 86_400_000; after += 900_000) {
            expect(next(after)).toBe(walked.find((due) => due > after))
          }
        }
      }
    },
  )

  it('are never, where the calendar has no such day', () => {
    expect(nextDue({ expression: '0 0 30 2 *', timeZone: 'UTC', after: 0 })).toBeUndefined()
  })

  it.each([
    ['every now and then', 'UTC', /"every now and then" is not a cron expression/],
    ['61 * * * *', 'UTC', /"61 \* \* \* \*" is not a cron expression .*minute/],
    ['0 8 * * *', 'Mars/Base', /"Mars\/Base" is not a time zone; use a name such as Europe\/Berlin/],
  ])('of "%s" in %s are refused in words', (expression, timeZone, message) => {
    expect(() => nextDue({ expression, timeZone, after: 0 })).toThrow(message)
  })
})
