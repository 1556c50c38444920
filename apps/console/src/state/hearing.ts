import { Failure } from '../net/failure'
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

/** The connection on which a manager is selected and can be reached; another one means that everything has to be followed again. */
export function connectionTo(clientId: ClientId): ConnectionId | undefined {
  const { relay } = app
  const isThere = relay?.isOnline && relay.client === clientId && isReachable(clientId)
  return isThere ? relay.connection?.connectionId : undefined
}

/** The page's connection. Throws a {@link Failure} while nobody is logged in. */
export function relay(): Relay {
  if (!app.relay) throw new Failure('UNAUTHORIZED', 'Nobody is logged in')
  return app.relay
}

/** Selects a manager if it is not selected, for the view of one of its agents; to be called in an effect. */
export function select(clientId: ClientId, failed: (error: unknown) => void): void {
  const { relay } = app
  if (relay?.isOnline && relay.client !== clientId) relay.select(clientId).catch(failed)
}
