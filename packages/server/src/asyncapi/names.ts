/**
 * A name for a part of an AsyncAPI document, made of texts: `crm.customer.created`, or `crm.customer.created__v1` of two.
 * Such names are made of letters, digits, `.`, `-` and `_`; two lists of texts never have the same.
 */
export function partName(...texts: readonly string[]): string {
  return texts.map(encode).join('__')
}

/** What stands for itself: it neither looks like something that was encoded nor holds what separates. */
const plain = /^[A-Za-z0-9.-]+(_[A-Za-z0-9.-]+)*$/
const encoded = /_[0-9a-f]+-/

function encode(text: string): string {
  if (plain.test(text) && !encoded.test(text)) return text
  return text.replaceAll(/[^A-Za-z0-9.]/gu, (character) => `_${character.codePointAt(0)!.toString(16)}-`)
}

/** A reference to a part of the same document (RFC 6901, as the fragment of a URI). */
export function referenceTo(...steps: readonly string[]): { readonly $ref: string } {
  const escaped = steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1'))
  return { $ref: `#/${encodeURI(escaped.join('/')).replaceAll('#', '%23')}` }
}
