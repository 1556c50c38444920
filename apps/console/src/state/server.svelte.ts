import { api } from '../net/api'
import { words } from '../net/failure'
import type { ClientId, Timestamp } from '../protocol'

const EVERY_MS = 5_000

/** A manager as the controller sees it. */
export interface ServedClient {
  clientId: ClientId
  name: string
  endpoint: string
  connected: boolean
  /** Since when it has been so. */
  since?: Timestamp
  attempt?: number
  retryAt?: Timestamp
  lastError?: string
  lastErrorAt?: Timestamp
  agents?: number
}

/** What the controller uses and serves. */
export interface ServerReport {
  version: string
  startedAt: Timestamp
  uptimeSecs: number
  connections: number
  viewers: number
  /** Conversations in which a run is open. */
  runs: number
  sessions: number
  memoryBytes: number
  /** Percent of one processor. */
  cpuPercent?: number
  clients: ServedClient[]
}

/** The newest report, as long as somebody looks. */
export class ServerWatch {
  report: ServerReport | undefined = $state.raw()
  /** Why there is no newer one. */
  problem: string | undefined = $state()

  /** Until the call of what it returns. */
  start(): () => void {
    const stop = new AbortController()
    const look = (): void => void (document.hidden || this.#look())
    look()
    const timer = setInterval(look, EVERY_MS)
    document.addEventListener('visibilitychange', look, { signal: stop.signal })
    return () => {
      clearInterval(timer)
      stop.abort()
    }
  }

  async #look(): Promise<void> {
    try {
      this.report = await api<ServerReport>('GET', '/server')
      this.problem = undefined
    } catch (error) {
      this.problem = words(error)
    }
  }
}
