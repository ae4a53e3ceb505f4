/**
 * The whole pence of a decimal amount in pounds, half a penny rounded up. Works on the text, because
 * `22.2 * 100` is already wrong. `undefined` for anything but digits with at most one point.
 */
export function penceOf(amount: string): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,30}))?$/.exec(amount)
  if (!match) return undefined
  const [, pounds = '', fraction = ''] = match
  const digits = fraction.padEnd(3, '0')
  const roundsUp = digits.charAt(2) >= '5'
  return Number(pounds) * 100 + Number(digits.slice(0, 2)) + (roundsUp ? 1 : 0)
}

/** `£8,911,407.90` */
export function formatPence(pence: number): string {
  const sign = pence < 0 ? '-' : ''
  const pounds = Math.floor(Math.abs(pence) / 100).toLocaleString('en-GB')
  return `${sign}£${pounds}.${String(Math.abs(pence) % 100).padStart(2, '0')}`
}
