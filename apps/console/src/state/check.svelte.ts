import { api, part } from '../net/api'
import { words } from '../net/failure'
import type { AgentCheck, AgentId, ClientId } from '../protocol'

/** Whether an agent can be used, once somebody asks. */
export class Check {
  result: AgentCheck | undefined = $state.raw()
  problem: string | undefined = $state()
  isRunning: boolean = $state(false)

  constructor(
    private readonly clientId: ClientId,
    private readonly agentId: AgentId,
  ) {}

  async run(): Promise<void> {
    this.isRunning = true
    this.result = this.problem = undefined
    try {
      this.result = await api<AgentCheck>('POST', `${agentPath(this.clientId, this.agentId)}/check`)
    } catch (error) {
      this.problem = words(error)
    } finally {
      this.isRunning = false
    }
  }
}

/** Where REST has an agent. */
export function agentPath(clientId: ClientId, agentId: AgentId): string {
  return `/clients/${part(clientId)}/agents/${part(agentId)}`
}
