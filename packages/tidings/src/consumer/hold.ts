/** A delivery as its consumer holds it: whatever is done for it after the hold is over is in vain. */
export interface HeldDelivery {
  readonly isOver: boolean
  /** Aborts when the hold is over. Made when somebody asks for it, which most handlers never do. */
  readonly signal: AbortSignal
}

export class Hold implements HeldDelivery {
  #isOver = false
  #controller: AbortController | undefined

  get isOver(): boolean {
    return this.#isOver
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isOver) this.#controller.abort()
    return this.#controller.signal
  }

  end(): void {
    this.#isOver = true
    this.#controller?.abort()
  }
}
