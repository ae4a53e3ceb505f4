import { createSign, generateKeyPairSync } from 'node:crypto'

export interface Certificate {
  /** Both in PEM. */
  readonly key: string
  readonly cert: string
}

/** A certificate for `127.0.0.1` that signs itself (RFC 5280), valid for the day around `now`. */
export function certificate(now = Date.now()): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(identifier('2a8648ce3d040302'))
  const name = sequence(element(0x31, sequence(identifier('550403'), element(0x0c, Buffer.from('tidings test')))))
  const addresses = element(0x04, sequence(element(0x87, Buffer.from([127, 0, 0, 1]))))
  const day = 86_400_000
  const body = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.from([1])),
    algorithm,
    name,
    sequence(time(now - day), time(now + day)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(sequence(identifier('551d11'), addresses))),
  )
  const signature = createSign('sha256').update(body).sign(privateKey)
  const der = sequence(body, algorithm, element(0x03, Buffer.from([0]), signature))
  const lines = der.toString('base64').replaceAll(/.{64}/g, '$&\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  }
}

/** One element of DER: its tag, its length, its content. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const bytes = content.length < 0x80 ? [] : content.length < 0x100 ? [0x81] : [0x82, content.length >> 8]
  return Buffer.concat([Buffer.from([tag, ...bytes, content.length & 0xff]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, ...parts)
}

function identifier(hex: string): Buffer {
  return element(0x06, Buffer.from(hex, 'hex'))
}

function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, '').slice(2, 14)
  return element(0x17, Buffer.from(`${digits}Z`))
}
