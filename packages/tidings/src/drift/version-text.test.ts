import { describe, expect, it } from 'vitest'
import { changeAsWritten } from '../replica/change.ts'
import { sameVersion, shownVersion, versionIn, versionText } from './version-text.ts'

describe('versionText()', () => {
  it.each([
    ['crm.customer.updated', true],
    ['crm.customer.deleted', false],
  ])('is what a copy stores of %s', (type, isPresent) => {
    const data = new TextEncoder().encode('{"id":"c1"}')
    const event = { id: '1', source: '/crm', type, key: 'c1', sourceepoch: 12, sequence: '7', data }
    const { version } = changeAsWritten({ position: 'life.1', event }, 'id')
    expect(versionText({ sourceepoch: 12, sequence: '7' }, isPresent)).toBe(version)
  })
})

describe('versionIn()', () => {
  it('reads what versionText() wrote, and nothing else', () => {
    const version = { sourceepoch: 3, sequence: '00000000000000000041' }
    expect(versionIn(versionText(version))).toEqual(version)
    expect(versionIn(versionText(version, false))).toEqual(version)
    for (const text of ['', 'x', '3.41', `${versionText(version)}.`]) expect(versionIn(text)).toBeUndefined()
  })

  it('is shown without what is always there', () => {
    expect(shownVersion(versionText({ sourceepoch: 0, sequence: '41' }))).toBe('41')
    expect(shownVersion(versionText({ sourceepoch: 3, sequence: '41' }, false))).toBe('3.41')
    expect(shownVersion('x')).toBe('"x"')
  })
})

describe('sameVersion()', () => {
  it('takes a deletion for the version that it ends', () => {
    const version = { sourceepoch: 0, sequence: '41' }
    expect(sameVersion(versionText(version), versionText(version, false))).toBe(true)
    expect(sameVersion(versionText(version), versionText({ ...version, sequence: '42' }))).toBe(false)
    expect(sameVersion(undefined, undefined)).toBe(false)
  })
})
