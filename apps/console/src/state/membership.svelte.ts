import { Failure, words } from '../net/failure'
import type { Relay } from '../net/relay.svelte'
import type { AgentId, ConnectionId, ConversationId, Joined, JoinConversation } from '../protocol'

/** After a refusal that passes, when the server does not say. */
const AGAIN_MS = 2_000

export type Phase = 'joining' | 'joined' | 'gone' | 'no-agent'

interface Options {
  relay: Relay
  agentId: AgentId
  /** What to join, from where on. */
  wanted: () => JoinConversation
  /** Called with the acknowledgement, before the replay that is right behind it. */
  joined: (joined: Joined) => void
  /** Called when it is joined, and whenever its manager is back. */
  restored: () => void
}

/** Being in one conversation: joined on each new connection, one attempt at a time, until it is left. */
export class Membership {
  phase: Phase = $state('joining')
  /** Why it is not joined, if that passes. */
  problem: string | undefined = $state()

  #unlisten: (() => void) | undefined
  #entering: Promise<void> | undefined
  #again: ReturnType<typeof setTimeout> | undefined
  /** Where it is joined. */
  #place: { connection: ConnectionId | undefined; conversationId: ConversationId } | undefined

  constructor(private readonly options: Options) {}

  /** Whether it is joined, or is to be. */
  get isWanted(): boolean {
    return this.#unlisten !== undefined
  }

  /** It can be spoken in now. */
  get isIn(): boolean {
    return this.#place !== undefined && this.#isHere
  }

  get #isHere(): boolean {
    const { relay } = this.options
    return relay.isReady && this.#place?.connection === relay.connection?.connectionId
  }

  /** Joins it now and on each new connection. */
  async enter(): Promise<void> {
    this.#unlisten ??= this.options.relay.listen((event) => this.#hear(event))
    this.#entering ??= this.#enter().finally(() => (this.#entering = undefined))
    await this.#entering
  }

  /** Leaves it. Who waits for this may join the same one again. */
  async leave(): Promise<void> {
    this.#unlisten?.()
    this.#unlisten = undefined
    clearTimeout(this.#again)
    // Whether there is anything to leave is known when the join is answered.
    await this.#entering
    if (this.#unlisten !== undefined || !this.isIn) return
    this.phase = 'joining'
    this.#tellLeaving()
  }

  #hear(event: string): void {
    if (event === 'ready') void this.enter()
    if (event !== 'remoteReconnected') return
    if (this.isIn) this.options.restored()
    else void this.enter()
  }

  async #enter(): Promise<void> {
    const { relay, agentId } = this.options
    clearTimeout(this.#again)
    if (relay.problem) return this.#refused(relay.problem)
    if (!relay.isReady || this.isIn) return
    try {
      await relay.forward('joinConversation', agentId, this.options.wanted(), (joined) =>
        this.#joined(joined),
      )
      this.options.restored()
    } catch (error) {
      this.#refused(error)
    }
  }

  #joined(joined: Joined): void {
    const connection = this.options.relay.connection?.connectionId
    this.#place = { connection, conversationId: joined.conversationId }
    this.phase = 'joined'
    this.problem = undefined
    this.options.joined(joined)
  }

  #refused(error: unknown): void {
    const failure = error instanceof Failure ? error : new Failure('INTERNAL', words(error))
    if (failure.code === 'CONVERSATION_NOT_FOUND') this.phase = 'gone'
    else if (failure.code === 'AGENT_NOT_FOUND' || failure.code === 'CLIENT_NOT_FOUND')
      this.phase = 'no-agent'
    else {
      this.problem = failure.message
      // A connection that is lost joins again by itself.
      if (failure.code !== 'OFFLINE') this.#later(failure.retryAfterMs ?? AGAIN_MS)
    }
  }

  #later(ms: number): void {
    clearTimeout(this.#again)
    if (this.isWanted) this.#again = setTimeout(() => void this.enter(), ms)
  }

  /** Nobody waits for the answer: what is sent behind it comes behind it. */
  #tellLeaving(): void {
    const { relay, agentId } = this.options
    const conversationId = this.#place?.conversationId
    this.#place = undefined
    if (conversationId === undefined) return
    relay.forward('leaveConversation', agentId, { agentId, conversationId }).catch(() => undefined)
  }
}
