import { untrack } from 'svelte'

import { Failure, words } from '../../net/failure'
import type { Relay } from '../../net/relay.svelte'
import type { AgentId, ClientId, FileInfo, FileUpdateNotification, Files } from '../../protocol'
import { app } from '../../state/app.svelte'
import { connectionTo, hear } from '../../state/hearing'
import { text } from '../../text'
import { Opened } from './opened.svelte'
import { isIn, normal, parent } from './paths'

/** Agents whose open files and drafts are kept while something else is looked at. */
const MOST_AGENTS = 8
/** Pages that are read again to show what was shown before. */
const MOST_PAGES = 10
/** Changes come in swarms; the directory is read again this long after the first. */
const SOON_MS = 300
/** After a failure that passes, when the server does not say. */
const AGAIN_MS = 2_000

/** The files of one agent: a directory of them, and the one that is looked at. */
export class Workspace {
  path: string = $state('')
  files: readonly FileInfo[] = $state.raw([])
  phase: 'loading' | 'ready' | 'unsupported' = $state('loading')
  hasMore: boolean = $state(false)
  isLoadingMore: boolean = $state(false)
  problem: string | undefined = $state()
  opened: Opened | undefined = $state.raw()

  readonly user = userNow()
  readonly relay: Relay
  readonly #stop: () => void
  #next: string | undefined
  #turn = 0
  #soon: ReturnType<typeof setTimeout> | undefined

  constructor(
    readonly clientId: ClientId,
    readonly agentId: AgentId,
  ) {
    this.relay = app.relayTo(clientId)
    this.#stop = $effect.root(() => {
      $effect(() => this.relay.on('fileUpdateNotification', (update) => this.#hear(update)))
      const connection = $derived(connectionTo(clientId))
      $effect(() => {
        if (connection) untrack(() => void this.#follow())
      })
    })
  }

  get isDirty(): boolean {
    return this.opened?.isDirty ?? false
  }

  /** Shows another directory. */
  async go(path: string): Promise<void> {
    this.path = path
    this.files = []
    this.hasMore = false
    this.phase = 'loading'
    await this.refresh()
  }

  /** Reads the directory again, as much of it as was there. */
  async refresh(): Promise<void> {
    const turn = (this.#turn += 1)
    const { path } = this
    const most = Math.max(1, this.files.length)
    try {
      let files: FileInfo[] = []
      let page: Files = { files: [] }
      for (
        let pages = 0;
        pages === 0 || (page.next && files.length < most && pages < MOST_PAGES);
        pages += 1
      ) {
        page = await this.#list(path, page.next)
        files = files.concat(page.files)
      }
      if (turn !== this.#turn) return
      this.#show(files, page.next)
    } catch (error) {
      if (turn === this.#turn) this.#failed(error)
    }
  }

  async more(): Promise<void> {
    if (!this.hasMore || this.isLoadingMore) return
    const turn = this.#turn
    this.isLoadingMore = true
    try {
      const page = await this.#list(this.path, this.#next)
      if (turn === this.#turn) this.#show([...this.files, ...page.files], page.next)
    } catch (error) {
      if (turn === this.#turn) this.#failed(error)
    } finally {
      this.isLoadingMore = false
    }
  }

  async isDirectory(path: string): Promise<boolean> {
    const { agentId } = this
    const listed = this.relay.forward('listFiles', agentId, { agentId, path, limit: 1 })
    return listed.then(
      () => true,
      () => false,
    )
  }

  open(path: string): void {
    this.close()
    this.opened = new Opened(this.relay, this.agentId, path)
  }

  close(): void {
    this.opened?.dispose()
    this.opened = undefined
  }

  /** Something was moved or removed by us: an open file goes along. */
  moved(from: string, to: string | undefined): void {
    const open = this.opened
    if (!open || !isIn(open.path, from)) return
    if (to === undefined) this.close()
    else if (!open.isDirty) this.open(to + open.path.slice(from.length))
    else void open.check()
  }

  dispose(): void {
    clearTimeout(this.#soon)
    this.#turn += 1
    this.#stop()
    this.close()
  }

  /** Goes on, on each new connection. */
  async #follow(): Promise<void> {
    const heard = hear(this.relay, this.clientId, this.agentId).catch(() => undefined)
    await this.refresh()
    await heard
    await this.opened?.check()
  }

  #hear({ agentId, filePath }: FileUpdateNotification): void {
    if (agentId !== this.agentId) return
    const path = normal(filePath)
    const { opened } = this
    if (opened && isIn(opened.path, path)) void opened.check()
    if (parent(path) !== this.path && !isIn(this.path, path)) return
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.refresh()
    }, SOON_MS)
  }

  #show(files: readonly FileInfo[], next: string | undefined): void {
    this.files = files
    this.#next = next
    this.hasMore = next !== undefined
    this.phase = 'ready'
    this.problem = undefined
  }

  #failed(error: unknown): void {
    if (!(error instanceof Failure)) return void (this.problem = words(error))
    if (error.code === 'UNSUPPORTED') return void (this.phase = 'unsupported')
    this.problem = error.code === 'FILE_NOT_FOUND' ? text.files.gone : error.message
    if (error.code === 'FILE_NOT_FOUND') this.files = []
    if (this.phase === 'loading') this.phase = 'ready'
    // A connection that is lost follows again by itself.
    if (error.isPassing && this.relay.isReady)
      this.#soon ??= setTimeout(() => {
        this.#soon = undefined
        void this.refresh()
      }, error.retryAfterMs ?? AGAIN_MS)
  }

  async #list(path: string, after: string | undefined): Promise<Files> {
    const { agentId } = this
    return this.relay.forward('listFiles', agentId, {
      agentId,
      ...(path !== '' && { path }),
      ...(after !== undefined && { after }),
    })
  }
}

const known: Workspace[] = []

const userNow = (): string | undefined => (typeof app.session === 'object' ? app.session.user : undefined)

addEventListener('beforeunload', (event) => {
  if (known.some(({ isDirty }) => isDirty)) event.preventDefault()
})

/** The workspace of an agent as it was left, with what was not saved. */
export function workspaceOf(clientId: ClientId, agentId: AgentId): Workspace {
  for (const stale of known.filter(
    ({ user, relay, clientId }) => user !== userNow() || relay !== app.relayTo(clientId),
  ))
    drop(stale)
  const found = known.find((workspace) => workspace.clientId === clientId && workspace.agentId === agentId)
  const workspace = found ?? new Workspace(clientId, agentId)
  if (found) known.splice(known.indexOf(found), 1)
  known.unshift(workspace)
  // What is not saved is not dropped.
  for (const old of known.slice(MOST_AGENTS).filter(({ isDirty }) => !isDirty)) drop(old)
  return workspace
}

function drop(workspace: Workspace): void {
  known.splice(known.indexOf(workspace), 1)
  workspace.dispose()
}
