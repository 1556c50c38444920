// A conversation to look at, and the official client beside the browsers: what it reads is what the log has.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { temporary } from '../../js/lib/server.mjs'

const agents = fileURLToPath(new URL('../../agents', import.meta.url))

/** A scripted agent of tests/agents that speaks the Agent Client Protocol. */
export function acp(more = {}) {
  const env = { FAKE_STATE: temporary() }
  return { codec: { type: 'acp' }, host: { type: 'process', command: 'node', args: [path.join(agents, 'acp.mjs')], env }, ...more }
}

/** A new conversation with a new agent, in which nobody is yet. */
export async function room(scene, spec = {}, name = 'talk') {
  const agentId = await scene.agent(spec)
  const v = await scene.viewer()
  return conversation(v, agentId, name)
}

/** A new conversation with that agent. */
export async function conversation(v, agentId, name) {
  const { conversationId } = await v.forward('createConversation', agentId, { agentId, name })
  return { v, agentId, conversationId, at: [agentId, conversationId] }
}

/** All entries of a conversation, read in pages. */
export async function entries({ v, agentId, conversationId }) {
  const all = []
  for (let more = true; more; ) {
    const page = await v.forward('getHistory', agentId, { agentId, conversationId, afterSeq: all.at(-1)?.payload.seq ?? 0, limit: 500 })
    all.push(...page.events)
    more = page.hasMore && page.events.length > 0
  }
  return all
}

/** The messages of a log, in order, as `you:` or `agent:` and the text. */
export async function messages(place) {
  return (await entries(place))
    .filter(({ event }) => event === 'chatMessage')
    .map(({ payload }) => (payload.from === 'user' ? `you: ${payload.text}` : `agent: ${payload.response.result}`))
}

/** Puts messages into a conversation, as fast as the server takes them. `text` makes one from its number. */
export async function fill({ v, agentId, conversationId }, count, text = (n) => `message ${n}`) {
  for (let from = 1; from <= count; from += 500) {
    const messages = Array.from({ length: Math.min(500, count - from + 1) }, (_, at) => ({
      from: (from + at) % 2 ? 'user' : 'agent',
      text: text(from + at),
    }))
    await v.forward('insertHistory', agentId, { agentId, conversationId, messages })
  }
}
