import type { Relay } from '../net/relay.svelte'
import type { AgentId, ClientId, ConnectionId } from '../protocol'
import { app } from './app.svelte'

/**
 * Has this connection told what happens at an agent besides its conversations: that a terminal was made, that a file was changed.
 * The controller tells whoever has been in one of the agent's conversations on this connection; so we look in and go, unless the
 * chat is there anyway. Both commands are sent at once, so that whoever enters that conversation next finds us gone. To be called
 * again for each connection.
 */
export async function hear(relay: Relay, clientId: ClientId, agentId: AgentId): Promise<void> {
  const { conversations } = await relay.forward('listConversations', agentId, { agentId })
  const conversationId = conversations.at(-1)?.conversationId
  if (conversationId === undefined || app.chats.isFollowing(clientId, agentId)) return
  const joined = relay.forward('joinConversation', agentId, { agentId, conversationId, limit: 1 })
  const left = relay.forward('leaveConversation', agentId, { agentId, conversationId })
  await Promise.allSettled([joined, left])
}

/** Whether a manager can be reached now, as far as is known. */
export function isReachable(clientId: ClientId): boolean {
  return app.world.get(clientId)?.connected ?? true
}

/** The connection to a manager while it can be reached; another one means that everything has to be followed again. */
export function connectionTo(clientId: ClientId): ConnectionId | undefined {
  const relay = app.relayTo(clientId)
  return relay.isReady && isReachable(clientId) ? relay.connection?.connectionId : undefined
}
