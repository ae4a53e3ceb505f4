const lastWordsMs = 3000

/** An environment variable that this process cannot do without. */
export function required(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '')
    throw new Error(`The environment variable ${name} is missing; set it and start again.`)
  return value
}

/** Says that this process serves, and stops it when it is told to or when the one who started it is gone. */
export function announce(url: string, stop: () => Promise<unknown>): void {
  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    setTimeout(() => process.exit(1), lastWordsMs).unref()
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', end)
  if (process.env['STOP_WITH_STDIN'] === '1') {
    // Ctrl-C reaches every process of the terminal; the one who started us stops us in the right order.
    process.on('SIGINT', () => undefined)
    process.stdin.resume().once('close', end)
  } else {
    process.once('SIGINT', end)
  }
  console.log(`listening on ${url}`)
}
