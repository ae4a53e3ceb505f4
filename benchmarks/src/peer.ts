import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startServer } from '@tidings/server'

/**
 * The other end of the loopback, in a process of its own: `store <folder>` is a Tidings server, `nothing` one that takes
 * requests and answers them. It prints its URL once it listens, and ends with its standard input.
 */
const [what, path = ''] = process.argv.slice(2)

if (what === 'nothing') {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'))
  })
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
} else {
  const server = await startServer({ path, port: 0 })
  console.log(server.url)
}
process.stdin.on('end', () => process.exit()).resume()
