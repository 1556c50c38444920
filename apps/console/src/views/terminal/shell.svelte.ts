import { Failure, words } from '../../net/failure'
import type { Relay } from '../../net/relay.svelte'
import type { SessionId, TerminalClosed, TerminalEnd, TerminalInfo, TerminalOutput } from '../../protocol'
import { brief } from '../../state/safe'
import { text } from '../../text'
import { Screen } from './screen'
import { Typing } from './typing'

/** How it ended; that it did while we were away is all that is known of `unknown`. */
export interface End {
  reason: TerminalEnd | 'unknown'
  exitCode: number | undefined
}

/** One terminal of an agent. It is watched from the first {@link join} on. */
export class Shell {
  /** What its program calls it. */
  title: string = $state('')
  end: End | undefined = $state.raw()
  /** What did not work, in words. */
  notice: string | undefined = $state()
  isJoined: boolean = $state(false)
  /** Whoever wants the keyboard back. */
  leave: () => void = () => {}

  readonly screen: Screen
  readonly sessionId: SessionId
  readonly #relay: Relay
  readonly #typing: Typing
  #isWanted = false

  constructor(
    relay: Relay,
    readonly info: TerminalInfo,
  ) {
    this.#relay = relay
    this.sessionId = info.sessionId
    this.screen = new Screen({
      typed: (data) => this.type(data),
      titled: (title) => (this.title = brief(title, 60)),
      resized: () => this.#resize(),
      focused: () => this.#resize(),
      left: () => this.leave(),
    })
    this.#typing = new Typing({
      send: (data) =>
        relay.forward('terminalInput', info.agentId, {
          agentId: info.agentId,
          sessionId: info.sessionId,
          data,
        }),
      refused: (why) => (this.notice = text.terminal.notTyped(why)),
    })
  }

  /** What it is called on its tab. */
  get name(): string {
    return this.title || brief(this.info.shell.split('/').at(-1) ?? '', 40)
  }

  /** Whether it is or was watched: then it is watched again on the next connection. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** Our own new terminal: it is watched already. */
  begun(): void {
    this.#isWanted = true
    this.isJoined = true
  }

  /** Watches it from here on, or goes on where it was. Throws a {@link Failure}. */
  async join(): Promise<void> {
    if (this.end) return
    const offset = this.screen.offset
    this.#isWanted = true
    const asked = { agentId: this.info.agentId, sessionId: this.sessionId }
    try {
      // Output comes behind the acknowledgement.
      const info = await this.#relay.forward('joinTerminal', this.info.agentId, {
        ...asked,
        ...(offset !== undefined && { offset }),
      })
      if (offset === undefined) this.screen.came(info.offset)
      this.isJoined = true
      this.#resize()
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'TERMINAL_NOT_FOUND') throw error
      this.gone()
    }
  }

  /** The connection is lost: what was typed and not acknowledged is not typed again. */
  lost(): void {
    this.isJoined = false
    this.#typing.drop()
  }

  output({ offset, data }: TerminalOutput): void {
    this.screen.output(offset, data)
  }

  closed({ reason, exitCode }: TerminalClosed): void {
    this.#ended({ reason, exitCode })
  }

  /** The manager does not have it any more. */
  gone(): void {
    if (!this.end) this.#ended({ reason: 'unknown', exitCode: undefined })
  }

  type(data: string): void {
    this.notice = undefined
    if (this.end) return
    if (!this.isJoined) this.notice = text.terminal.notTyped(text.terminal.notConnected)
    else if (!this.#typing.type(data)) this.notice = text.terminal.notTyped(text.terminal.tooMuch)
  }

  /** Ends it, with all that runs in it. Throws a {@link Failure}. */
  async close(): Promise<void> {
    const { agentId } = this.info
    try {
      if (!this.isJoined) await this.join()
      if (!this.end)
        await this.#relay.forward('closeTerminal', agentId, { agentId, sessionId: this.sessionId })
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'TERMINAL_NOT_FOUND') throw error
      this.gone()
    }
  }

  /** Looks at it no more; what runs in it goes on for as long as somebody else does. */
  dispose(): void {
    const { agentId } = this.info
    this.#typing.drop()
    if (this.isJoined && !this.end)
      this.#relay.forward('leaveTerminal', agentId, { agentId, sessionId: this.sessionId }).catch(words)
    this.isJoined = false
    this.screen.dispose()
  }

  #ended(end: End): void {
    this.end = end
    this.isJoined = false
    this.#typing.drop()
    this.screen.end()
  }

  /** Whoever looks or types last gives the size. Those who may only look cannot, which is no matter. */
  #resize(): void {
    const { agentId } = this.info
    if (!this.isJoined || this.end) return
    const resize = { agentId, sessionId: this.sessionId, ...this.screen.size }
    this.#relay.forward('resizeTerminal', agentId, resize).catch(() => undefined)
  }
}
