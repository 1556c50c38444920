/** What of an output is still to be shown. */
export interface Fresh {
  text: string
  /** Bytes of UTF-8 between what was shown before and this, which nobody has any more. */
  skipped: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** How far a terminal's output has been shown, in bytes of UTF-8. What comes twice is shown once. */
export class Cursor {
  #offset: number | undefined

  /** Where to go on; nothing before the first output. */
  get offset(): number | undefined {
    return this.#offset
  }

  take(offset: number, data: string): Fresh {
    const bytes = encoder.encode(data)
    const end = offset + bytes.length
    const at = this.#offset ?? offset
    this.#offset = Math.max(at, end)
    if (offset >= at) return { text: data, skipped: offset - at }
    return { text: end <= at ? '' : decoder.decode(bytes.subarray(at - offset)), skipped: 0 }
  }
}
