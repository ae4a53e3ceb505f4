/** Where reads are noted, as JSON pointers (RFC 6901) into the data, with `*` for any item of an array. */
export interface ReadsOfOne {
  /** A value was read that has nothing in it, or everything in it was: '' is all of the data. */
  read(pointer: string): void
  /** An object or array was taken in hand; what is read of it is noted by itself. */
  touched(pointer: string): void
}

/** What anybody asks of any value, without meaning its data: awaiting it, printing it, comparing it. */
const asked = new Set(['then', 'toJSON', 'constructor', '$$typeof', 'asymmetricMatch', 'nodeType', 'tagName'])

/**
 * The data of an event as a handler gets it while its reads are observed: plain objects and arrays behind proxies, which
 * are otherwise what they were. What a schema made of something else (dates, maps, instances of a class) is given as it
 * is and counts as read; so is what stands in a frozen object, because a proxy may not put anything in its place.
 */
export function observed<Value>(value: Value, reads: ReadsOfOne): Value {
  return new Observer(reads).of(value, '') as Value
}

class Observer {
  readonly #reads: ReadsOfOne
  /** One proxy for each object, so that what was equal stays equal. */
  readonly #proxies = new WeakMap<object, object>()
  readonly #made = new WeakSet<object>()

  constructor(reads: ReadsOfOne) {
    this.#reads = reads
  }

  of(value: unknown, pointer: string): unknown {
    if (!isPlain(value) || this.#made.has(value)) {
      this.#reads.read(pointer)
      return value
    }
    this.#reads.touched(pointer)
    const known = this.#proxies.get(value)
    if (known) return known
    const proxy = new Proxy(value, this.#traps(pointer))
    this.#proxies.set(value, proxy)
    this.#made.add(proxy)
    return proxy
  }

  #traps(pointer: string): ProxyHandler<object> {
    const note = (target: object, name: PropertyKey): string | undefined => {
      const step = typeof name === 'string' ? stepOf(target, name) : undefined
      return step === undefined ? undefined : `${pointer}/${step}`
    }
    return {
      get: (target, name, receiver) => {
        const value: unknown = Reflect.get(target, name, receiver)
        const at = note(target, name)
        if (at === undefined) return value
        if (isReplaceable(target, name)) return this.of(value, at)
        this.#reads.read(at)
        return value
      },
      has: (target, name) => {
        const at = note(target, name)
        if (at !== undefined) this.#reads.touched(at)
        return Reflect.has(target, name)
      },
      getOwnPropertyDescriptor: (target, name) => {
        const at = note(target, name)
        if (at !== undefined) this.#reads.touched(at)
        return Reflect.getOwnPropertyDescriptor(target, name)
      },
      ownKeys: (target) => {
        this.#reads.read(pointer)
        return Reflect.ownKeys(target)
      },
    }
  }
}

/** The step of a pointer to a member, also to one that is absent; `undefined` where it is none of the data. */
function stepOf(target: object, name: string): string | undefined {
  if (Array.isArray(target)) return /^\d+$/.test(name) ? '*' : undefined
  if (!Object.hasOwn(target, name) && (asked.has(name) || name in target)) return undefined
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || (prototype === Array.prototype && Array.isArray(value))
}

/** Whether a proxy may answer something else than what stands there. */
function isReplaceable(target: object, name: PropertyKey): boolean {
  const property = Reflect.getOwnPropertyDescriptor(target, name)
  return property === undefined || property.configurable === true || property.writable === true
}
