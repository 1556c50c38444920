import { Failure, words } from '../net/failure'
import type { Relay } from '../net/relay.svelte'
import type {
  AgentId,
  ClientId,
  ConnectionId,
  ConversationId,
  ConversationUpdate,
  InteractionId,
  InteractionRequest,
  Joined,
  Queue,
  RunId,
} from '../protocol'
import { Log, type Writing } from './log'
import type { Outgoing } from './outbox'
import { Presence, type Present } from './presence'
import type { Row } from './rows'
import { Sender } from './sender.svelte'
import * as storage from './storage'

/** The newest entries that are read at once, and the older ones at a time. */
const NEWEST = 300
const PAGE = 200
/** A message may have this many bytes. */
export const MOST_BYTES = 1_048_576
/** After a refusal that passes, when the server does not say. */
const AGAIN_MS = 2_000
/** How long after sending the last message it is known whether it waits. */
const LINGER_MS = 1_000

export type Phase = 'joining' | 'joined' | 'gone' | 'no-agent'

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
  present: readonly Present[] = $state.raw([])
  hasOlder: boolean = $state(false)
  older: 'idle' | 'loading' | 'failed' = $state('idle')
  isCurrent: boolean = $state(false)
  draft: string = $state('')
  conversationId: ConversationId | undefined = $state()

  readonly #relay: Relay
  #log: Log | undefined
  #sender: Sender | undefined = $state.raw()
  #again: ReturnType<typeof setTimeout> | undefined
  #frame: number | undefined
  #unlisten: (() => void) | undefined
  #joining = 0
  #opening: Promise<void> | undefined
  /** The connection on which it is joined. */
  #joinedOn: ConnectionId | undefined
  /** Nobody looks at it any more. */
  #isLeaving = false
  readonly #presence = new Presence()

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
    this.#isLeaving = false
    await this.#opening
    if (this.phase === 'joined' && this.#joinedOn === this.#relay.connection?.connectionId) return
    return this.#open()
  }

  async #open(): Promise<void> {
    const opening = this.#join((this.#joining += 1))
    this.#opening = opening
    await opening
  }

  async #join(turn: number): Promise<void> {
    this.#unlisten ??= this.#relay.listen((event, payload) => this.#hear(event, payload))
    if (!this.#relay.isOnline) return
    const { agentId, conversationId } = this
    const payload = {
      agentId,
      ...(conversationId !== undefined && { conversationId }),
      clientType: 'console',
      ...(this.#log?.cursor(NEWEST) ?? { limit: NEWEST }),
    }
    try {
      await this.#relay.select(this.clientId)
      // At once, before the replay that is right behind it.
      const joined = (data: Joined): void => void (turn === this.#joining && this.#joined(data))
      await this.#relay.forward('joinConversation', agentId, payload, joined)
      void this.#sender?.pump()
    } catch (error) {
      if (turn === this.#joining) this.#refused(error)
    }
  }

  #joined(joined: Joined): void {
    if (this.#log?.conversationId !== joined.conversationId) this.#begin(joined.conversationId)
    this.phase = 'joined'
    this.#joinedOn = this.#relay.connection?.connectionId
    this.problem = undefined
    this.name = joined.name
    this.readOnly = joined.readOnly ?? false
    this.#presence.begin(joined.present ?? [])
    this.present = this.#presence.all
    this.#log?.joined(joined)
    this.#changed()
  }

  #begin(conversationId: ConversationId): void {
    this.conversationId = conversationId
    this.#log = new Log(this.agentId, conversationId)
    const { clientId, agentId } = this
    this.#sender = new Sender(
      { clientId, agentId, conversationId },
      {
        relay: this.#relay,
        canSend: () => this.phase === 'joined' && this.#relay.isOnline && this.#relay.client === clientId,
        head: () => this.#log?.head ?? 0,
        // The queue that it may be in is told a little later.
        onidle: () => this.#isLeaving && !this.#isNeeded && this.#later(LINGER_MS, () => void this.#leave()),
      },
    )
    this.draft = storage.kept(`draft.${conversationId}`, storage.isString) ?? ''
  }

  #refused(error: unknown): void {
    const code = error instanceof Failure ? error.code : undefined
    if (code === 'CONVERSATION_NOT_FOUND') this.phase = 'gone'
    else if (code === 'AGENT_NOT_FOUND' || code === 'CLIENT_NOT_FOUND') this.phase = 'no-agent'
    else {
      this.problem = words(error)
      const wait = (error as Failure).retryAfterMs ?? AGAIN_MS
      // A connection that is lost opens it again by itself.
      if (this.#relay.isOnline) this.#later(wait, () => void this.#open())
    }
  }

  #later(ms: number, what: () => void): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(what, ms)
  }

  /**
   * Follows it no more, once nothing of ours waits here: what is not sent yet is to be sent, and what the agent has not begun would be
   * cancelled if nobody were there. What is shown stays, to go on from.
   */
  async close(): Promise<void> {
    this.#isLeaving = true
    await this.#leave()
  }

  /** Whether it is followed although nobody looks at it. */
  get isLingering(): boolean {
    return this.#isLeaving && this.#unlisten !== undefined
  }

  /** Goes on with what waits, on a new connection. */
  async linger(): Promise<void> {
    this.#isLeaving = true
    await this.#open()
  }

  get #isNeeded(): boolean {
    const me = this.#relay.connection?.viewerId
    const waits = this.#log?.queue.queued.some(({ viewerId }) => viewerId === me) ?? false
    return this.phase !== 'gone' && this.phase !== 'no-agent' && (waits || (this.#sender?.isWaiting ?? false))
  }

  async #leave(): Promise<void> {
    // Whether there is anything to leave is known when the join is answered.
    await this.#opening
    if (!this.#isLeaving || this.#isNeeded) return
    clearTimeout(this.#again)
    this.#unlisten?.()
    this.#unlisten = undefined
    const { conversationId, agentId } = this
    if (conversationId === undefined || this.phase !== 'joined') return
    this.phase = 'joining'
    this.#joinedOn = undefined
    if (this.#relay.client === this.clientId) {
      // Nobody waits for the answer: what is sent behind it comes behind it.
      this.#relay.forward('leaveConversation', agentId, { agentId, conversationId }).catch(() => undefined)
    }
  }

  #hear(event: string, payload: unknown): void {
    if (event === 'remoteReconnected' && this.phase === 'joining') return void this.#open()
    if (event === 'remoteReconnected') return void this.#sender?.pump()
    if (!this.#log) return
    if (event === 'conversationUpdate') this.#updated(payload as ConversationUpdate)
    if (!this.#log.receive(event, payload)) return
    this.#sender?.seen(this.#log.entries.at(-1))
    this.#changed()
    if (this.#isLeaving) void this.#leave()
  }

  #updated(update: ConversationUpdate): void {
    if (update.conversationId !== this.conversationId) return
    if (update.action === 'deleted') this.phase = 'gone'
    if (update.conversation) {
      this.name = update.conversation.name
      this.readOnly = update.conversation.readOnly ?? false
    }
    if (update.action === 'joined') this.#presence.comes(update)
    if (update.action === 'left') this.#presence.goes(update)
    this.present = this.#presence.all
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

  /** Messages of ours that are not in the log yet, as far as this page knows. */
  get outgoing(): readonly Outgoing[] {
    return this.#sender?.items ?? []
  }

  /** Says something. It is kept, and sent until it is stored or refused. */
  send(text: string, { interrupt = false } = {}): void {
    this.#sender?.send(text, interrupt)
  }

  retry(messageId: string): void {
    this.#sender?.retry(messageId)
  }

  discard(messageId: string): void {
    this.#sender?.discard(messageId)
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

  /** Answers to questions that are being written: what is in each field. Not shown by this, only kept. */
  readonly answers = new Map<InteractionId, Record<string, string>>()

  /** Forgets the oldest if there is far too much; to be called while the end is looked at. */
  trim(): void {
    if (this.#log?.trim()) this.#changed()
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
