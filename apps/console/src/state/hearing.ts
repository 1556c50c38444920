import type { Relay } from '../net/relay.svelte'
import type { AgentId, ClientId } from '../protocol'
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
  const isInChat = app.chat?.clientId === clientId && app.chat.agentId === agentId
  if (conversationId === undefined || isInChat) return
  const joined = relay.forward('joinConversation', agentId, { agentId, conversationId, limit: 1 })
  const left = relay.forward('leaveConversation', agentId, { agentId, conversationId })
  await Promise.allSettled([joined, left])
}

/** Whether a manager can be reached now, as far as is known. */
export function isReachable(clientId: ClientId): boolean {
  return app.world.get(clientId)?.connected ?? true
}
