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
  conversationId: ConversationId | undefined
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

  #outbox: Outbox
  #isSending = false
  /** The one that is under way. */
  sendingId: string | undefined = $state()
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(
    private about: Conversation,
    private readonly options: Options,
  ) {
    const { agentId, conversationId } = about
    const isOurs = (item: Outgoing): boolean =>
      item.agentId === agentId && item.conversationId === conversationId
    this.#outbox = new Outbox(keptMessages().filter(isOurs))
    this.#show()
  }

  /** It is known which conversation it is. */
  adopt(conversationId: ConversationId): void {
    if (this.about.conversationId === conversationId) return
    this.about = { ...this.about, conversationId }
    for (const item of keptMessages()) if (item.conversationId === conversationId) this.#outbox.add(item)
    this.#show()
  }

  /** Whether something is to be sent. */
  get isWaiting(): boolean {
    return this.#outbox.next !== undefined
  }

  send(text: string, interrupt: boolean): void {
    const ids = { messageId: randomId(), runId: `r_${randomId()}` }
    const at = new Date().toISOString()
    const item: Outgoing = { ...ids, ...this.about, text, interrupt, at, state: 'waiting', isKept: true }
    const isKept = storage.keep(keyOf(item.messageId), item)
    this.#outbox.add({ ...item, isKept })
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

  /** The log began anew: what was stored in the one before is gone with it. */
  cleared(): void {
    this.#outbox.cleared()
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
  async #sendOne({ messageId, runId, text, agentId, interrupt }: Outgoing): Promise<boolean> {
    const { conversationId } = this.about
    this.sendingId = messageId
    try {
      const chat = {
        agentId,
        ...(conversationId !== undefined && { conversationId }),
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
      this.sendingId = undefined
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

const keyOf = (messageId: string): string => storage.mine(`out.${messageId}`)

function isOutgoing(value: unknown): value is Outgoing {
  return (
    storage.isRecord(value) &&
    ['messageId', 'runId', 'clientId', 'agentId', 'text', 'at'].every(
      (name) => typeof value[name] === 'string',
    ) &&
    ['string', 'undefined'].includes(typeof value.conversationId) &&
    ['waiting', 'stored', 'failed'].includes(value.state as string)
  )
}

/** What this browser has kept of messages that are not known to be stored, the oldest first. */
export function keptMessages(): Outgoing[] {
  return storage
    .keys(storage.mine('out.'))
    .map((key) => storage.kept(key, isOutgoing))
    .filter((item) => item !== undefined)
    .sort((a, b) => a.at.localeCompare(b.at))
}
