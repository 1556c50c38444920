import { untrack } from 'svelte'

import { Failure, words } from '../../net/failure'
import type { Relay } from '../../net/relay.svelte'
import type {
  AgentId,
  ClientId,
  SessionId,
  TerminalClosed,
  TerminalInfo,
  TerminalOutput,
} from '../../protocol'
import { connectionTo, hear } from '../../state/hearing'
import { Shell } from './shell.svelte'

/** Terminals of an agent that may be open at a time. */
export const MOST_OPEN = 8
/** Agents whose terminals are still watched when something else is looked at. */
const MOST_AGENTS = 8
/** After a failure that passes, when the server does not say. */
const AGAIN_MS = 2_000

/** The terminals of one agent. They are watched while something else is looked at, too: one that nobody watches ends. */
export class Shells {
  all: readonly Shell[] = $state.raw([])
  selectedId: SessionId | undefined = $state()
  phase: 'loading' | 'ready' | 'unsupported' = $state('loading')
  /** Why they could not be listed. */
  problem: string | undefined = $state()

  readonly #end: Array<() => void>
  #turn = 0
  /** While one is being made: what is heard of those that are not known yet. */
  #early: Array<[string, unknown]> | undefined
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(
    readonly relay: Relay,
    readonly clientId: ClientId,
    readonly agentId: AgentId,
  ) {
    const unlisten = relay.listen((event, payload) => this.#hear(event, payload))
    const stop = $effect.root(() => {
      const isThere = $derived(connectionTo(clientId))
      $effect(() => {
        const what = isThere ? () => void this.#follow() : () => this.#lost()
        untrack(what)
      })
    })
    this.#end = [unlisten, stop]
  }

  get selected(): Shell | undefined {
    return this.all.find(({ sessionId }) => sessionId === this.selectedId)
  }

  get isFull(): boolean {
    return this.all.filter(({ end }) => !end).length >= MOST_OPEN
  }

  /** Looks at one of them, which is watched from then on. */
  select(shell: Shell): void {
    this.selectedId = shell.sessionId
    if (!shell.isJoined && !shell.end) void this.#join(shell)
  }

  /** Makes one and looks at it; without a program, the agent's own shell. Throws a {@link Failure}. */
  async create(program: string | undefined): Promise<void> {
    const { agentId } = this
    const size = this.selected?.screen.size
    const early = (this.#early ??= [])
    try {
      await this.relay.ready()
      const info = await this.relay.forward('createTerminal', agentId, {
        agentId,
        ...size,
        ...(program && { shell: program }),
      })
      const shell = this.#add(info)
      shell.begun()
      this.select(shell)
      this.#early = undefined
      for (const [event, payload] of early) this.#hear(event, payload)
    } catch (error) {
      if (error instanceof Failure && error.code === 'UNSUPPORTED') this.phase = 'unsupported'
      throw error
    } finally {
      this.#early = undefined
    }
  }

  /** Takes one that has ended off the list. */
  remove(shell: Shell): void {
    const at = this.all.indexOf(shell)
    this.all = this.all.filter((other) => other !== shell)
    shell.dispose()
    if (this.selectedId !== shell.sessionId) return
    const next = this.all[at] ?? this.all.at(-1)
    this.selectedId = undefined
    if (next) this.select(next)
  }

  dispose(): void {
    clearTimeout(this.#again)
    this.#turn += 1
    for (const end of this.#end) end()
    for (const shell of this.all) shell.dispose()
    this.all = []
  }

  #hear(event: string, payload: unknown): void {
    if (event !== 'terminalOutput' && event !== 'terminalClosed' && event !== 'terminalCreated') return
    const { agentId, sessionId } = payload as { agentId: AgentId; sessionId: SessionId }
    if (agentId !== this.agentId) return
    if (event === 'terminalCreated') return void this.#add(payload as TerminalInfo)
    const shell = this.all.find((shell) => shell.sessionId === sessionId)
    if (!shell) return void this.#early?.push([event, payload])
    if (event === 'terminalOutput') shell.output(payload as TerminalOutput)
    // One of somebody else that we never looked at is of no interest any more.
    else if (!shell.isWanted) this.remove(shell)
    else shell.closed(payload as TerminalClosed)
  }

  #add(info: TerminalInfo): Shell {
    const known = this.all.find(({ sessionId }) => sessionId === info.sessionId)
    if (known) return known
    const shell = new Shell(this.relay, info)
    // The oldest first, for everybody.
    this.all = [...this.all, shell].sort((a, b) => a.info.createdAt.localeCompare(b.info.createdAt))
    return shell
  }

  #lost(): void {
    this.#turn += 1
    clearTimeout(this.#again)
    for (const shell of this.all) shell.lost()
  }

  /** Goes on, on each new connection. */
  async #follow(): Promise<void> {
    const { agentId, clientId } = this
    const turn = (this.#turn += 1)
    try {
      await hear(this.relay, clientId, agentId)
      const { terminals } = await this.relay.forward('listTerminals', agentId, { agentId })
      if (turn !== this.#turn) return
      const open = new Set(terminals.map(({ sessionId }) => sessionId))
      for (const shell of this.all.filter(({ sessionId, end }) => !end && !open.has(sessionId))) {
        if (shell.isWanted) shell.gone()
        else this.remove(shell)
      }
      for (const info of terminals) this.#add(info)
      if (this.phase === 'loading') this.phase = 'ready'
      this.problem = undefined
      const lost = this.all.filter(({ isWanted, isJoined, end }) => isWanted && !isJoined && !end)
      for (const shell of lost) await shell.join()
      const first = this.selected ?? this.all[0]
      if (first) this.select(first)
    } catch (error) {
      if (turn === this.#turn) this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof Failure && error.code === 'UNSUPPORTED') return void (this.phase = 'unsupported')
    this.problem = words(error)
    // A connection that is lost follows again by itself.
    if (error instanceof Failure && error.isPassing && this.relay.isOnline)
      this.#again = setTimeout(() => void this.#follow(), error.retryAfterMs ?? AGAIN_MS)
  }

  async #join(shell: Shell): Promise<void> {
    try {
      await shell.join()
    } catch (error) {
      shell.notice = words(error)
    }
  }
}

const known: Shells[] = []

/** The terminals of an agent, as they were when they were looked at last. */
export function shellsOf(relay: Relay, clientId: ClientId, agentId: AgentId): Shells {
  // Of another session of the page nothing is left.
  for (const stale of known.filter((shells) => shells.clientId === clientId && shells.relay !== relay))
    drop(stale)
  const found = known.find((shells) => shells.clientId === clientId && shells.agentId === agentId)
  const shells = found ?? new Shells(relay, clientId, agentId)
  if (found) known.splice(known.indexOf(found), 1)
  known.unshift(shells)
  for (const old of known.slice(MOST_AGENTS)) drop(old)
  return shells
}

function drop(shells: Shells): void {
  known.splice(known.indexOf(shells), 1)
  shells.dispose()
}
