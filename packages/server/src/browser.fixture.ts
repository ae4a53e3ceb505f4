import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join, normalize } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { chromium, type Browser, type Page } from 'playwright-core'

interface BrowserTest {
  skip(note?: string): never
}

/** The Chromium of this machine, headless. */
export async function openBrowser(test: BrowserTest): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const executablePath = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync)
  if (executablePath === undefined) {
    notRun(test, { part: 'chromium', reason: 'there is no Chromium', help: 'apt-get install chromium' })
  }
  // Its own sandbox needs rights that a container does not give; the pages are those of these tests.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}

export interface Site extends AsyncDisposable {
  readonly origin: string
  open(browser: Browser): Promise<Page>
}

const library = join(import.meta.dirname, '../../tidings/dist')

const html = `<title>Shop</title>
<script type="module">
  import { connect } from '/tidings/index.js'
  globalThis.connect = connect
</script>`

/** A web site of somebody, whose page has the built library's `connect`. */
export async function openSite(): Promise<Site> {
  const site = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (!path.startsWith('/tidings/')) return response.setHeader('content-type', 'text/html').end(html)
    void readFile(join(library, path.slice('/tidings/'.length))).then(
      (text) => response.setHeader('content-type', 'text/javascript').end(text),
      () => response.writeHead(404).end(),
    )
    return undefined
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  return {
    origin,
    async open(browser) {
      const page = await browser.newPage()
      await page.goto(origin)
      return page
    },
    async [Symbol.asyncDispose]() {
      site.closeAllConnections()
      await new Promise((resolve) => site.close(resolve))
    },
  }
}
