import type {
  AgentId,
  ClientEvent,
  ClientId,
  ConversationId,
  InteractionId,
  RunActivity,
  RunId,
  Timestamp,
} from '../protocol'
import { unread, type Marks } from './unread'
import type { World } from './world'

/** What people can be told about; the same words as those of push and webhook. */
export const KINDS = ['needs_you', 'done', 'failed'] as const
export type Kind = (typeof KINDS)[number]

export interface Place {
  clientId: ClientId
  agentId: AgentId
  conversationId: ConversationId
}

/** Something that people may want to be told. */
export interface Notice extends Place {
  kind: Kind
  conversationName: string
  runId: RunId
  interactionId: InteractionId | undefined
  message: string
  time: Timestamp
}

/** Nothing for what somebody ended on purpose. */
export function noticeOf(event: ClientEvent): Notice | undefined {
  if (event.event !== 'runActivity') return undefined
  const kind = kindOf(event.payload)
  if (!kind) return undefined
  const { agentId, conversationId, conversationName, runId, interactionId, timestamp } = event.payload
  return {
    clientId: event.clientId,
    agentId,
    conversationId,
    kind,
    conversationName,
    runId,
    interactionId,
    message: event.payload.message ?? event.payload.error ?? '',
    time: timestamp,
  }
}

function kindOf({ state }: RunActivity): Kind | undefined {
  switch (state) {
    case 'blocked':
      return 'needs_you'
    case 'done':
    case 'failed':
      return state
    case 'resumed':
    case 'cancelled':
      return undefined
  }
}

/** The same for the same occasion, in every tab and after every reconnect. */
export function keyOf({ runId, kind, interactionId }: Notice): string {
  return [runId, kind, interactionId ?? ''].join('/')
}

/** What a newer notice of the same conversation replaces. `sw.js` says the same. */
export function tagOf({ clientId, agentId, conversationId }: Place): string {
  return [clientId, agentId, conversationId].join('/')
}

export function isSame(a: Place | undefined, b: Place): boolean {
  return a !== undefined && tagOf(a) === tagOf(b)
}

/** What was told already; the oldest are forgotten. */
export class Told {
  readonly #keys = new Set<string>()

  constructor(private readonly most = 1_000) {}

  /** Whether it is the first time. */
  first(key: string): boolean {
    if (this.#keys.has(key)) return false
    this.#keys.add(key)
    const [oldest] = this.#keys
    if (this.#keys.size > this.most && oldest !== undefined) this.#keys.delete(oldest)
    return true
  }
}

/** Conversations that failed since somebody looked, by {@link tagOf}. */
export type Failed = ReadonlySet<string>

export function failed(before: Failed, event: ClientEvent): Failed {
  if (event.event !== 'runActivity') return before
  const tag = tagOf({ clientId: event.clientId, ...event.payload })
  return event.payload.state === 'failed' ? and(before, tag) : without(before, tag)
}

export function without(before: Failed, tag: string): Failed {
  return before.has(tag) ? new Set([...before].filter((other) => other !== tag)) : before
}

function and(before: Failed, tag: string): Failed {
  return before.has(tag) ? before : new Set(before).add(tag)
}

/** How many conversations need somebody or have news, besides the one that is being looked at. */
export function waiting(world: World, marks: Marks, failed: Failed, looking: Place | undefined): number {
  let count = 0
  for (const { clientId, connected, agents } of world.values())
    for (const { agentId, state, conversations } of agents.values())
      for (const { conversationId, blocked, messageCount } of conversations.values()) {
        const place = { clientId, agentId, conversationId }
        const needsSomebody = connected && state !== 'stopped' && blocked
        const hasNews = unread(marks, conversationId, messageCount) > 0 || failed.has(tagOf(place))
        if ((needsSomebody || hasNews) && !isSame(looking, place)) count += 1
      }
  return count
}

/** The page's title with the number of what waits. */
export function titleWith(count: number, title: string): string {
  return count > 0 ? `(${count > 99 ? '99+' : count}) ${title}` : title
}

/** The page's icon with the number of what waits, as the address of a picture. */
export function iconWith(count: number): string {
  if (count === 0) return '/icon.svg'
  const label = count > 9 ? '9+' : String(count)
  const size = label.length > 1 ? 12 : 15
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1f6f78"/>` +
    `<path d="M6 21c3 0 3-2 5-2s2 2 5 2 3-2 5-2 2 2 5 2M10 15V8h8l4 7" fill="none" stroke="#fff" stroke-width="2.4"` +
    ` stroke-linecap="round" stroke-linejoin="round"/><circle cx="22" cy="22" r="10" fill="#c8321f"/>` +
    `<text x="22" y="27" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="${size}"` +
    ` fill="#fff">${label}</text></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
