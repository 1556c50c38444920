import type { AgentId, ClientId, ContainerStats } from '../../protocol'
import { app } from '../../state/app.svelte'
import { connectionTo } from '../../state/hearing'
import { append, sample, type Sample } from './history'

/** Agents whose last minutes are kept. */
const MOST_AGENTS = 16

/** What the programs of one agent have used in the last minutes. */
class Measured {
  samples: readonly Sample[] = $state.raw([])
  latest: ContainerStats | undefined = $state.raw()
  /** When that came, by our own clock. */
  heardAt: number = $state(0)

  constructor(readonly agentId: AgentId) {}

  take(stats: ContainerStats): void {
    this.latest = stats
    this.heardAt = Date.now()
    this.samples = append(this.samples, sample(stats))
  }
}

const known: Measured[] = []

/** What is known of an agent; it is kept while something else is looked at. */
export function measuredOf(agentId: AgentId): Measured {
  const found = known.find((measured) => measured.agentId === agentId)
  const measured = found ?? new Measured(agentId)
  if (!found) known.unshift(measured)
  known.splice(MOST_AGENTS)
  return measured
}

/** Has the numbers told for as long as somebody looks; to be called in an effect, with what it returns at its end. */
export function watch(
  clientId: ClientId,
  measured: Measured,
  failed: (error: unknown) => void,
): (() => void) | undefined {
  if (connectionTo(clientId) === undefined) return
  const { agentId } = measured
  const at = app.relayTo(clientId)
  const unlisten = at.on('containerStats', (stats) => stats.agentId === agentId && measured.take(stats))
  at.forward('subscribe', agentId, { agentId, topics: ['containerStats'] }).catch(failed)
  return () => {
    unlisten()
    // On another connection nothing is told any more.
    if (at.isReady) at.forward('subscribe', agentId, { agentId, topics: [] }).catch(() => undefined)
  }
}
