import type { TopicId } from './port.ts'

/** Those who want a hint when a topic may have grown. A listener runs later, so that it cannot disturb the append. */
export class Watchers {
  readonly #listeners = new Map<string, Set<() => void>>()

  /** Whether nobody wants one. */
  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  add({ namespace, topic }: TopicId, listener: () => void): () => void {
    const name = `${namespace}/${topic}`
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // The same function may watch twice; each has an end of its own.
    const watcher = (): void => listener()
    listeners.add(watcher)
    return () => {
      listeners.delete(watcher)
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name)
    }
  }

  notify({ namespace, topic }: TopicId): void {
    const listeners = this.#listeners.get(`${namespace}/${topic}`)
    if (!listeners) return
    for (const watcher of listeners) {
      queueMicrotask(() => {
        if (listeners.has(watcher)) watcher()
      })
    }
  }
}
