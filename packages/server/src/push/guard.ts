import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { TidingsError } from 'tidings'

/** The addresses of a name, as the system's resolver gives them. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Where a request goes, as far as it decides what is allowed. */
interface Target {
  /** Without the brackets of an IPv6 address and without the final dot of a name. */
  readonly host: string
  readonly secure: boolean
}

type Address = ReturnType<typeof ipaddr.parse>

/**
 * Where clouds tell a machine its credentials. No machine is an endpoint there, so no option opens them: an operator
 * who allows a whole private network does not mean these.
 */
const neverAllowed = new Set(['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254'])
/** Global unicast; everything outside is reserved, private or a translation of something else. */
const globalUnicast = ipaddr.IPv6.parse('2000::')
const plainPorts: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 }
const lastSystemPort = 1_023

/**
 * Decides where requests may go, so that nobody who may set a URL can reach what only this server can reach. Public
 * addresses over https are allowed; everything else only where the operator said so. A URL is checked when it is set,
 * and each address again when a connection is made, because a name may mean another address by then.
 */
export class Guard {
  readonly #networks: readonly (readonly [Address, number])[]
  readonly #hosts: ReadonlySet<string>
  readonly #resolve: Resolve

  /** `allow`: addresses, networks (`10.1.0.0/16`) and host names that may be reached though they are not public. */
  constructor(allow: readonly string[] = [], resolve: Resolve = systemResolve) {
    const isNetwork = (entry: string): boolean => entry.includes('/') || isIP(entry) !== 0
    this.#networks = allow.filter(isNetwork).map(networkOf)
    this.#hosts = new Set(allow.filter((entry) => !isNetwork(entry)).map(hostNameOf))
    this.#resolve = resolve
  }

  /** The URL, when its form and its address, where it has one in it, are allowed; else `bad-request` and why. */
  check(text: string): URL {
    const url = URL.canParse(text) ? new URL(text) : undefined
    const shown = JSON.stringify(text.slice(0, 200))
    if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      throw refused(`${shown} is no https address.`)
    }
    if (url.username !== '' || url.password !== '') {
      throw refused(`${shown} has a user or a password in it; the signature says who sends.`)
    }
    const target = targetOf(url)
    const isName = isIP(target.host) === 0
    const port = url.port === '' ? plainPorts[url.protocol]! : Number(url.port)
    if (isName && !this.#hosts.has(target.host) && !/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(target.host)) {
      throw refused(`${shown} has no host name that a resolver knows.`)
    }
    const isOpen = this.#isNamed(target) || (!isName && this.#isInside(ipaddr.process(target.host)))
    if (!isOpen && port <= lastSystemPort && port !== plainPorts[url.protocol]) {
      throw refused(`Port ${port} of ${shown} belongs to another protocol.`)
    }
    if (isName) {
      if (!target.secure && !this.#hosts.has(target.host) && this.#networks.length === 0) {
        throw refused(`${shown} is not https, so that everybody between could read and change the events.`)
      }
      return url
    }
    const reason = this.#reason(target.host, target)
    if (reason !== undefined) throw refused(reason)
    return url
  }

  /** The addresses of a URL's host; rejects when any of them is not allowed, so that none is reached by luck. */
  async addresses(url: URL): Promise<readonly ResolvedAddress[]> {
    const target = targetOf(url)
    const family = isIP(target.host)
    const found = family === 0 ? await this.#resolve(target.host) : [{ address: target.host, family }]
    if (found.length === 0) throw new Error(`${target.host} has no address`)
    for (const { address } of found) {
      const reason = this.#reason(address, target)
      if (reason !== undefined) throw new TidingsError('bad-request', reason)
    }
    return found
  }

  /** For the connection itself: it goes to addresses that were checked a moment ago, and to no other. */
  lookup(url: URL): LookupFunction {
    return (_host, { all, family }, callback) => {
      const wanted = family === 4 || family === 'IPv4' ? 4 : family === 6 || family === 'IPv6' ? 6 : 0
      this.addresses(url).then(
        (found) => {
          const fitting = found.filter((each) => wanted === 0 || each.family === wanted)
          const [first] = fitting
          if (!first) callback(new Error(`${url.hostname} has no address of family ${wanted}`), '', 0)
          else if (all) callback(null, [...fitting])
          else callback(null, first.address, first.family)
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      )
    }
  }

  /** Why an address may not be reached under this name, or nothing. */
  #reason(text: string, target: Target): string | undefined {
    const address = ipaddr.process(text)
    const place = text === target.host ? text : `${target.host} (${text})`
    if (neverAllowed.has(address.toString())) return `${place} is where a cloud keeps credentials; it is never allowed.`
    if (this.#isNamed(target) || this.#isInside(address) || this.#isInside(ipaddr.parse(text))) return undefined
    // Of the address as it is written: what is mapped or translated into another one is not public, whatever that is.
    if (!isPublic(ipaddr.parse(text))) return `${place} is not a public address (${rangeOf(text)}).`
    return target.secure ? undefined : `${place} is not reached over https.`
  }

  #isNamed({ host }: Target): boolean {
    return this.#hosts.has(host)
  }

  #isInside(address: Address): boolean {
    return this.#networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
  }
}

async function systemResolve(host: string): Promise<readonly ResolvedAddress[]> {
  return lookup(host, { all: true })
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(globalUnicast, 3)
}

function rangeOf(text: string): string {
  const range = ipaddr.parse(text).range()
  return range === 'unicast' ? 'reserved' : range
}

function targetOf(url: URL): Target {
  return { host: bareHost(url.hostname), secure: url.protocol === 'https:' }
}

function bareHost(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host.replace(/\.$/, '')
}

function networkOf(entry: string): readonly [Address, number] {
  if (!entry.includes('/')) {
    const address = ipaddr.process(entry)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  }
  if (isIP(entry.split('/', 1)[0]!) !== 0 && ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry)
  throw new TidingsError('bad-request', `"${entry}" is no network; one looks like 10.1.0.0/16 or fd12:3456::/32.`)
}

function hostNameOf(entry: string): string {
  const url = URL.canParse(`https://${entry}`) ? new URL(`https://${entry}`) : undefined
  const host = url && bareHost(url.hostname)
  if (host !== undefined && host === entry.toLowerCase().replace(/\.$/, '')) return host
  throw new TidingsError(
    'bad-request',
    `"${entry}" is neither an address nor a network nor a host name; push may reach what is one of these, as in 10.1.0.0/16 or hooks.example.`,
  )
}

function refused(reason: string): TidingsError {
  return new TidingsError(
    'bad-request',
    `${reason} Push goes to https URLs of public addresses; an operator allows others with --push-allow.`,
  )
}
