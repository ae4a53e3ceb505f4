/** How often each of the keys comes. */
export type Spread = 'uniform' | 'zipf'

/** So many keys, numbered by how often they come, in an order that is always the same. */
export function keysOf(spread: Spread, { keys, messages }: { keys: number; messages: number }): Uint32Array {
  const chosen = new Uint32Array(messages)
  const upTo = spread === 'zipf' ? shares(keys) : undefined
  let chance = 42
  for (let number = 0; number < messages; number++) {
    // A linear congruential generator (Numerical Recipes) is even enough for this.
    chance = (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0
    const part = chance / 2 ** 32
    chosen[number] = upTo ? firstAbove(upTo, part) : Math.floor(part * keys)
  }
  return chosen
}

/** Of the first keys together, where the n-th comes 1/n times as often as the first. */
function shares(keys: number): Float64Array {
  const upTo = new Float64Array(keys)
  let sum = 0
  for (let key = 0; key < keys; key++) upTo[key] = sum += 1 / (key + 1)
  return upTo.map((each) => each / sum)
}

function firstAbove(upTo: Float64Array, part: number): number {
  let [low, high] = [0, upTo.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (upTo[middle]! > part) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * How long the messages take with no system at all: each as soon as the one before it of its key is done, `window` at
 * once. The keys that are ready take turns.
 */
export async function idealSeconds(keys: Uint32Array, window: number, handle: () => Promise<void>): Promise<number> {
  const waiting = new Map<number, number>()
  for (const key of keys) waiting.set(key, (waiting.get(key) ?? 0) + 1)
  const start = performance.now()
  // The one with the most before it would hold up the end, so it goes first.
  const ready = [...waiting.keys()].sort((left, right) => waiting.get(right)! - waiting.get(left)!)
  let running = 0
  let next = 0
  await new Promise<void>((resolve, reject) => {
    const begin = (): void => {
      while (running < window && next < ready.length) {
        const key = ready[next++]!
        running++
        handle().then(() => {
          running--
          const left = waiting.get(key)! - 1
          waiting.set(key, left)
          if (left > 0) ready.push(key)
          if (running === 0 && next === ready.length) resolve()
          else begin()
        }, reject)
      }
    }
    begin()
  })
  return (performance.now() - start) / 1_000
}
