import type { ConversationId } from '../protocol'

/** How many messages of each conversation were there when somebody looked at it last, in this browser. */
export type Marks = Readonly<Record<ConversationId, number>>

/** A conversation that was never looked at counts from when it was first heard of. */
export function unread(marks: Marks, conversationId: ConversationId, messageCount: number): number {
  return Math.max(0, messageCount - (marks[conversationId] ?? messageCount))
}

/** Somebody looks at it. The same marks when that changes nothing. */
export function mark(marks: Marks, conversationId: ConversationId, messageCount: number): Marks {
  return marks[conversationId] === messageCount ? marks : { ...marks, [conversationId]: messageCount }
}

/** It was heard of. One that was cleared begins anew. */
export function heard(marks: Marks, conversationId: ConversationId, messageCount: number): Marks {
  const known = marks[conversationId]
  return known === undefined || known > messageCount ? { ...marks, [conversationId]: messageCount } : marks
}
