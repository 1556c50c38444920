/**
 * When to try again: the first time at once, then with full jitter over `min(30 s, 0.5 s · 2ⁿ)`, for as long as it takes. The same
 * law as between controller and managers (libs/link).
 */
const FIRST_MS = 500
const MOST_MS = 30_000
/** A connection that lasted this long was a good one: the next loss begins anew. */
const STABLE_MS = 10_000

export class Backoff {
  #attempts = 0
  #since: number | undefined

  constructor(private readonly random: () => number = Math.random) {}

  /** The connection is there. */
  connected(now: number): void {
    this.#since = now
  }

  /** It is lost, or an attempt has failed: the number of the next attempt, and how long to wait for it. */
  next(now: number): { attempt: number; delayMs: number } {
    if (this.#since !== undefined && now - this.#since >= STABLE_MS) this.#attempts = 0
    this.#since = undefined
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.#attempts)
    this.#attempts += 1
    return { attempt: this.#attempts, delayMs: Math.round(most * this.random()) }
  }
}
