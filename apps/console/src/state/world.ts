import type {
  AgentId,
  AgentState,
  AgentSummary,
  AgentUpdate,
  ClientEvent,
  ClientId,
  ClientUpdate,
  ConversationActivity,
  ConversationId,
  ConversationInfo,
  ConversationUpdate,
} from '../protocol'

/** What is shown of an agent or a conversation. */
export type State = AgentState | 'unreachable'

export interface Conversation extends ConversationInfo {
  /** Whether a run waits for the answer to an interaction. */
  blocked: boolean
}

export interface Agent {
  clientId: ClientId
  agentId: AgentId
  name: string
  codec: string
  program: string | undefined
  state: AgentState
  /** All of them, once the list was asked for; before that, those that were heard of. */
  conversations: ReadonlyMap<ConversationId, Conversation>
  isListed: boolean
}

export interface Client {
  clientId: ClientId
  name: string
  connected: boolean
  /** While the controller tries again. */
  retry: { attempt: number; at: string | undefined } | undefined
  error: string | undefined
  agents: ReadonlyMap<AgentId, Agent>
}

export type World = ReadonlyMap<ClientId, Client>

export const EMPTY: World = new Map()

/** An event of the controller. The same world when it changes nothing. */
export function receive(world: World, event: string, payload: unknown): World {
  if (event === 'clientUpdate') return updateClient(world, payload as ClientUpdate)
  if (event !== 'clientEvent') return world
  const inner = payload as ClientEvent
  switch (inner.event) {
    case 'agentUpdate':
      return updateAgent(world, inner.clientId, inner.payload)
    case 'conversationActivity':
      return beActive(world, inner.clientId, inner.payload)
    case 'conversationUpdate':
      return updateConversation(world, inner.clientId, inner.payload)
    default:
      return world
  }
}

/** Without the clients that there are no more. */
export function only(world: World, known: ReadonlySet<ClientId>): World {
  return new Map([...world].filter(([id]) => known.has(id)))
}

/** The list of an agent's conversations, as it was asked for. */
export function listed(
  world: World,
  clientId: ClientId,
  agentId: AgentId,
  infos: readonly ConversationInfo[],
): World {
  return change(world, clientId, agentId, (agent) => {
    const blocked = (id: ConversationId): boolean => agent.conversations.get(id)?.blocked ?? false
    const conversations = new Map(
      infos.map((info) => [info.conversationId, { ...info, blocked: blocked(info.conversationId) }]),
    )
    return { ...agent, conversations, isListed: true }
  })
}

/** A conversation as somebody has just learnt it. */
export function learnt(world: World, clientId: ClientId, info: ConversationInfo): World {
  return change(world, clientId, info.agentId, (agent) => withConversation(agent, info))
}

export function agentOf(
  world: World,
  clientId: ClientId | undefined,
  agentId: AgentId | undefined,
): Agent | undefined {
  return clientId === undefined || agentId === undefined
    ? undefined
    : world.get(clientId)?.agents.get(agentId)
}

export function stateOf(client: Client, agent: Agent): State {
  return client.connected ? agent.state : 'unreachable'
}

export function conversationState(client: Client, agent: Agent, { blocked, running }: Conversation): State {
  if (!client.connected) return 'unreachable'
  if (agent.state === 'stopped') return 'stopped'
  return blocked ? 'blocked' : running ? 'running' : 'idle'
}

/** Newest activity first. */
export function sorted(conversations: Iterable<Conversation>): Conversation[] {
  return [...conversations].sort(
    (a, b) =>
      b.lastActivityAt.localeCompare(a.lastActivityAt) || a.conversationId.localeCompare(b.conversationId),
  )
}

function updateClient(world: World, update: ClientUpdate): World {
  const next = new Map(world)
  const { clientId, name, connected, error } = update
  if (update.action === 'deleted') {
    next.delete(clientId)
    return next
  }
  const before = world.get(clientId)
  // It begins anew: what was known may have changed meanwhile, and the conversations with open runs follow.
  const isAnew = update.action === 'current' || update.action === 'connected'
  const agents = new Map<AgentId, Agent>()
  for (const summary of update.agents) {
    const known = before?.agents.get(summary.agentId)
    agents.set(summary.agentId, agent(clientId, summary, isAnew && known ? settled(known) : known))
  }
  const retry = update.attempt === undefined ? undefined : { attempt: update.attempt, at: update.retryAt }
  next.set(clientId, {
    clientId,
    name,
    connected,
    retry: connected ? undefined : retry,
    error: connected ? undefined : error,
    agents,
  })
  return next
}

/** Without what is live, and to be listed again. */
function settled(agent: Agent): Agent {
  const conversations = [...agent.conversations.values()].map(
    (known) => [known.conversationId, { ...known, running: false, blocked: false }] as const,
  )
  return { ...agent, conversations: new Map(conversations), isListed: false }
}

function agent(
  clientId: ClientId,
  { agentId, name, codec, program, state }: AgentSummary,
  before: Agent | undefined,
): Agent {
  return {
    clientId,
    agentId,
    name,
    codec,
    program,
    state,
    conversations: before?.conversations ?? new Map(),
    isListed: before?.isListed ?? false,
  }
}

function updateAgent(world: World, clientId: ClientId, update: AgentUpdate): World {
  const client = world.get(clientId)
  if (!client) return world
  const agents = new Map(client.agents)
  if (update.action === 'deleted') agents.delete(update.agentId)
  else agents.set(update.agentId, agent(clientId, update, client.agents.get(update.agentId)))
  return new Map(world).set(clientId, { ...client, agents })
}

function beActive(
  world: World,
  clientId: ClientId,
  { agentId, conversation, blocked }: ConversationActivity,
): World {
  return change(world, clientId, agentId, (agent) => withConversation(agent, conversation, blocked))
}

function updateConversation(world: World, clientId: ClientId, update: ConversationUpdate): World {
  const { agentId, conversationId, action, conversation } = update
  return change(world, clientId, agentId, (agent) => {
    if (action === 'deleted') {
      const conversations = new Map(agent.conversations)
      conversations.delete(conversationId)
      return { ...agent, conversations }
    }
    return conversation ? withConversation(agent, conversation) : agent
  })
}

function withConversation(agent: Agent, info: ConversationInfo, blocked?: boolean): Agent {
  const before = agent.conversations.get(info.conversationId)
  const conversation = { ...info, blocked: blocked ?? (info.running && (before?.blocked ?? false)) }
  return { ...agent, conversations: new Map(agent.conversations).set(info.conversationId, conversation) }
}

function change(world: World, clientId: ClientId, agentId: AgentId, how: (agent: Agent) => Agent): World {
  const client = world.get(clientId)
  const before = client?.agents.get(agentId)
  if (!client || !before) return world
  const agents = new Map(client.agents).set(agentId, how(before))
  return new Map(world).set(clientId, { ...client, agents })
}
