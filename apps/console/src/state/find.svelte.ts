import { words } from '../net/failure'
import type { AgentId, ClientId, FoundConversation } from '../protocol'
import { app } from './app.svelte'

export interface Hit extends FoundConversation {
  clientId: ClientId
  agentId: AgentId
  agentName: string
}

/** Agents of one manager that are searched, and hits of each. */
const AGENTS = 20
const HITS = 5
/** After the last key. */
const PAUSE_MS = 250

/** Searches names and what was said, with all managers that can be reached. */
export class Find {
  hits: readonly Hit[] = $state.raw([])
  isSearching: boolean = $state(false)
  problem: string | undefined = $state()
  #turn = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  search(query: string): void {
    clearTimeout(this.#timer)
    this.#turn += 1
    this.problem = undefined
    this.isSearching = query !== ''
    if (query === '') this.hits = []
    else this.#timer = setTimeout(() => void this.#run(query, this.#turn), PAUSE_MS)
  }

  async #run(query: string, turn: number): Promise<void> {
    const clients = [...app.world.values()].filter(({ connected }) => connected)
    const found = await Promise.allSettled(clients.map(({ clientId }) => searchClient(clientId, query)))
    if (turn !== this.#turn) return
    this.hits = found
      .flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
      .sort((a, b) => b.score - a.score)
    const failed = found.find((result) => result.status === 'rejected')
    this.problem = failed && words(failed.reason)
    this.isSearching = false
  }
}

async function searchClient(clientId: ClientId, query: string): Promise<Hit[]> {
  const agents = [...(app.world.get(clientId)?.agents.values() ?? [])].slice(0, AGENTS)
  if (agents.length === 0) return []
  return app.with(clientId, async (relay) => {
    const lists = await Promise.allSettled(
      agents.map(async ({ agentId, name }) => {
        const { results } = await relay.forward('searchConversations', agentId, {
          agentId,
          query,
          limit: HITS,
        })
        return results.map((found) => ({ ...found, clientId, agentId, agentName: name }))
      }),
    )
    return lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []))
  })
}
