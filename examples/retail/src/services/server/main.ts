import { startServer } from '@tidings/server'
import { announce, required } from '../../process/child.ts'

/** The message platform: a broker with a store of its own, over HTTP and WebSocket. */
const server = await startServer({ path: required('STORE_DIRECTORY'), port: Number(process.env['PORT'] ?? 7070) })
announce(server.url, () => server.stop())
