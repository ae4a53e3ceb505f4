import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { UsageError } from './failure.ts'
import { readSettings } from './settings.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidings-settings-'))
  file = join(folder, 'settings.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function settingsFile(text: string): Record<string, string> {
  writeFileSync(file, text)
  return { TIDINGS_CONFIG: file }
}

describe('readSettings()', () => {
  test('answers the defaults where nothing is said', () => {
    expect(readSettings({}, { HOME: folder })).toMatchObject({
      url: 'http://127.0.0.1:7070',
      urlGiven: false,
      token: undefined,
      namespaces: ['default'],
      principal: 'operator',
      data: '.data/tidings',
      host: '127.0.0.1',
      port: 7070,
      engine: 'embedded',
    })
  })

  test('takes flags before variables before the file', () => {
    const variables = settingsFile('{ "url": "http://file", "namespace": "file", "principal": "file", "port": 3 }')
    expect(readSettings({}, variables)).toMatchObject({ url: 'http://file', namespaces: ['file'], port: 3 })
    const both = { ...variables, TIDINGS_URL: 'http://variable', TIDINGS_NAMESPACE: 'variable', TIDINGS_PORT: '2' }
    expect(readSettings({}, both)).toMatchObject({
      url: 'http://variable',
      namespaces: ['variable'],
      principal: 'file',
      port: 2,
    })
    expect(readSettings({ url: 'http://flag', namespace: ['flag'], port: 1 }, both)).toMatchObject({
      url: 'http://flag',
      namespaces: ['flag'],
      principal: 'file',
      port: 1,
    })
  })

  test('finds the file in the settings folder of the user', () => {
    expect(() => readSettings({}, { XDG_CONFIG_HOME: folder })).not.toThrow()
    expect(() => readSettings({ config: join(folder, 'missing.json') }, {})).toThrow(/missing\.json cannot be read/)
  })

  test('sends the token of the file to the server of the file only', () => {
    const variables = settingsFile('{ "url": "http://file", "token": "secret" }')
    expect(readSettings({}, variables).token).toBe('secret')
    expect(readSettings({ url: 'http://elsewhere' }, variables).token).toBeUndefined()
    expect(readSettings({ url: 'http://elsewhere', token: 'other' }, variables).token).toBe('other')
  })

  test('treats an empty variable as absent', () => {
    expect(readSettings({}, { HOME: folder, TIDINGS_URL: '', TIDINGS_PORT: '' })).toMatchObject({ port: 7070 })
  })

  test.each([
    ['{', /is not JSON/],
    ['[]', /no JSON object/],
    ['{ "urll": "x" }', /"urll", which is no setting/],
    ['{ "url": 1 }', /"url" .* must be a text/],
    ['{ "port": "x" }', /port .* whole number/],
    ['{ "engine": "oracle" }', /"oracle" is no engine/],
  ])('refuses the file %s', (text, message) => {
    const variables = settingsFile(text)
    expect(() => readSettings({}, variables)).toThrow(UsageError)
    expect(() => readSettings({}, variables)).toThrow(message)
  })
})
