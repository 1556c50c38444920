import { api, part, whenUnauthorized } from '../net/api'
import { Failure } from '../net/failure'
import { Relay } from '../net/relay.svelte'
import type { AgentId, ClientEvent, ClientId, ConversationId, ConversationInfo } from '../protocol'
import { Chat } from './chat.svelte'
import { randomId } from './random'
import { keptMessages } from './sender.svelte'
import * as storage from './storage'
import { heard, mark, unread, type Marks } from './unread'
import { agentOf, EMPTY, learnt, listed, only, receive, type Agent, type World } from './world'

/** Conversations that are kept to come back to quickly. */
const KEPT_CHATS = 8

export interface Session {
  user: string
  expiresAt: string
}

/** Whoever wants to know what happens anywhere: notifications. */
export type Heard = (event: ClientEvent) => void

/** The page: who we are, the connection, what all agents are doing, and the conversation that is looked at. */
class App {
  /** `undefined` until it is known. */
  session: Session | 'none' | 'ended' | undefined = $state.raw()
  world: World = $state.raw(EMPTY)
  /** Which clients there are has been found out. */
  isKnown: boolean = $state(false)
  chat: Chat | undefined = $state.raw()
  marks: Marks = $state.raw(storage.kept('read', isMarks) ?? {})
  relay: Relay | undefined = $state.raw()
  /** Whether the page is in the foreground. */
  isVisible: boolean = $state(!document.hidden)

  readonly #chats: Chat[] = []
  readonly #listeners = new Set<Heard>()

  /** Finds out whether we are logged in, with the token of the address if it has one. Throws a {@link Failure}. */
  async start(): Promise<void> {
    whenUnauthorized(() => this.#ended())
    document.addEventListener('visibilitychange', () => (this.isVisible = !document.hidden))
    // What was read in another tab was read.
    addEventListener('storage', () => (this.marks = storage.kept('read', isMarks) ?? this.marks))
    const token = takeToken()
    if (token !== undefined) return this.login(token)
    try {
      this.#begin(await api<Session>('GET', '/session'))
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'UNAUTHORIZED') throw error
      this.session = 'none'
    }
  }

  /** Exchanges an access token for a session, which the page itself never sees. Throws a {@link Failure}. */
  async login(token: string): Promise<void> {
    try {
      this.#begin(await api<Session>('POST', '/session', { token }))
    } catch (error) {
      this.session ??= 'none'
      throw error
    }
  }

  async logout(): Promise<void> {
    await api('DELETE', '/session')
    this.relay?.close()
    this.session = 'none'
  }

  #begin(session: Session): void {
    this.session = session
    this.relay?.close()
    this.relay = new Relay({ clientKey: clientKey(), topics: ['activity'], restore: () => this.#restore() })
    this.relay.listen((event, payload) => this.#hear(event, payload))
    for (const chat of this.#chats.splice(0)) void chat.close()
    this.chat = undefined
  }

  /** What was not sent when the page went is sent now, as far as its manager is the selected one. */
  #sendKept(): void {
    const relay = this.relay
    for (const { clientId, agentId, conversationId, state } of keptMessages()) {
      const isOpen = this.#chats.some((chat) => chat.conversationId === conversationId)
      if (!relay || isOpen || state === 'failed' || clientId !== relay.client) continue
      const chat = new Chat(relay, clientId, agentId, conversationId)
      this.#chats.push(chat)
      void chat.linger()
    }
  }

  /** The controller lets us in no more. */
  #ended(): void {
    this.relay?.refuse()
    this.session = 'ended'
  }

  /** On each new connection. Clients that were removed while we were away are told by nobody. */
  async #restore(): Promise<void> {
    const opened = this.chat?.open()
    for (const chat of this.#chats) if (chat.isLingering) void chat.linger()
    const { items } = await api<{ items: Array<{ clientId: ClientId }> }>('GET', '/clients')
    this.world = only(this.world, new Set(items.map(({ clientId }) => clientId)))
    this.isKnown = true
    await opened
    this.#sendKept()
  }

  #hear(event: string, payload: unknown): void {
    this.world = receive(this.world, event, payload)
    if (event !== 'clientEvent') return
    const inner = payload as ClientEvent
    if (inner.event === 'conversationActivity') {
      const { conversationId, messageCount } = inner.payload.conversation
      this.#mark(heard(this.marks, conversationId, messageCount))
    }
    for (const listener of this.#listeners) listener(inner)
  }

  listen(listener: Heard): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  agent(clientId: ClientId | undefined, agentId: AgentId | undefined): Agent | undefined {
    return agentOf(this.world, clientId, agentId)
  }

  /** Looks at a conversation; without one, at the agent's `default`. */
  show(clientId: ClientId, agentId: AgentId, conversationId: ConversationId | undefined): void {
    const relay = this.relay
    const before = this.chat
    const isIt = (chat: Chat): boolean =>
      chat.clientId === clientId &&
      chat.agentId === agentId &&
      (conversationId === undefined ? chat.name === 'default' : chat.conversationId === conversationId)
    if (!relay || (before && isIt(before))) return
    const known = this.#chats.findIndex(isIt)
    const [chat = new Chat(relay, clientId, agentId, conversationId)] =
      known < 0 ? [] : this.#chats.splice(known, 1)
    this.#chats.unshift(chat)
    this.#chats.splice(KEPT_CHATS)
    this.chat = chat
    // It may be the same one, as long as it is not known which one is `default`.
    const left = before?.close()
    const isSettled = before?.agentId === agentId ? left : undefined
    void Promise.resolve(isSettled).then(() => (this.chat === chat ? chat.open() : undefined))
  }

  /** The conversation of an agent that was looked at last. */
  lastOf(clientId: ClientId, agentId: AgentId): ConversationId | undefined {
    return this.#chats.find((chat) => chat.clientId === clientId && chat.agentId === agentId)?.conversationId
  }

  /** Looks at no conversation. */
  hide(): void {
    void this.chat?.close()
    this.chat = undefined
  }

  /** Reads the list of an agent's conversations, unless it is there. Throws a {@link Failure}. */
  async list(clientId: ClientId, agentId: AgentId): Promise<void> {
    if (this.agent(clientId, agentId)?.isListed) return
    const path = `/clients/${part(clientId)}/agents/${part(agentId)}/conversations`
    const { items } = await api<{ items: ConversationInfo[] }>('GET', path)
    this.world = listed(this.world, clientId, agentId, items)
    let marks = this.marks
    for (const { conversationId, messageCount } of items) marks = heard(marks, conversationId, messageCount)
    this.#mark(marks)
  }

  learn(clientId: ClientId, info: ConversationInfo): void {
    this.world = learnt(this.world, clientId, info)
  }

  unread(conversationId: ConversationId, messageCount: number): number {
    return unread(this.marks, conversationId, messageCount)
  }

  /** Somebody is looking at it. */
  read(conversationId: ConversationId, messageCount: number): void {
    this.#mark(mark(this.marks, conversationId, messageCount))
  }

  #mark(marks: Marks): void {
    if (marks === this.marks) return
    this.marks = marks
    storage.keep('read', marks)
  }

  /**
   * Does something with a client that is perhaps not the selected one: for that it gets a connection of its own. Throws what
   * `action` throws.
   */
  async with<T>(clientId: ClientId, action: (relay: Relay) => Promise<T>): Promise<T> {
    const selected = this.relay
    if (selected?.client === clientId) return action(selected)
    let relay: Relay | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Failure('OFFLINE', 'The controller cannot be reached')),
          10_000,
        )
        const restore = (): void => (clearTimeout(late), resolve())
        relay = new Relay({ clientKey: clientKey(), topics: [], restore })
      })
      await relay!.select(clientId)
      return await action(relay!)
    } finally {
      relay?.close()
    }
  }
}

/** The token of the address, which has it no longer. */
function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined
  if (token !== undefined) history.replaceState(null, '', location.pathname + location.search)
  return token
}

/** This browser as a viewer: the same over reconnects and in all its tabs. It lets nobody in. */
function clientKey(): string {
  const known = storage.kept('viewer', storage.isString)
  if (known !== undefined) return known
  const key = `web-${randomId()}`
  storage.keep('viewer', key)
  return key
}

function isMarks(value: unknown): value is Marks {
  return storage.isRecord(value) && Object.values(value).every((count) => typeof count === 'number')
}

export const app = new App()
