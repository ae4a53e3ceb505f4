import { describe, expect, it } from 'vitest'
import { errorCodes, TidingsError } from '../errors.ts'
import { readClientMessage } from './messages.ts'
import { errorOfProblem, problemOf } from './problem.ts'
import { pathOf, routes } from './routes.ts'
import { either, integerText, list, number, object, oneOf, optional, record, text } from './shape.ts'
import { checkVersion } from './version.ts'

describe('a shape', () => {
  const shape = object({
    name: text({ maxLength: 5 }),
    size: optional(integerText(1, 9)),
    of: optional(record(list(either(oneOf('all'), number(0, 1)), 2), 2)),
  })

  it('reads what fits, as it stands', () => {
    expect(shape.read({ name: 'a', size: '7', of: { x: ['all', 0.5] } }, 'it')).toEqual({
      name: 'a',
      size: 7,
      of: { x: ['all', 0.5] },
    })
  })

  it.each([
    [null, /^it must be an object; it is null/],
    [[], /^it must be an object/],
    [{}, /^it\.name must be a text.*it is missing/],
    [{ name: 'abcdef' }, /^it\.name must be a text of at most 5/],
    [{ name: 'a', size: '1e0' }, /^it\.size must be a whole number from 1 to 9/],
    [{ name: 'a', size: '10' }, /^it\.size/],
    [{ name: 'a', of: { x: [1, 0, 1] } }, /^it\.of\.x must be a list of at most 2/],
    [{ name: 'a', of: { x: [2] } }, /^it\.of\.x\[0\] must be a number from 0 to 1/],
    [{ name: 'a', toString: 1 }, /unknown field "toString"; known are name, size, of/],
    [JSON.parse('{"name":"a","__proto__":{}}'), /unknown field "__proto__"/],
  ])('refuses %j by its path', (value, message) => {
    expect(() => shape.read(value, 'it')).toThrow(message)
  })
})

describe('readClientMessage()', () => {
  it('names the request that can be answered', () => {
    const wrong = { type: 'close', id: 4, stream: 'one' }
    expect(() => readClientMessage(wrong)).toThrow(
      expect.objectContaining({ code: 'bad-request', details: { path: 'close.stream', id: 4 } }),
    )
    expect(() => readClientMessage({ ...wrong, id: 'four' })).toThrow(
      expect.objectContaining({ code: 'protocol-violation' }),
    )
  })
})

describe('a problem', () => {
  it('carries code, message and details to the other side', () => {
    for (const code of errorCodes) {
      const error = new TidingsError(code, 'what happened', { details: { topic: 't' } })
      const arrived = errorOfProblem(JSON.parse(JSON.stringify(problemOf(error))))
      expect(arrived).toMatchObject({
        code,
        message: 'what happened',
        details: { topic: 't' },
        retryable: error.retryable,
      })
    }
  })

  it('is not made of anything else', () => {
    expect(errorOfProblem({ code: 'nonsense', detail: 'x' })).toBeUndefined()
    expect(errorOfProblem(null)).toBeUndefined()
    expect(problemOf(new Error('inside')).detail).not.toContain('inside')
  })
})

describe('checkVersion()', () => {
  it('says which side is to be upgraded', () => {
    expect(() => checkVersion('1', 'client')).not.toThrow()
    expect(() => checkVersion(2, 'client')).toThrow(/upgrade the server/)
    expect(() => checkVersion(0, 'client')).toThrow(/upgrade the client/)
    expect(() => checkVersion(2, 'server')).toThrow(/upgrade the client/)
  })
})

describe('routes', () => {
  it('have one path for each method', () => {
    const paths = Object.values(routes).map(({ method, path }) => `${method} ${path}`)
    expect(new Set(paths).size).toBe(paths.length)
  })

  it('encode the names in their paths', () => {
    expect(pathOf('producer', 'default', { topic: 'a.b', producer: 'x/y z' })).toBe(
      '/v1/default/topics/a.b/producers/x%2Fy%20z',
    )
  })
})
