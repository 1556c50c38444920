import { io, type Socket } from 'socket.io-client'

import type {
  Ack,
  AgentId,
  ClientId,
  ClientsCommandMap,
  ViewerTopic,
  Connected,
  ForwardCommandMap,
  ForwardedEvent,
  ServerNotice,
} from '../protocol'
import { Backoff } from './backoff'
import { Failure } from './failure'
import { noted } from './notices'

/** How it stands with the connection to the controller. */
export type Status =
  | { kind: 'connecting' }
  | { kind: 'online' }
  /** Lost. `retryAt` is when the next attempt begins, in milliseconds since 1970. */
  | { kind: 'waiting'; attempt: number; retryAt: number; reason: string }
  /** The controller does not let us in: the session has ended. */
  | { kind: 'refused' }
  | { kind: 'closed' }

/** The longest wait for an answer. A command may wait 30 s in the controller for a manager that is away. */
const ANSWER_MS = 45_000
const CONNECT_MS = 10_000
/** How often the controller says that it is there, and after how long without a word it is not. */
const HEARTBEAT_MS = 10_000
const SILENCE_MS = 25_000

export type Listener = (event: string, payload: unknown) => void
type Forwarded = ForwardedEvent['event']
type PayloadOf<E extends Forwarded> = Extract<ForwardedEvent, { event: E }>['payload']

interface Options {
  /** The viewer's stable id. */
  clientKey: string
  /** The manager that `forward` goes to; without one, only the controller itself is talked to. */
  client?: ClientId
  /** What to be told besides what is followed. */
  topics?: ViewerTopic[]
}

/** How long somebody who wants something done waits for the connection. */
const READY_MS = 10_000

/**
 * A connection to the controller, for one manager. It comes back by itself, by the law of {@link Backoff}, and at once when the browser comes back
 * to the network or the page to the foreground.
 */
export class Relay {
  status: Status = $state({ kind: 'connecting' })
  connection: Connected | undefined = $state()
  /** It can be used: its manager is selected. The event `ready` tells listeners so, once for each connection. */
  isReady: boolean = $state(false)
  /** Why its manager cannot be selected. */
  problem: Failure | undefined = $state.raw()

  /** What the server has to say to everybody: its manager, or, without one, the controller. */
  notices: readonly ServerNotice[] = $state.raw([])

  readonly #options: Options
  readonly #backoff = new Backoff()
  readonly #listeners = new Set<Listener>()
  readonly #stop = new AbortController()
  #socket: Socket | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #heard = 0
  /** The selection that is under way. */

  constructor(options: Options) {
    this.#options = options
    const { signal } = this.#stop
    const awake = (): void => this.#wake()
    addEventListener('online', awake, { signal })
    addEventListener('pageshow', awake, { signal })
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake(), { signal })
    addEventListener('offline', () => this.#lose('the browser is offline'), { signal })
    const watch = setInterval(() => this.#watch(), 1_000)
    signal.addEventListener('abort', () => clearInterval(watch))
    this.#connect()
  }

  get isOnline(): boolean {
    return this.status.kind === 'online'
  }

  /** Events of the controller: `forwardedEvent` as the event that it has in it, all others as they are. Ends with the call of what it returns. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** One event of the selected manager. */
  on<E extends Forwarded>(event: E, handler: (payload: PayloadOf<E>) => void): () => void {
    return this.listen((name, payload) => name === event && handler(payload as PayloadOf<E>))
  }

  /** A command to the controller. `heard` is told the answer at once, before any event behind it. Throws a {@link Failure}. */
  async command<E extends keyof ClientsCommandMap>(
    event: E,
    payload: ClientsCommandMap[E]['payload'],
    heard?: (data: ClientsCommandMap[E]['data']) => void,
  ): Promise<ClientsCommandMap[E]['data']> {
    const socket = this.#socket
    if (!socket?.connected) throw new Failure('OFFLINE', 'The controller cannot be reached')
    return new Promise((resolve, reject) => {
      const lost = (): void =>
        reject(new Failure('OFFLINE', 'The connection was lost before the answer came'))
      const finish = (): void => void socket.off('disconnect', lost)
      socket.once('disconnect', lost)
      socket.timeout(ANSWER_MS).emit(event as string, payload, (late: Error | null, ack: Ack<never>) => {
        finish()
        if (late) reject(new Failure('OFFLINE', 'No answer came in time'))
        else if (ack.success) {
          heard?.(ack.data)
          resolve(ack.data)
        } else reject(Failure.of(ack.error))
      })
    })
  }

  /** A command to the selected manager. Throws a {@link Failure}. */
  async forward<E extends keyof ForwardCommandMap>(
    event: E,
    agentId: AgentId | undefined,
    payload: ForwardCommandMap[E]['payload'],
    heard?: (data: ForwardCommandMap[E]['data']) => void,
  ): Promise<ForwardCommandMap[E]['data']> {
    const forward = { event, payload, ...(agentId !== undefined && { agentId }) }
    const answer = await this.command(
      'forward',
      forward as ClientsCommandMap['forward']['payload'],
      heard as ((data: unknown) => void) | undefined,
    )
    return answer as ForwardCommandMap[E]['data']
  }

  /** Resolves when it can be used. Throws a {@link Failure} when that takes too long. */
  async ready(): Promise<this> {
    if (this.isReady) return this
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(late)
        unlisten()
      }
      const unlisten = this.listen((event) => {
        if (event !== 'ready' && event !== 'unready') return
        end()
        if (event === 'ready') resolve(this)
        else reject(this.problem ?? new Failure('OFFLINE', 'The controller cannot be reached'))
      })
      const late = setTimeout(() => {
        end()
        reject(new Failure('OFFLINE', 'The controller cannot be reached'))
      }, READY_MS)
    })
  }

  /** Tries now what would be tried later. */
  retryNow(): void {
    if (this.status.kind === 'waiting') this.#connect()
  }

  close(): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
    this.#drop()
    this.status = { kind: 'closed' }
  }

  #connect(): void {
    clearTimeout(this.#timer)
    this.#drop()
    if (this.status.kind !== 'waiting') this.status = { kind: 'connecting' }
    const socket = io('/clients', {
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnection: false,
      forceNew: true,
      timeout: CONNECT_MS,
      auth: { clientKey: this.#options.clientKey },
    })
    this.#socket = socket
    this.#heard = Date.now()
    socket.onAny((event: string, payload: unknown) => this.#hear(socket, event, payload))
    socket.on('disconnect', (reason) => socket === this.#socket && this.#lose(reason))
    socket.on('connect_error', (error) => {
      if (socket !== this.#socket) return
      if (error.message === 'Unauthorized') this.refuse()
      else this.#lose(error.message)
    })
  }

  #hear(socket: Socket, event: string, payload: unknown): void {
    if (socket !== this.#socket) return
    this.#heard = Date.now()
    if (event === 'connected') void this.#open(socket, payload as Connected)
    if (event === 'error' && (payload as { code?: string } | null)?.code === 'UNAUTHORIZED')
      return this.refuse()
    const inner = event === 'forwardedEvent' ? (payload as ForwardedEvent) : { event, payload }
    const isOfManager = event === 'forwardedEvent'
    if (inner.event === 'serverNotice' && isOfManager === (this.#options.client !== undefined))
      this.notices = noted(this.notices, inner.payload as ServerNotice)
    if (event === 'remoteDisconnected') this.notices = []
    this.#tell(inner.event, inner.payload)
  }

  async #open(socket: Socket, connected: Connected): Promise<void> {
    const { client, topics = [] } = this.#options
    this.connection = connected
    this.#backoff.connected(Date.now())
    this.status = { kind: 'online' }
    try {
      await this.command('subscribe', { topics: [...topics, 'heartbeat'], intervalMs: HEARTBEAT_MS })
      if (client !== undefined) await this.command('setClient', { clientId: client })
      if (socket === this.#socket) this.#become(undefined)
    } catch (error) {
      // A connection that is lost meanwhile begins anew by itself.
      if (socket !== this.#socket || !(error instanceof Failure)) return
      if (error.isPassing) this.#lose(error.message)
      else this.#become(error)
    }
  }

  #become(problem: Failure | undefined): void {
    this.problem = problem
    this.isReady = problem === undefined
    this.#tell(this.isReady ? 'ready' : 'unready', undefined)
  }

  #tell(event: string, payload: unknown): void {
    for (const listener of [...this.#listeners]) listener(event, payload)
  }

  /** The controller does not let us in. */
  refuse(): void {
    clearTimeout(this.#timer)
    this.#drop()
    this.status = { kind: 'refused' }
    this.#tell('refused', undefined)
  }

  #lose(reason: string): void {
    if (this.status.kind === 'refused' || this.status.kind === 'closed') return
    this.#drop()
    const now = Date.now()
    const { attempt, delayMs } = this.#backoff.next(now)
    this.status = { kind: 'waiting', attempt, retryAt: now + delayMs, reason }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#connect(), delayMs)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.isReady = false
    this.notices = []
    socket?.disconnect()
  }

  /** The page is back: what was to be tried later is tried now, and a connection that has been silent for long is none. */
  #wake(): void {
    if (this.status.kind === 'waiting' && navigator.onLine) this.#connect()
    else this.#watch()
  }

  #watch(): void {
    if (this.status.kind === 'online' && Date.now() - this.#heard > SILENCE_MS)
      this.#lose('the controller is silent')
  }
}
