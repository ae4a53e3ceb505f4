import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  dataschemaOf,
  decodeEvent,
  defineContract,
  defineEntity,
  defineEvent,
  encodePayload,
  schemaVersionOf,
} from './index.ts'
import type { Versioning } from './versions.ts'

const schema = z.object({ id: z.string() })
const define = (versioning: Versioning) =>
  defineContract('crm', { moved: defineEvent({ schema, ...versioning }) }).moved
const keep = (data: unknown): unknown => data

describe('the version of a definition', () => {
  it('is 1 where nothing is said, and all that can be read', () => {
    expect(define({})).toMatchObject({ version: 1, oldestVersion: 1, dataschema: 'tidings:crm.moved/1' })
  })

  it('reads the older versions that upcasts lead from', () => {
    expect(define({ version: 3, upcasts: { 1: keep, 2: keep } })).toMatchObject({ version: 3, oldestVersion: 1 })
    expect(define({ version: 3, upcasts: { 2: keep } })).toMatchObject({ version: 3, oldestVersion: 2 })
    expect(define({ version: 3, upcasts: {} })).toMatchObject({ oldestVersion: 3, dataschema: 'tidings:crm.moved/3' })
  })

  it.each([
    [{ version: 0 }, 'crm.moved: its version is 0'],
    [{ version: 1.5 }, 'its version is 1.5'],
    [{ version: 2 }, 'does not say how older events are read; add upcasts: { 1: '],
    [{ version: 4, upcasts: { 1: keep, 3: keep } }, 'has no upcast from version 2 to 3'],
    [{ version: 3, upcasts: { 1: keep } }, 'has no upcast from version 2 to 3'],
    [{ version: 2, upcasts: { 1: keep, 2: keep } }, 'an upcast from version 2, but its version is 2'],
    [{ version: 2, upcasts: { 0: keep, 1: keep } }, 'an upcast from version 0'],
    [{ upcasts: { 1: keep } }, 'an upcast from version 1, but its version is 1'],
  ])('refuses %o', (versioning, message) => {
    expect(() => define(versioning)).toThrow(message)
  })

  it('is that of the states of an entity, and never of its deletion, which is its key alone', () => {
    const { customer } = defineContract('crm', {
      customer: defineEntity({ key: 'id', schema, version: 2, upcasts: { 1: keep } }),
    })
    expect(customer).toMatchObject({ version: 2, oldestVersion: 1 })
    expect(customer.created).toMatchObject({ version: 2, dataschema: 'tidings:crm.customer.created/2' })
    expect(customer.updated).toMatchObject({ version: 2, dataschema: 'tidings:crm.customer.updated/2' })
    expect(customer.deleted).toMatchObject({ version: 1, dataschema: 'tidings:crm.customer.deleted/1' })
  })
})

describe('dataschema', () => {
  it('goes with every payload, as an absolute URI', async () => {
    const { dataschema } = await encodePayload(define({ version: 2, upcasts: { 1: keep } }), { id: 'a' })
    expect(dataschema).toBe('tidings:crm.moved/2')
    expect(new URL(dataschema).href).toBe(dataschema)
  })

  it.each([
    [dataschemaOf('crm.moved', 12), 12],
    [undefined, 1],
    ['https://crm.example/moved.json', 1],
    ['tidings:crm.other/1', undefined],
    ['tidings:crm.moved/01', undefined],
    ['tidings:crm.moved/0', undefined],
    ['tidings:crm.moved/next', undefined],
  ])('%s of crm.moved has the version %s', (found, version) => {
    expect(schemaVersionOf('crm.moved', found)).toBe(version)
  })
})

describe('decodeEvent()', () => {
  const read = (versioning: Versioning, dataschema: string | undefined, data: unknown) =>
    decodeEvent(define(versioning), {
      ...(dataschema !== undefined && { dataschema }),
      data: new TextEncoder().encode(JSON.stringify(data)),
    })
  const from = (property: string) => (data: unknown) => ({ id: (data as Record<string, unknown>)[property] })
  const versioning = { version: 3, upcasts: { 1: from('name'), 2: keep } }

  it('upcasts from version to version, then validates', async () => {
    expect(await read(versioning, 'tidings:crm.moved/1', { name: 'a' })).toEqual({ id: 'a' })
    expect(await read(versioning, undefined, { name: 'a' })).toEqual({ id: 'a' })
    expect(await read(versioning, 'tidings:crm.moved/2', { id: 'a', dropped: 1 })).toEqual({ id: 'a' })
    await expect(read(versioning, 'tidings:crm.moved/2', { name: 'a' })).rejects.toMatchObject({
      code: 'unreadable',
      details: { type: 'crm.moved', version: 2, reads: [1, 3] },
      message: expect.stringMatching(/^crm\.moved: id: .* It was upcast from version 2 to 3, and this contract reads/),
      cause: { code: 'schema-violation' },
    })
  })

  it.each([
    [
      'tidings:crm.moved/4',
      'crm.moved has version 4 here, and this contract reads versions 1 to 3: bring the contract',
    ],
    ['tidings:crm.other/1', 'its dataschema "tidings:crm.other/1" is none of this type'],
  ])('refuses %s as unreadable', async (dataschema, message) => {
    await expect(read(versioning, dataschema, { id: 'a' })).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining(message),
    })
  })

  it('refuses an upcast that throws or answers a promise', async () => {
    const failing = { version: 2, upcasts: { 1: () => Promise.reject(new Error('late')) } }
    await expect(read(failing, undefined, {})).rejects.toThrow('from version 1 answered a promise')
    const throwing = {
      version: 2,
      upcasts: {
        1: () => {
          throw new Error('no such thing')
        },
      },
    }
    await expect(read(throwing, undefined, {})).rejects.toThrow(
      'crm.moved: no such thing. It was upcast from version 1',
    )
  })
})
