/** Yes, no, or not known. */
export type Answer = boolean | undefined

export function not(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer
}

/** Whether all are met: one that is not decides, however little is known of the others. */
export function all<Item>(items: Iterable<Item>, ask: (item: Item) => Answer): Answer {
  let result: Answer = true
  for (const item of items) {
    const answer = ask(item)
    if (answer === false) return false
    if (answer === undefined) result = undefined
  }
  return result
}

export function any<Item>(items: Iterable<Item>, ask: (item: Item) => Answer): Answer {
  return not(all(items, (item) => not(ask(item))))
}
