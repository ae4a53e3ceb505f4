#!/usr/bin/env node
// Plain JavaScript without imports of ours at first, so that an old Node gets a sentence and not a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `error: Tidings needs Node 20.19 or later, this is ${process.versions.node}; install a later Node and try again.\n`,
  )
  process.exitCode = 1
} else {
  const { run } = await import('../dist/index.js')
  process.exitCode = await run(process.argv.slice(2), process)
}
