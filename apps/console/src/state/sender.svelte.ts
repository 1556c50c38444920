import { Failure, words } from '../net/failure'
import type { Relay } from '../net/relay.svelte'
import type { AgentId, ClientId, ConversationId, HistoryEvent, Seq } from '../protocol'
import { Outbox, type Outgoing } from './outbox'
import { randomId } from './random'
import * as storage from './storage'

/** After a refusal that passes, when the server does not say. */
const AGAIN_MS = 2_000

interface Conversation {
  clientId: ClientId
  agentId: AgentId
  conversationId: ConversationId
}

interface Options {
  relay: Relay
  /** Whether the conversation can be spoken in now. */
  canSend: () => boolean
  /** The newest entry that is shown. */
  head: () => Seq
  /** Called when nothing more is to be sent for now. */
  onidle: () => void
}

/** Sends what is said in one conversation, and keeps it in this browser until it is stored or refused. */
export class Sender {
  items: readonly Outgoing[] = $state.raw([])

  readonly #outbox: Outbox
  #isSending = false
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly about: Conversation,
    private readonly options: Options,
  ) {
    this.#outbox = new Outbox(keptMessages().filter((item) => item.conversationId === about.conversationId))
    this.#show()
  }

  /** Whether something is to be sent. */
  get isWaiting(): boolean {
    return this.#outbox.next !== undefined
  }

  send(text: string, interrupt: boolean): void {
    const ids = { messageId: randomId(), runId: `r_${randomId()}` }
    const at = new Date().toISOString()
    const item: Outgoing = { ...ids, ...this.about, text, interrupt, at, state: 'waiting' }
    storage.keep(keyOf(item.messageId), item)
    this.#outbox.add(item)
    this.#show()
    void this.pump()
  }

  retry(messageId: string): void {
    this.#outbox.retry(messageId)
    this.#show()
    void this.pump()
  }

  discard(messageId: string): void {
    storage.forget(keyOf(messageId))
    this.#outbox.remove(messageId)
    this.#show()
  }

  /** An entry of the log: it may be one of these. */
  seen(entry: HistoryEvent | undefined): void {
    if (!entry || !this.#outbox.seen(entry)) return
    const left = new Set(this.#outbox.items.map(({ messageId }) => messageId))
    for (const { messageId } of this.items) if (!left.has(messageId)) storage.forget(keyOf(messageId))
    this.#show()
  }

  /** Sends what waits, one after the other, so that their order stays. */
  async pump(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    try {
      for (let item = this.#outbox.next; item && this.options.canSend(); item = this.#outbox.next) {
        if (!(await this.#sendOne(item))) break
      }
    } finally {
      this.#isSending = false
    }
    this.options.onidle()
  }

  /** Whether to go on with the next one. */
  async #sendOne({ messageId, runId, text, agentId, conversationId, interrupt }: Outgoing): Promise<boolean> {
    try {
      const chat = {
        agentId,
        conversationId,
        messageId,
        runId,
        message: text,
        ...(interrupt && { interrupt }),
      }
      const accepted = await this.options.relay.forward('chat', agentId, chat)
      this.#outbox.accepted(messageId, accepted, this.options.head())
      storage.forget(keyOf(messageId))
      return true
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('INTERNAL', words(error))
      if (!failure.isPassing) {
        this.#fail(messageId, failure)
        return true
      }
      // A connection that is lost goes on by itself.
      if (failure.code !== 'OFFLINE') this.#later(failure.retryAfterMs ?? AGAIN_MS)
      return false
    } finally {
      this.#show()
    }
  }

  #fail(messageId: string, { code, message }: Failure): void {
    this.#outbox.failed(messageId, code, message)
    const item = this.#outbox.items.find((item) => item.messageId === messageId)
    if (item) storage.keep(keyOf(messageId), item)
  }

  #later(ms: number): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(() => void this.pump(), ms)
  }

  #show(): void {
    this.items = this.#outbox.items
  }
}

const keyOf = (messageId: string): string => `out.${messageId}`

function isOutgoing(value: unknown): value is Outgoing {
  return (
    storage.isRecord(value) &&
    ['messageId', 'runId', 'clientId', 'agentId', 'conversationId', 'text', 'at', 'state'].every(
      (name) => typeof value[name] === 'string',
    )
  )
}

/** What this browser has kept of messages that are not known to be stored, the oldest first. */
export function keptMessages(): Outgoing[] {
  return storage
    .keys('out.')
    .map((key) => storage.kept(key, isOutgoing))
    .filter((item) => item !== undefined)
    .sort((a, b) => a.at.localeCompare(b.at))
}
