/** What comes due when: a binary min-heap. Entries are never removed; who takes one checks that it still holds. */
export class DueTimes<Item> {
  readonly #heap: { readonly at: number; readonly item: Item }[] = []

  add(at: number, item: Item): void {
    const heap = this.#heap
    heap.push({ at, item })
    let index = heap.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.at <= heap[index]!.at) break
      swap(heap, parent, index)
      index = parent
    }
  }

  /** The earliest time, `Infinity` when there is none. */
  get earliest(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  get first(): Item | undefined {
    return this.#heap[0]?.item
  }

  takeFirst(): Item | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return undefined
    if (heap.length > 0) {
      heap[0] = last
      sink(heap)
    }
    return first.item
  }

  clear(): void {
    this.#heap.length = 0
  }
}

function sink(heap: { readonly at: number }[]): void {
  let index = 0
  for (;;) {
    const left = 2 * index + 1
    const right = left + 1
    let least = index
    if (left < heap.length && heap[left]!.at < heap[least]!.at) least = left
    if (right < heap.length && heap[right]!.at < heap[least]!.at) least = right
    if (least === index) return
    swap(heap, least, index)
    index = least
  }
}

function swap<Item>(heap: Item[], left: number, right: number): void {
  const item = heap[left]!
  heap[left] = heap[right]!
  heap[right] = item
}
