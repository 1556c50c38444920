import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'

import { text } from '../../text'
import { Cursor } from './cursor'
import { palette } from './palette'
import { allowStyleAttributes, withStyles } from './policy'

/** Lines that can be scrolled back to. */
const SCROLLBACK = 5_000
/** Output that waits to be drawn, in UTF-16 units. What comes beyond it is skipped, or a flood would stop the page. */
const MOST_WAITING = 4 * 1024 * 1024
/** The server takes sizes up to this. */
const MOST_SIDE = 1_000

interface Events {
  typed: (data: string) => void
  titled: (title: string) => void
  resized: (cols: number, rows: number) => void
  focused: () => void
  /** Somebody wants out by the keyboard. */
  left: () => void
}

allowStyleAttributes()

/** What a terminal shows. It can be taken out of the page and put in again. */
export class Screen {
  readonly #terminal: Terminal
  readonly #fit = new FitAddon()
  readonly #holder = document.createElement('div')
  readonly #cursor = new Cursor()
  readonly #events: Events
  #waiting = 0
  /** Bytes that are not shown, since the last that were. */
  #skipped = 0
  /** Output before this has been there before we were: nobody waits for what the terminal answers to it. */
  #historyEnd = 0
  /** How far the output has got onto the screen. */
  #drawn = 0
  #isOpen = false

  constructor(events: Events) {
    this.#events = events
    this.#terminal = new Terminal({
      scrollback: SCROLLBACK,
      fontSize: 13,
      lineHeight: 1.15,
      minimumContrastRatio: 4.5,
      cursorBlink: false,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
    })
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.onData((data) => this.#isHistory || events.typed(data))
    this.#terminal.onTitleChange(events.titled)
    this.#terminal.onResize(({ cols, rows }) => events.resized(cols, rows))
    this.#terminal.attachCustomKeyEventHandler((event) => this.#key(event))
    this.#holder.className = 'screen'
  }

  /** Where to go on. */
  get offset(): number | undefined {
    return this.#cursor.offset
  }

  get size(): { cols: number; rows: number } {
    const { cols, rows } = this.#terminal
    return { cols, rows }
  }

  /** Puts it into the page. */
  show(parent: HTMLElement): void {
    parent.replaceChildren(this.#holder)
    if (!this.#isOpen) {
      this.#isOpen = true
      withStyles(() => this.#terminal.open(this.#holder))
      this.#terminal.textarea?.addEventListener('focus', () => this.#events.focused())
      this.#terminal.textarea?.setAttribute('aria-label', text.terminal.input)
    }
    this.fit()
  }

  /** Takes the size of what it is in. */
  fit(): void {
    const size = this.#holder.isConnected ? this.#fit.proposeDimensions() : undefined
    if (!size || Number.isNaN(size.cols) || Number.isNaN(size.rows)) return
    const cols = Math.min(size.cols, MOST_SIDE)
    const rows = Math.min(size.rows, MOST_SIDE)
    if (cols !== this.#terminal.cols || rows !== this.#terminal.rows) this.#terminal.resize(cols, rows)
  }

  dress(isDark: boolean): void {
    this.#terminal.options.theme = palette(isDark)
  }

  /** Whether what is shown is told to screen readers. */
  read(isRead: boolean): void {
    this.#terminal.options.screenReaderMode = isRead
  }

  focus(): void {
    this.#terminal.focus()
  }

  paste(data: string): void {
    this.#terminal.paste(data)
  }

  /** Output up to here is what was there when we came. */
  came(offset: number): void {
    this.#historyEnd = offset
  }

  output(offset: number, data: string): void {
    const fresh = this.#cursor.take(offset, data)
    if (fresh.text === '') return
    this.#skipped += fresh.skipped
    if (this.#waiting + fresh.text.length > MOST_WAITING) {
      this.#skipped += new TextEncoder().encode(fresh.text).length
      return
    }
    this.#sayWhatIsSkipped()
    this.#write(fresh.text, this.#cursor.offset)
  }

  /** The output has come to its end. */
  end(): void {
    this.#sayWhatIsSkipped()
    this.#terminal.options.disableStdin = true
    this.#terminal.options.cursorInactiveStyle = 'none'
  }

  dispose(): void {
    this.#terminal.dispose()
    this.#holder.remove()
  }

  get #isHistory(): boolean {
    return this.#drawn < this.#historyEnd
  }

  #write(data: string, end = 0): void {
    this.#waiting += data.length
    this.#terminal.write(data, () => {
      this.#waiting -= data.length
      this.#drawn = Math.max(this.#drawn, end)
    })
  }

  #sayWhatIsSkipped(): void {
    if (this.#skipped === 0) return
    // The jump may be within an escape sequence: CAN ends it.
    const line = `\x18\x1b[0m\r\n\x1b[2m${text.terminal.skipped(this.#skipped)}\x1b[0m\r\n`
    this.#skipped = 0
    this.#write(line)
  }

  #key(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown' || !event.ctrlKey || event.altKey || event.metaKey) return true
    const key = event.key.toLowerCase()
    if (event.shiftKey && key === 'l') {
      event.preventDefault()
      this.#events.left()
      return false
    }
    // The browser pastes, and copies what is selected.
    if (key === 'v') return false
    if (key === 'c' && this.#terminal.hasSelection()) {
      event.preventDefault()
      document.execCommand('copy')
      if (!event.shiftKey) this.#terminal.clearSelection()
      return false
    }
    // Not the browser's developer tools.
    if (key === 'c' && event.shiftKey) event.preventDefault()
    return true
  }
}
