import { api, part, whenUnauthorized } from '../net/api'
import { Failure } from '../net/failure'
import { Relay } from '../net/relay.svelte'
import type {
  AccessRole,
  AgentId,
  ClientEvent,
  ClientId,
  ConversationId,
  ConversationInfo,
  ServerNotice,
} from '../protocol'
import { Chats } from './chats.svelte'
import { randomId } from './random'
import * as storage from './storage'
import { heard, mark, unread, type Marks } from './unread'
import { agentOf, EMPTY, learnt, listed, only, receive, type Agent, type World } from './world'

/** After the list of clients could not be read. */
const AGAIN_MS = 2_000

export interface Session {
  user: string
  role: AccessRole
  expiresAt: string
}

/** Whoever wants to know what happens anywhere: notifications. */
export type Heard = (event: ClientEvent) => void

/** What may be done, the least first. Each role may what the one before may. */
const ROLES: AccessRole[] = ['readOnly', 'user', 'admin']

/** The page: who we are, its connections, what all agents are doing, and the conversations. */
class App {
  /** `undefined` until it is known. */
  session: Session | 'none' | 'ended' | undefined = $state.raw()
  world: World = $state.raw(EMPTY)
  /** Which clients there are has been found out. */
  isKnown: boolean = $state(false)
  marks: Marks = $state.raw({})
  /** The connection that tells what all agents are doing; those to managers are {@link relayTo}. */
  relay: Relay | undefined = $state.raw()
  /** Whether the page is in the foreground. */
  isVisible: boolean = $state(!document.hidden)
  /** The controller is another version than this page, which should be loaded anew. */
  isOutdated: boolean = $state(false)

  readonly chats = new Chats((client) => this.relayTo(client))
  readonly #relays = new Map<ClientId, Relay>()
  readonly #listeners = new Set<Heard>()
  #version: string | undefined

  constructor() {
    whenUnauthorized(() => typeof this.session === 'object' && this.#end('ended'))
    document.addEventListener('visibilitychange', () => (this.isVisible = !document.hidden))
    // What was read in another tab was read.
    addEventListener('storage', ({ key }) => storage.isKey(key, 'read') && this.#readMarks())
    // The address that `longshore up` prints, in a tab that is open already.
    addEventListener('hashchange', () => {
      const token = takeToken()
      if (token !== undefined) this.login(token).catch(() => undefined)
    })
    addEventListener('vite:preloadError', () => (this.isOutdated = true))
  }

  /** The conversation that is looked at. */
  get chat(): Chats['current'] {
    return this.chats.current
  }

  /** Whether we may do what takes that role. What we may not is not offered; the controller refuses it in any case. */
  may(wanted: AccessRole): boolean {
    const role = typeof this.session === 'object' ? this.session.role : 'readOnly'
    return ROLES.indexOf(role) >= ROLES.indexOf(wanted)
  }

  /** Finds out whether we are logged in, with the token of the address if it has one. Throws a {@link Failure}. */
  async start(): Promise<void> {
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
    this.#end('none')
  }

  #begin(session: Session): void {
    this.#end('none')
    storage.belongTo(session.user)
    this.session = session
    this.#readMarks()
    this.relay = new Relay({ clientKey: clientKey(), topics: ['activity'] })
    this.relay.listen((event, payload) => this.#hear(event, payload))
  }

  /** Nobody is logged in any more: what was known is for nobody to see. */
  #end(session: 'none' | 'ended'): void {
    this.chats.end()
    for (const relay of this.#relays.values()) relay.close()
    this.#relays.clear()
    this.relay?.close()
    this.relay = undefined
    this.world = EMPTY
    this.isKnown = false
    this.session = session
  }

  /** The connection to a manager. There is one for each that has been used. */
  relayTo(client: ClientId): Relay {
    const known = this.#relays.get(client)
    if (known) return known
    let relay!: Relay
    // What is made within an effect is not what that effect depends on; a root of its own makes it so.
    $effect.root(() => void (relay = new Relay({ clientKey: clientKey(), client })))
    relay.listen((event) => event === 'refused' && this.#end('ended'))
    this.#relays.set(client, relay)
    return relay
  }

  /** What the controller, and the manager if it is talked to, have to say to everybody. */
  noticesFor(client: ClientId | undefined): readonly ServerNotice[] {
    const manager = client === undefined ? undefined : this.#relays.get(client)
    return [...(this.relay?.notices ?? []), ...(manager?.notices ?? [])]
  }

  /** Does something with a client, as soon as it can be reached. Throws what `action` throws. */
  async with<T>(clientId: ClientId, action: (relay: Relay) => Promise<T>): Promise<T> {
    return action(await this.relayTo(clientId).ready())
  }

  /** Tries every connection now that would be tried later. */
  retryNow(): void {
    for (const relay of [this.relay, ...this.#relays.values()]) relay?.retryNow()
  }

  /** On each new connection. Clients that were removed while we were away are told by nobody. */
  async #restore(relay: Relay): Promise<void> {
    const version = relay.connection?.serverVersion
    this.#version ??= version
    this.isOutdated ||= this.#version !== version
    try {
      const session = await api<Session>('GET', '/session')
      // Somebody else has logged in, in another tab.
      if (
        typeof this.session === 'object' &&
        (session.user !== this.session.user || session.role !== this.session.role)
      )
        return location.reload()
      const { items } = await api<{ items: Array<{ clientId: ClientId }> }>('GET', '/clients')
      this.world = only(this.world, new Set(items.map(({ clientId }) => clientId)))
      this.isKnown = true
      this.chats.sendKept()
    } catch {
      setTimeout(() => relay === this.relay && relay.isReady && void this.#restore(relay), AGAIN_MS)
    }
  }

  #hear(event: string, payload: unknown): void {
    const { relay } = this
    if (event === 'refused') return this.#end('ended')
    if (event === 'ready' && relay) return void this.#restore(relay)
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
    storage.keep(storage.mine('read'), marks)
  }

  #readMarks(): void {
    this.marks = storage.kept(storage.mine('read'), isMarks) ?? {}
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
