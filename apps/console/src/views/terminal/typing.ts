import { Failure, words } from '../../net/failure'

/** A `terminalInput` has at most this many bytes of UTF-8. */
export const MOST_BYTES = 64 * 1024
/** What may wait to be typed, in UTF-16 units. More is a paste that no program takes. */
const MOST_WAITING = 4 * 1024 * 1024
/** After a refusal that passes, when the server does not say. */
const AGAIN_MS = 200

const encoder = new TextEncoder()

/** As much of the beginning of a text as fits, in whole characters. */
export function head(text: string, most: number): string {
  // No unit of UTF-16 needs more than three bytes.
  if (text.length * 3 <= most) return text
  const room = new Uint8Array(most)
  return text.slice(0, encoder.encodeInto(text, room).read)
}

interface Options {
  /** Sends one input. Throws a {@link Failure}. */
  send: (data: string) => Promise<unknown>
  /** What could not be typed, in words. */
  refused: (why: string) => void
  wait?: (ms: number) => Promise<void>
}

/** What is typed into a terminal: sent in order, one input at a time, so that one that is refused for a while does not come after the next. */
export class Typing {
  #waiting = ''
  #isSending = false
  #turn = 0
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  /** Whether it will be sent. */
  type(data: string): boolean {
    if (this.#waiting.length + data.length > MOST_WAITING) return false
    this.#waiting += data
    void this.#pump()
    return true
  }

  /** What waits is not sent any more. */
  drop(): void {
    this.#waiting = ''
    this.#turn += 1
  }

  async #pump(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    try {
      while (this.#waiting !== '') {
        const next = head(this.#waiting, MOST_BYTES)
        this.#waiting = this.#waiting.slice(next.length)
        await this.#send(next)
      }
    } catch (error) {
      this.drop()
      this.#options.refused(words(error))
    } finally {
      this.#isSending = false
    }
  }

  async #send(data: string): Promise<void> {
    for (const turn = this.#turn; turn === this.#turn;) {
      try {
        return void (await this.#options.send(data))
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'RATE_LIMITED') throw error
        await (this.#options.wait ?? sleep)(error.retryAfterMs ?? AGAIN_MS)
      }
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
