/** Texts of each format that JSON Schema 2020-12 names, valid by every reading of its specification. */
const good: Readonly<Record<string, readonly string[]>> = {
  'date-time': ['2030-01-31T12:00:00Z', '2031-02-28T23:59:59.5+02:00', '1999-12-31T00:00:00Z'],
  date: ['2030-01-31', '2028-02-29', '1999-12-31'],
  time: ['12:00:00Z', '23:59:59.5+02:00', '00:00:00Z'],
  duration: ['P1D', 'PT36H', 'P4W', 'P1Y2M3DT4H5M6S'],
  email: ['ada@example.com', 'a@b.co', 'first.last@mail.example.org'],
  'idn-email': ['ada@example.com', 'a@b.co'],
  hostname: ['example.com', 'a.b-c.example', 'localhost'],
  'idn-hostname': ['example.com', 'localhost'],
  ipv4: ['192.0.2.1', '10.0.0.255', '0.0.0.0'],
  ipv6: ['2001:db8::1', '::1', 'fe80::1:2:3'],
  uri: ['https://example.com/a', 'urn:example:a', 'https://example.com/a?b=c#d'],
  'uri-reference': ['https://example.com/a', '/a/b', 'a'],
  iri: ['https://example.com/a', 'urn:example:a'],
  'iri-reference': ['https://example.com/a', '/a/b'],
  uuid: ['6ba7b810-9dad-41d1-80b4-00c04fd430c8', '00000000-0000-4000-8000-000000000001'],
  'uri-template': ['https://example.com/{id}', '/a/{b}'],
  'json-pointer': ['', '/a', '/a/0'],
  'relative-json-pointer': ['0', '1/a'],
  regex: ['^a+$', '[0-9]*'],
}

/** What hardly any format accepts; each of those above refuses one of them at least. */
export const badTexts: readonly string[] = ['', ' ', 'a b', '%', '{', '(', 'a', '0', '~', '\u0001', '\\', '://']

/** Texts of a format; without one, some of every. */
export function goodTexts(format: string | undefined): readonly string[] {
  if (format === undefined) return Object.values(good).flat()
  return Object.hasOwn(good, format) ? good[format]! : []
}

export function isStandardFormat(format: string): boolean {
  return Object.hasOwn(good, format)
}
