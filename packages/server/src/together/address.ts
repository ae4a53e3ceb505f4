import { hostname } from 'node:os'
import { TidingsError } from 'tidings'

export interface Address {
  readonly host: string
  readonly port: number
}

const everywhere = new Set(['0.0.0.0', '::'])

/** Where other servers reach one that listens there: by the name of the machine where it listens on every address. */
export function addressOf({ host, port }: Address): string {
  if (everywhere.has(host)) return `${hostname()}:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The URL for people on the same machine. */
export function urlOf({ host, port }: Address): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' || host === '::1' ? 'localhost' : host
  return `http://${addressOf({ host: local, port })}`
}

/** Reads `host:port`; rejects anything else as `bad-request`. */
export function parseAddress(address: string): Address {
  const url = URL.canParse(`http://${address}`) ? new URL(`http://${address}`) : undefined
  const plain = url && url.pathname === '/' && url.username + url.password + url.search + url.hash === ''
  if (plain && /:\d+$/.test(address)) {
    return { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port || 80) }
  }
  throw new TidingsError(
    'bad-request',
    `"${address}" is no address of a server; it is host:port, such as 10.0.0.7:7070.`,
  )
}
