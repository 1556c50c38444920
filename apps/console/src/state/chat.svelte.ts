import { Failure, words } from '../net/failure'
import type { Relay } from '../net/relay.svelte'
import type {
  AgentId,
  ClientId,
  ConversationId,
  ConversationUpdate,
  InteractionId,
  InteractionRequest,
  Queue,
  RunId,
} from '../protocol'
import { Log, type Writing } from './log'
import { Outbox, type Outgoing } from './outbox'
import type { Row } from './rows'
import { randomId } from './random'
import * as storage from './storage'

/** The newest entries that are read at once, and the older ones at a time. */
const NEWEST = 300
const PAGE = 200
/** A message may have this many bytes. */
export const MOST_BYTES = 1_048_576
/** After a refusal that passes, when the server does not say. */
const AGAIN_MS = 2_000

export type Phase = 'joining' | 'joined' | 'gone' | 'no-agent'

/** Somebody who is in the conversation. */
export interface Present {
  viewerId: string
  user: string | undefined
  clientType: string | undefined
  connections: number
}

/** A conversation that is looked at. It follows while it is {@link open}, and can be opened again: then it goes on by its cursor. */
export class Chat {
  phase: Phase = $state('joining')
  /** Why it is not joined, if that passes. */
  problem: string | undefined = $state()
  name: string = $state('')
  readOnly: boolean = $state(false)
  rows: readonly Row[] = $state.raw([])
  writing: readonly Writing[] = $state.raw([])
  queue: Queue = $state.raw({ version: 0, running: [], queued: [] })
  questions: readonly InteractionRequest[] = $state.raw([])
  outgoing: readonly Outgoing[] = $state.raw([])
  present: readonly Present[] = $state.raw([])
  hasOlder: boolean = $state(false)
  older: 'idle' | 'loading' | 'failed' = $state('idle')
  isCurrent: boolean = $state(false)
  draft: string = $state('')
  conversationId: ConversationId | undefined = $state()

  readonly #relay: Relay
  #log: Log | undefined
  #outbox = new Outbox()
  #sending = false
  #again: ReturnType<typeof setTimeout> | undefined
  #frame: number | undefined
  #unlisten: (() => void) | undefined
  #joining = 0
  #present = new Map<string, Present>()

  constructor(
    relay: Relay,
    readonly clientId: ClientId,
    readonly agentId: AgentId,
    conversationId: ConversationId | undefined,
  ) {
    this.#relay = relay
    if (conversationId !== undefined) this.#begin(conversationId)
  }

  /** Follows it from here on. To be called again for each connection. */
  async open(): Promise<void> {
    const turn = (this.#joining += 1)
    this.#unlisten ??= this.#relay.listen((event, payload) => this.#hear(event, payload))
    if (!this.#relay.isOnline) return
    try {
      await this.#relay.select(this.clientId)
      const joined = await this.#relay.forward('joinConversation', this.agentId, {
        agentId: this.agentId,
        ...(this.conversationId !== undefined && { conversationId: this.conversationId }),
        clientType: 'console',
        ...(this.#log?.cursor(NEWEST) ?? { limit: NEWEST }),
      })
      if (turn !== this.#joining) return
      if (this.#log?.conversationId !== joined.conversationId) this.#begin(joined.conversationId)
      this.phase = 'joined'
      this.problem = undefined
      this.name = joined.name
      this.readOnly = joined.readOnly ?? false
      this.#present.clear()
      for (const attendee of joined.present ?? []) this.#comes(attendee)
      this.present = [...this.#present.values()]
      this.#log?.joined(joined)
      this.#changed()
      void this.#pump()
    } catch (error) {
      if (turn === this.#joining) this.#refused(error)
    }
  }

  #begin(conversationId: ConversationId): void {
    this.conversationId = conversationId
    this.#log = new Log(this.agentId, conversationId)
    this.#outbox = new Outbox(keptMessages(conversationId))
    this.outgoing = this.#outbox.items
    this.draft = storage.kept(`draft.${conversationId}`, storage.isString) ?? ''
  }

  #refused(error: unknown): void {
    const code = error instanceof Failure ? error.code : undefined
    if (code === 'ALREADY_JOINED') this.phase = 'joined'
    else if (code === 'CONVERSATION_NOT_FOUND') this.phase = 'gone'
    else if (code === 'AGENT_NOT_FOUND' || code === 'CLIENT_NOT_FOUND') this.phase = 'no-agent'
    else {
      this.problem = words(error)
      const wait = (error as Failure).retryAfterMs ?? AGAIN_MS
      // A connection that is lost opens it again by itself.
      if (this.#relay.isOnline) this.#later(wait, () => void this.open())
    }
  }

  #later(ms: number, what: () => void): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(what, ms)
  }

  /** Follows it no more. What is there stays, to go on from. */
  async close(): Promise<void> {
    this.#joining += 1
    clearTimeout(this.#again)
    this.#unlisten?.()
    this.#unlisten = undefined
    const { conversationId, agentId } = this
    if (conversationId === undefined || this.phase !== 'joined') return
    this.phase = 'joining'
    if (this.#relay.client === this.clientId) {
      await this.#relay
        .forward('leaveConversation', agentId, { agentId, conversationId })
        .catch(() => undefined)
    }
  }

  #hear(event: string, payload: unknown): void {
    if (event === 'remoteReconnected' && this.phase === 'joining') return void this.open()
    if (event === 'remoteReconnected') return void this.#pump()
    if (!this.#log) return
    if (event === 'conversationUpdate') this.#updated(payload as ConversationUpdate)
    if (!this.#log.receive(event, payload)) return
    this.#seen()
    this.#changed()
  }

  /** What has just been appended may be one of ours. */
  #seen(): void {
    const entry = this.#log?.entries.at(-1)
    if (!entry || !this.#outbox.seen(entry)) return
    for (const { messageId } of this.outgoing) {
      if (!this.#outbox.items.some((item) => item.messageId === messageId)) storage.forget(`out.${messageId}`)
    }
    this.outgoing = this.#outbox.items
  }

  #updated(update: ConversationUpdate): void {
    if (update.conversationId !== this.conversationId) return
    if (update.action === 'deleted') this.phase = 'gone'
    if (update.conversation) {
      this.name = update.conversation.name
      this.readOnly = update.conversation.readOnly ?? false
    }
    if (update.action === 'joined') this.#comes(update)
    if (update.action === 'left') this.#goes(update)
    this.present = [...this.#present.values()]
  }

  #comes({ viewerId, user, clientType }: Pick<ConversationUpdate, 'viewerId' | 'user' | 'clientType'>): void {
    if (viewerId === undefined) return
    const connections = (this.#present.get(viewerId)?.connections ?? 0) + 1
    this.#present.set(viewerId, { viewerId, user, clientType, connections })
  }

  #goes({ viewerId }: Pick<ConversationUpdate, 'viewerId'>): void {
    const present = viewerId === undefined ? undefined : this.#present.get(viewerId)
    if (!present) return
    if (present.connections > 1)
      this.#present.set(present.viewerId, { ...present, connections: present.connections - 1 })
    else this.#present.delete(present.viewerId)
  }

  /** Takes over what the log has, once for each picture that the browser draws. */
  #changed(): void {
    this.#frame ??= document.hidden
      ? setTimeout(() => this.#show(), 100)
      : requestAnimationFrame(() => this.#show())
  }

  #show(): void {
    this.#frame = undefined
    const log = this.#log
    if (!log) return
    this.rows = log.rows.all.slice()
    this.writing = [...log.writing.values()].map((writing) => ({ ...writing }))
    this.queue = log.queue
    this.questions = [...log.open.values()]
    this.hasOlder = log.hasOlder
    this.isCurrent = log.isCurrent
  }

  /** Reads a page of what is before the first entry. */
  async loadOlder(): Promise<void> {
    const log = this.#log
    if (!log?.hasOlder || this.older === 'loading') return
    this.older = 'loading'
    const { agentId, conversationId, life } = log
    try {
      const payload = { agentId, conversationId, beforeSeq: log.firstSeq, limit: PAGE }
      const page = await this.#relay.forward('getHistory', agentId, payload)
      const isOfIt = log.older(page, life)
      this.older = 'idle'
      if (isOfIt && log === this.#log) this.#changed()
    } catch {
      this.older = 'failed'
    }
  }

  /** Says something. It is kept, and sent until it is stored or refused. */
  send(text: string, { interrupt = false } = {}): void {
    const { clientId, agentId, conversationId } = this
    if (conversationId === undefined) return
    const item: Outgoing = {
      messageId: randomId(),
      runId: `r_${randomId()}`,
      clientId,
      agentId,
      conversationId,
      text,
      interrupt,
      at: new Date().toISOString(),
      state: 'waiting',
    }
    storage.keep(`out.${item.messageId}`, item)
    this.#outbox.add(item)
    this.outgoing = this.#outbox.items
    void this.#pump()
  }

  retry(messageId: string): void {
    this.#outbox.retry(messageId)
    this.outgoing = this.#outbox.items
    void this.#pump()
  }

  discard(messageId: string): void {
    storage.forget(`out.${messageId}`)
    this.#outbox.remove(messageId)
    this.outgoing = this.#outbox.items
  }

  /** Sends what waits, one after the other, so that their order stays. */
  async #pump(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      for (let item = this.#outbox.next; item && this.#canSend(); item = this.#outbox.next) {
        if (!(await this.#sendOne(item))) break
      }
    } finally {
      this.#sending = false
    }
  }

  #canSend(): boolean {
    return this.phase === 'joined' && this.#relay.isOnline && this.#relay.client === this.clientId
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
      const accepted = await this.#relay.forward('chat', agentId, chat)
      this.#outbox.accepted(messageId, accepted, this.#log?.head ?? 0)
      storage.forget(`out.${messageId}`)
      return true
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('INTERNAL', words(error))
      if (failure.isPassing) {
        if (failure.code !== 'OFFLINE') this.#later(failure.retryAfterMs ?? AGAIN_MS, () => void this.#pump())
        return false
      }
      this.#outbox.failed(messageId, failure.code, failure.message)
      const item = this.#outbox.items.find((item) => item.messageId === messageId)
      if (item) storage.keep(`out.${messageId}`, item)
      return true
    } finally {
      this.outgoing = this.#outbox.items
    }
  }

  /** Keeps what is being written. */
  setDraft(draft: string): void {
    this.draft = draft
    if (this.conversationId === undefined) return
    if (draft === '') storage.forget(`draft.${this.conversationId}`)
    else storage.keep(`draft.${this.conversationId}`, draft)
  }

  /** Ends a run, whether it waits or runs. Throws a {@link Failure}. */
  async cancel(runId: RunId): Promise<void> {
    await this.#relay.forward('cancelRun', this.agentId, { runId, agentId: this.agentId }).catch(unlessOver)
  }

  /** Lets a run that waits be the next. Throws a {@link Failure}. */
  async promote(runId: RunId): Promise<void> {
    await this.#relay.forward('promoteRun', this.agentId, { runId, agentId: this.agentId }).catch(unlessOver)
  }

  /** Answers a question, or declines to without a value. Throws a {@link Failure}. */
  async answer(interactionId: InteractionId, value: unknown): Promise<void> {
    const answer = value === undefined ? { cancel: true } : { value }
    await this.#relay.forward('respondInteraction', this.agentId, {
      agentId: this.agentId,
      interactionId,
      ...answer,
    })
  }
}

/** A run that has ended meanwhile is as good as cancelled. */
function unlessOver(error: unknown): void {
  if (!(error instanceof Failure) || error.code !== 'RUN_NOT_FOUND') throw error
}

function isOutgoing(value: unknown): value is Outgoing {
  return (
    storage.isRecord(value) &&
    ['messageId', 'runId', 'clientId', 'agentId', 'conversationId', 'text', 'at', 'state'].every(
      (name) => typeof value[name] === 'string',
    )
  )
}

/** What this browser has kept of messages to a conversation, the oldest first. */
function keptMessages(conversationId: ConversationId): Outgoing[] {
  return storage
    .keys('out.')
    .map((key) => storage.kept(key, isOutgoing))
    .filter((item) => item?.conversationId === conversationId)
    .filter((item) => item !== undefined)
    .sort((a, b) => a.at.localeCompare(b.at))
}
