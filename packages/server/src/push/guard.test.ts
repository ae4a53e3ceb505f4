import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemEnvironment } from 'tidings'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createExchange } from './exchange.ts'
import { Guard, type ResolvedAddress } from './guard.ts'

/** What names mean to the resolver of these tests. */
const names: Readonly<Record<string, readonly string[]>> = {
  'hooks.example.com': ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'],
  'inside.example.com': ['10.1.2.3'],
  'mixed.example.com': ['93.184.216.34', '127.0.0.1'],
  'mapped.example.com': ['::ffff:93.184.216.34'],
  'six.example.com': ['fd12:3456::1'],
  'metadata.google.internal': ['169.254.169.254'],
  localhost: ['127.0.0.1', '::1'],
}

async function resolve(host: string): Promise<readonly ResolvedAddress[]> {
  const known = names[host] ?? (host.endsWith('localhost') || host.endsWith('.nip.io') ? ['127.0.0.1'] : [])
  return known.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

/** One address of each range that is not public, and of some that look public at first sight. */
const four = `0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3
  127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
  192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255
  240.0.0.1 255.255.255.255`.split(/\s+/)
const six = `:: ::1 ::2 ::127.0.0.1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
  ::ffff:93.184.216.34 ::ffff:0:127.0.0.1 0:0:0:0:0:ffff:7f00:0001 0000:0000:0000:0000:0000:0000:0000:0001
  64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::5db8:d822 64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:3::1
  2001:4:112::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1:: 2002:a9fe:a9fe::
  2002:c0a8:1::1 2620:4f:8000::1 3fff::1 4000::1 5f00::1 8000::1 a000::1 c000::1 e000::1 f000::1 fc00::1
  fd00:ec2::254 fd12:3456::1 fe00::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1`.split(/\s+/)

/** The ways in which URLs write the same IPv4 address. */
function spellings(address: string): readonly string[] {
  const bytes = address.split('.').map(Number)
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const [first, second, third, fourth] = bytes as [number, number, number, number]
  const octal = (value: number): string => `0${value.toString(8)}`
  const hex = (value: number): string => `0x${value.toString(16)}`
  return [
    address,
    `${address}.`,
    String(number),
    hex(number),
    octal(number),
    bytes.map(octal).join('.'),
    bytes.map(hex).join('.'),
    `${first}.${number % 0x100_0000}`,
    `${first}.${second}.${third * 256 + fourth}`,
    `${hex(first)}.${octal(second)}.${third}.${fourth}`,
    `%${first.toString().charCodeAt(0).toString(16)}${address.slice(1)}`,
    address.replace('1', '\uff11').replace('2', '\u2461').replaceAll('.', '\u3002'),
  ]
}

const literals = [...four, ...six.map((address) => `[${address}]`)]
const spelled = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '192.168.0.1', '172.16.0.1', '100.64.0.1', '0.0.0.0']
const hosts = `localhost LOCALHOST localhost. a.localhost inside.example.com inside.example.com. INSIDE.example.com
  mixed.example.com mapped.example.com six.example.com metadata.google.internal metadata.google.internal.
  127.0.0.1.nip.io unknown.example.com`.split(/\s+/)
const odd = `ftp://93.184.216.34/ file:///etc/passwd gopher://93.184.216.34:6379/ javascript:alert(1) data:text/plain,x
  //93.184.216.34/ https:// https://:443/ hooks.example.com /hooks https://user@hooks.example.com/
  https://user:word@hooks.example.com/ https://:word@hooks.example.com/ https://hooks.example.com@127.0.0.1/
  https://127.0.0.1#@hooks.example.com/ https://127.0.0.1?@hooks.example.com/ https://hooks.example.com:22/
  https://hooks.example.com:25/ https://hooks.example.com:80/ https://[fe80::1%25eth0]/ https://[::1/ https://1.2.3.4.5/
  https://256.256.256.256/ https://hooks..example.com/ https://%00/ http://hooks.example.com/ http://93.184.216.34/
  ws://hooks.example.com/ https://hooks.example.com:99999/ https://[::ffff:127.0.0.1]:8443/ https:\\\\127.0.0.1\\
  https:127.0.0.1 HTTPS://127.0.0.1/ https://127.0.0.1:8443/x?y#z http:\\/\\/localhost`.split(/\s+/)

const forbidden = [
  ...new Set([
    ...literals.map((host) => `https://${host}/hook`),
    ...spelled.flatMap(spellings).map((host) => `https://${host}/hook`),
    ...hosts.map((host) => `https://${host}/hook`),
    ...odd,
    '',
  ]),
]

/** Every refusal says why. */
const why =
  /is no https address|a user or a password|no host name that|another protocol|is not https|not a public address|credentials|has no address|not reached over https/

/** Whether a URL may be set and would be connected to. */
async function reach(guard: Guard, text: string): Promise<readonly string[]> {
  return (await guard.addresses(guard.check(text))).map(({ address }) => address)
}

describe('the guard', () => {
  const guard = new Guard([], resolve)

  it('has more than 200 forms of URL to refuse', () => {
    expect(forbidden.length).toBeGreaterThanOrEqual(200)
  })

  it.each(forbidden)('refuses %j', async (text) => {
    await expect(reach(guard, text)).rejects.toThrow(why)
  })

  it.each([
    'https://hooks.example.com/a?b=c',
    'https://HOOKS.example.com./',
    'https://hooks.example.com:8443/',
    'https://93.184.216.34/',
    'https://[2606:2800:220:1:248:1893:25c8:1946]/',
    'https://0x5db8d822/',
    'https://11.0.0.1/',
    'https://100.128.0.1/',
    'https://172.32.0.1/',
    'https://192.169.0.1/',
    'https://[2a00:1450:4001:80b::200e]/',
  ])('lets %j through', async (text) => {
    expect((await reach(guard, text)).length).toBeGreaterThan(0)
  })

  it('says what is wrong and who can change it', () => {
    const check = (): URL => guard.check('https://10.0.0.1/')
    expect(check).toThrow('10.0.0.1 is not a public address (private).')
    expect(check).toThrow('--push-allow')
    expect(check).toThrow(expect.objectContaining({ code: 'bad-request' }))
  })
})

describe('what an operator allows', () => {
  it.each([
    ['10.0.0.0/8', 'http://10.9.8.7:8080/', 'https://11.0.0.1:22/'],
    ['10.0.0.0/8', 'https://inside.example.com/', 'https://192.168.0.1/'],
    ['10.0.0.0/8', 'http://inside.example.com/', 'http://hooks.example.com/'],
    ['127.0.0.1', 'http://127.0.0.1:8080/', 'http://127.0.0.2:8080/'],
    ['127.0.0.0/8', 'https://[::ffff:127.0.0.1]/', 'https://[::1]/'],
    ['::1', 'http://[::1]:8080/', 'http://127.0.0.1:8080/'],
    ['fd12:3456::/32', 'https://six.example.com/', 'https://[fd12:3457::1]/'],
    ['inside.example.com', 'http://inside.example.com:81/', 'https://10.1.2.3/'],
    ['Inside.Example.com', 'https://INSIDE.example.com./', 'https://x.inside.example.com/'],
    ['93.184.216.34', 'http://93.184.216.34/', 'http://93.184.216.35/'],
  ])('%s opens %s and not %s', async (allow, opened, closed) => {
    const guard = new Guard([allow], resolve)
    expect((await reach(guard, opened)).length).toBeGreaterThan(0)
    await expect(reach(guard, closed)).rejects.toThrow(why)
  })

  it.each([
    ['169.254.0.0/16', 'http://169.254.169.254/latest/meta-data/'],
    ['metadata.google.internal', 'http://metadata.google.internal/computeMetadata/v1/'],
    ['0.0.0.0/0', 'https://[::ffff:169.254.169.254]/'],
    ['0.0.0.0/0', 'https://168.63.129.16/'],
    ['::/0', 'https://[fd00:ec2::254]/'],
  ])('%s does not open the credentials of the machine at %s', async (allow, closed) => {
    await expect(reach(new Guard([allow], resolve), closed)).rejects.toThrow(/credentials; it is never allowed/)
  })

  it.each(['10.0.0.0/33', '10.0.0/8', 'https://x.example', 'x y', '', '*.example.com:80', 'a@b'])(
    'refuses %j, which is no address, network or host',
    (entry) => {
      expect(() => new Guard([entry], resolve)).toThrow(/10\.1\.0\.0\/16/)
    },
  )
})

describe('a connection', () => {
  let canary: Server
  let port = 0
  let reached = 0
  beforeAll(async () => {
    canary = createServer((_, response) => response.end())
    canary.on('connection', () => reached++)
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
    port = (canary.address() as AddressInfo).port
  })
  beforeEach(() => {
    reached = 0
  })
  afterAll(() => new Promise((resolve) => canary.close(resolve)))

  async function send(guard: Guard, url: string): Promise<number> {
    const { exchange, close } = createExchange({ guard, environment: systemEnvironment })
    const parsed = new URL(url)
    try {
      const outgoing = { method: 'POST', url: parsed, headers: {}, body: new Uint8Array(0), timeoutMs: 5_000 } as const
      return (await exchange(outgoing)).status
    } finally {
      close()
    }
  }

  it('reaches the canary of this test where that is allowed', async () => {
    expect(await send(new Guard(['127.0.0.1'], resolve), `http://127.0.0.1:${port}/`)).toBe(200)
    expect(await send(new Guard(['localhost'], resolve), `http://localhost:${port}/`)).toBe(200)
    expect(reached).toBe(2)
  })

  it.each([
    ...spellings('127.0.0.1'),
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    'localhost',
    'a.localhost',
    'mixed.example.com',
  ])('never reaches it as %s', async (host) => {
    const guard = new Guard(['192.168.7.7'], resolve)
    await expect(send(guard, `http://${host}:${port}/`)).rejects.toThrow(why)
    expect(reached).toBe(0)
  })

  it('is refused when a name that was public a moment ago means a private address', async () => {
    const answers = [['93.184.216.34'], ['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['::1']]
    const rebinding = async (): Promise<readonly ResolvedAddress[]> =>
      (answers.shift() ?? ['127.0.0.1']).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    const guard = new Guard([], rebinding)
    const url = `https://rebind.example.com:${port}/`
    expect(await guard.addresses(guard.check(url))).toMatchObject([{ address: '93.184.216.34' }])
    for (let attempt = 0; attempt < 4; attempt++) {
      await expect(send(guard, url)).rejects.toThrow(/is not a public address/)
    }
    expect(reached).toBe(0)
  })
})
