import type {
  AgentId,
  ChatAccepted,
  ClientId,
  ConversationId,
  ErrorCode,
  HistoryEvent,
  MessageId,
  RunId,
  Seq,
} from '../protocol'

/** A message of ours that is not in the log yet, as far as this page knows. */
export interface Outgoing {
  messageId: MessageId
  runId: RunId
  clientId: ClientId
  agentId: AgentId
  /** Without one it is the agent's `default`, of which it is not known yet which one that is. */
  conversationId?: ConversationId | undefined
  text: string
  interrupt: boolean
  /** When it was written. */
  at: string
  /** Stored is on disk; its entry is on its way. */
  state: 'waiting' | 'stored' | 'failed'
  /** With `failed`: why. */
  error?: { code: ErrorCode | 'OFFLINE'; message: string }
  /** Whether it survives a reload of the page. */
  isKept: boolean
  /** With `stored`: its place in the log. */
  seq?: Seq
}

/** The messages of one conversation that wait, in the order in which they were written. No I/O: whoever owns it sends and keeps them. */
export class Outbox {
  items: readonly Outgoing[] = []

  constructor(items: readonly Outgoing[] = []) {
    // What was given up stays so; whether the rest was stored before the page went is found out by sending it again.
    this.items = items.map((item) => (item.state === 'stored' ? { ...item, state: 'waiting' } : item))
  }

  add(item: Outgoing): void {
    if (!this.items.some(({ messageId }) => messageId === item.messageId)) this.items = [...this.items, item]
  }

  /** The next one to be sent. One that failed does not hold up those behind it. */
  get next(): Outgoing | undefined {
    return this.items.find(({ state }) => state === 'waiting')
  }

  /** It is on disk. If the log goes that far already, it is shown there. */
  accepted(messageId: MessageId, { seq }: ChatAccepted, head: Seq): void {
    this.items = seq <= head ? this.#without(messageId) : this.#change(messageId, { state: 'stored', seq })
  }

  failed(messageId: MessageId, code: ErrorCode | 'OFFLINE', message: string): void {
    this.items = this.#change(messageId, { state: 'failed', error: { code, message } })
  }

  retry(messageId: MessageId): void {
    this.items = this.items.map((item) => {
      if (item.messageId !== messageId) return item
      const { error: _, ...again } = item
      return { ...again, state: 'waiting' }
    })
  }

  remove(messageId: MessageId): void {
    this.items = this.#without(messageId)
  }

  /** An entry of the log: the message itself, or one behind it. Whether anything has changed. */
  seen({ event, payload }: HistoryEvent): boolean {
    if (this.items.length === 0) return false
    const before = this.items.length
    const messageId = event === 'chatMessage' && payload.from === 'user' ? payload.messageId : undefined
    this.items = this.items.filter(
      (item) => item.messageId !== messageId && !(item.seq !== undefined && item.seq <= payload.seq),
    )
    return this.items.length !== before
  }

  /** The log has begun anew: what was stored went with it. Whether anything has changed. */
  cleared(): boolean {
    const before = this.items.length
    this.items = this.items.filter(({ state }) => state !== 'stored')
    return this.items.length !== before
  }

  #change(messageId: MessageId, change: Partial<Outgoing>): Outgoing[] {
    return this.items.map((item) => (item.messageId === messageId ? { ...item, ...change } : item))
  }

  #without(messageId: MessageId): Outgoing[] {
    return this.items.filter((item) => item.messageId !== messageId)
  }
}
