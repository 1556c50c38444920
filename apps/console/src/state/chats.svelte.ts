import type { Relay } from '../net/relay.svelte'
import type { AgentId, ClientId, ConversationId } from '../protocol'
import { Chat } from './chat.svelte'
import { keptMessages } from './sender.svelte'

/** Conversations that are kept to come back to quickly. */
const KEPT = 8

/** The conversations of this page: the one that is looked at, those in which something of ours waits, and some to come back to. */
export class Chats {
  current: Chat | undefined = $state.raw()
  #all: Chat[] = []

  constructor(private readonly relayTo: (client: ClientId) => Relay) {}

  /** Looks at a conversation; without one, at the agent's `default`. */
  show(clientId: ClientId, agentId: AgentId, conversationId: ConversationId | undefined): void {
    const before = this.current
    const isIt = (chat: Chat): boolean =>
      chat.clientId === clientId &&
      chat.agentId === agentId &&
      (conversationId === undefined ? chat.name === 'default' : chat.conversationId === conversationId)
    if (before && isIt(before)) return
    const chat = this.#all.find(isIt) ?? new Chat(this.relayTo(clientId), clientId, agentId, conversationId)
    this.current = chat
    this.#remember(chat)
    // It may be the same one, as long as it is not known which one is `default`.
    const left = before?.close()
    const isSettled = before?.agentId === agentId ? left : undefined
    void Promise.resolve(isSettled).then(() => (this.current === chat ? chat.open() : undefined))
  }

  /** Looks at none. */
  hide(): void {
    void this.current?.close()
    this.current = undefined
  }

  /** The conversation of an agent that was looked at last. */
  lastOf(clientId: ClientId, agentId: AgentId): ConversationId | undefined {
    return this.#of(clientId, agentId)[0]?.conversationId
  }

  /** Whether any conversation of an agent is followed. */
  isFollowing(clientId: ClientId, agentId: AgentId): boolean {
    return this.#of(clientId, agentId).some((chat) => chat.isFollowing)
  }

  /** What was not sent when the page went is sent now. */
  sendKept(): void {
    for (const { clientId, agentId, conversationId, state } of keptMessages()) {
      const isThere = this.#all.some((chat) => chat.conversationId === conversationId)
      if (isThere || state === 'failed') continue
      const chat = new Chat(this.relayTo(clientId), clientId, agentId, conversationId)
      this.#all.push(chat)
      void chat.linger()
    }
  }

  /** Nobody is logged in any more. */
  end(): void {
    for (const chat of this.#all) chat.dispose()
    this.#all = []
    this.current = undefined
  }

  #of(clientId: ClientId, agentId: AgentId): Chat[] {
    return this.#all.filter((chat) => chat.clientId === clientId && chat.agentId === agentId)
  }

  /** The newest first; those that are followed are not forgotten. */
  #remember(chat: Chat): void {
    const others = this.#all.filter((other) => other !== chat)
    this.#all = [chat, ...others].filter((kept, at) => at < KEPT || kept.isFollowing)
  }
}
