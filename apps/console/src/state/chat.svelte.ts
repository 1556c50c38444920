import { Failure } from '../net/failure'
import type { Relay } from '../net/relay.svelte'
import type {
  AgentId,
  ClientId,
  ConversationId,
  ConversationUpdate,
  InteractionId,
  InteractionRequest,
  Joined,
  JoinConversation,
  Queue,
  RunId,
} from '../protocol'
import { Log, type Writing } from './log'
import { Membership, type Phase } from './membership.svelte'
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
/** How long after sending the last message it is known whether it waits. */
const LINGER_MS = 1_000

/**
 * A conversation, as it is shown. It is followed while it is {@link open}, over lost connections, and can be opened again: then it goes on by
 * its cursor.
 */
export class Chat {
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
  readonly #membership: Membership
  readonly #presence = new Presence()
  readonly #sender: Sender
  #log: Log | undefined
  #isDeleted: boolean = $state(false)
  #linger: ReturnType<typeof setTimeout> | undefined
  #frame: number | undefined
  /** Ends the hearing of what happens. */
  #unlisten: (() => void) | undefined
  /** Nobody looks at it. */
  #isLeaving = true

  /** Without a conversation it is the agent's `default`. */
  constructor(
    relay: Relay,
    readonly clientId: ClientId,
    readonly agentId: AgentId,
    conversationId: ConversationId | undefined,
  ) {
    this.#relay = relay
    this.#membership = new Membership({
      relay,
      agentId,
      wanted: () => this.#wanted(),
      joined: (joined) => this.#joined(joined),
      restored: () => void this.#sender.pump(),
    })
    this.#sender = new Sender(
      { clientId, agentId, conversationId },
      {
        relay,
        canSend: () => this.#membership.isIn,
        head: () => this.#log?.head ?? 0,
        // The queue that it may be in is told a little later.
        onidle: () => this.#isLeaving && this.#leaveLater(),
      },
    )
    if (conversationId !== undefined) this.#begin(conversationId)
  }

  get phase(): Phase {
    return this.#isDeleted ? 'gone' : this.#membership.phase
  }

  /** Why it is not followed, if that passes. */
  get problem(): string | undefined {
    return this.#membership.problem
  }

  /** Whether it is followed, looked at or not. */
  get isFollowing(): boolean {
    return this.#membership.isWanted
  }

  /** Follows it from here on. */
  async open(): Promise<void> {
    this.#isLeaving = false
    await this.#enter()
  }

  /** Goes on with what waits here, without anybody looking. */
  async linger(): Promise<void> {
    this.#isLeaving = true
    await this.#enter()
  }

  /**
   * Follows it no more, once nothing of ours waits here: what is not sent yet is to be sent, and what the agent has not begun would be
   * cancelled if nobody were there. What is shown stays, to go on from.
   */
  async close(): Promise<void> {
    this.#isLeaving = true
    await this.#leave()
  }

  /** It is over, whatever waits. */
  dispose(): void {
    clearTimeout(this.#linger)
    this.#unlisten?.()
    void this.#membership.leave()
  }

  async #enter(): Promise<void> {
    clearTimeout(this.#linger)
    this.#unlisten ??= this.#relay.listen((event, payload) => this.#hear(event, payload))
    await this.#membership.enter()
  }

  async #leave(): Promise<void> {
    if (!this.#isLeaving || this.#isNeeded) return
    await this.#membership.leave()
    if (this.#membership.isWanted) return
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  #leaveLater(): void {
    clearTimeout(this.#linger)
    this.#linger = setTimeout(() => void this.#leave(), LINGER_MS)
  }

  get #isNeeded(): boolean {
    const me = this.#relay.connection?.viewerId
    const waits = this.#log?.queue.queued.some(({ viewerId }) => viewerId === me) ?? false
    return this.phase !== 'gone' && this.phase !== 'no-agent' && (waits || this.#sender.isWaiting)
  }

  #wanted(): JoinConversation {
    const { agentId, conversationId } = this
    return {
      agentId,
      ...(conversationId !== undefined && { conversationId }),
      clientType: 'console',
      ...(this.#log?.cursor(NEWEST) ?? { limit: NEWEST }),
    }
  }

  #joined(joined: Joined): void {
    if (this.#log?.conversationId !== joined.conversationId) this.#begin(joined.conversationId)
    this.name = joined.name
    this.readOnly = joined.readOnly ?? false
    this.#presence.begin(joined.present ?? [])
    this.present = this.#presence.all
    const epoch = this.#log?.epoch
    this.#log?.joined(joined)
    if (epoch !== undefined && epoch !== joined.epoch) this.#sender.cleared()
    this.#changed()
  }

  #begin(conversationId: ConversationId): void {
    this.conversationId = conversationId
    this.#log = new Log(this.agentId, conversationId)
    this.#sender.adopt(conversationId)
    const kept = storage.kept(storage.mine(`draft.${conversationId}`), storage.isString)
    // What is being written since before it was known which conversation this is goes on.
    if (this.draft === '') this.draft = kept ?? ''
    else this.setDraft(this.draft)
  }

  #hear(event: string, payload: unknown): void {
    if (!this.#log) return
    if (event === 'conversationUpdate') this.#updated(payload as ConversationUpdate)
    const { epoch } = this.#log
    if (!this.#log.receive(event, payload)) return
    if (epoch !== undefined && this.#log.epoch !== epoch) this.#sender.cleared()
    this.#sender.seen(this.#log.entries.at(-1))
    this.#changed()
    if (this.#isLeaving) void this.#leave()
  }

  #updated(update: ConversationUpdate): void {
    if (update.conversationId !== this.conversationId) return
    if (update.action === 'deleted') this.#isDeleted = true
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
    return this.#sender.items
  }

  /** The one of them that is under way. */
  get sendingId(): string | undefined {
    return this.#sender.sendingId
  }

  /** Says something. It is kept, and sent until it is stored or refused. */
  send(text: string, { interrupt = false } = {}): void {
    this.#sender.send(text, interrupt)
  }

  retry(messageId: string): void {
    this.#sender.retry(messageId)
  }

  discard(messageId: string): void {
    this.#sender.discard(messageId)
  }

  /** Keeps what is being written. */
  setDraft(draft: string): void {
    this.draft = draft
    if (this.conversationId === undefined) return
    if (draft === '') storage.forget(storage.mine(`draft.${this.conversationId}`))
    else storage.keep(storage.mine(`draft.${this.conversationId}`), draft)
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
  readonly answers = new Map<InteractionId, readonly string[]>()

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
