/** One's own messages, to be brought back and changed: the newest first, none twice in a row. */
export class Recall {
  #place = -1
  #draft = ''

  constructor(private readonly said: () => readonly string[]) {}

  /** The message before the one that is shown; `draft` is what was being written. */
  older(draft: string): string | undefined {
    const said = this.said()
    if (this.#place + 1 >= said.length) return undefined
    if (this.#place < 0) this.#draft = draft
    this.#place += 1
    return said[this.#place]
  }

  /** The message after it; behind the newest, what was being written. */
  newer(): string | undefined {
    if (this.#place < 0) return undefined
    this.#place -= 1
    return this.#place < 0 ? this.#draft : this.said()[this.#place]
  }

  /** Something else was typed, or it was sent. */
  reset(): void {
    this.#place = -1
  }

  get isActive(): boolean {
    return this.#place >= 0
  }
}
