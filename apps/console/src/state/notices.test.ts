import { expect, test } from 'vitest'

import type { ActivityState, ClientEvent, RunActivity } from '../protocol'
import { failed, iconWith, keyOf, noticeOf, tagOf, titleWith, Told, waiting, without } from './notices'
import type { Agent, Client, Conversation, World } from './world'

const at = '2025-01-01T00:00:00.000Z'

function ran(state: ActivityState, more: Partial<RunActivity> = {}): ClientEvent {
  const payload = {
    agentId: 'a',
    conversationId: 'c',
    conversationName: 'C',
    runId: 'r',
    seq: 7,
    state,
    timestamp: at,
  }
  return { event: 'runActivity', clientId: 'm', payload: { ...payload, ...more } }
}

function world(
  conversation: Partial<Conversation>,
  client: Partial<Client> = {},
  agent: Partial<Agent> = {},
): World {
  const info: Conversation = {
    conversationId: 'c',
    agentId: 'a',
    name: 'C',
    createdAt: at,
    lastActivityAt: at,
    clientCount: 0,
    messageCount: 2,
    running: false,
    ephemeral: false,
    blocked: false,
    ...conversation,
  }
  const one: Agent = {
    clientId: 'm',
    agentId: 'a',
    name: 'A',
    codec: 'echo',
    program: undefined,
    state: 'idle',
    conversations: new Map([[info.conversationId, info]]),
    isListed: true,
    ...agent,
  }
  const retry = undefined
  const m: Client = {
    clientId: 'm',
    name: 'M',
    connected: true,
    retry,
    error: undefined,
    agents: new Map(),
    ...client,
  }
  return new Map([['m', { ...m, agents: new Map([['a', one]]) }]])
}

test('what needs people and what has ended is a notice, what was cancelled is not', () => {
  expect(noticeOf(ran('blocked', { interactionId: 'q', message: 'Sure?' }))).toMatchObject({
    kind: 'needs_you',
    clientId: 'm',
    interactionId: 'q',
    message: 'Sure?',
  })
  expect(noticeOf(ran('done', { message: '4' }))).toMatchObject({ kind: 'done', message: '4' })
  expect(noticeOf(ran('failed', { error: 'no memory' }))).toMatchObject({
    kind: 'failed',
    message: 'no memory',
  })
  expect(noticeOf(ran('cancelled'))).toBeUndefined()
})

test('an occasion is known by run, kind and question', () => {
  const key = (event: ClientEvent) => keyOf(noticeOf(event)!)

  expect(key(ran('done', { timestamp: 'later' }))).toBe(key(ran('done')))
  expect(key(ran('done'))).not.toBe(key(ran('failed')))
  expect(key(ran('blocked', { interactionId: 'p' }))).not.toBe(key(ran('blocked', { interactionId: 'q' })))
})

test('an occasion is told once, until it is long forgotten', () => {
  const told = new Told(2)

  expect(['a', 'a', 'b', 'a', 'c', 'a'].map((key) => told.first(key))).toEqual([
    true,
    false,
    true,
    false,
    true,
    true,
  ])
})

test('a conversation that failed has news until somebody looks or it does better', () => {
  const once = failed(new Set(), ran('failed'))

  expect(waiting(world({}), { c: 2 }, once, undefined)).toBe(1)
  expect(failed(once, ran('failed'))).toBe(once)
  expect(failed(once, ran('done')).size).toBe(0)
  expect(without(once, tagOf({ clientId: 'm', agentId: 'a', conversationId: 'c' })).size).toBe(0)
})

test('what waits for people and what they have not read is counted once', () => {
  const none = new Set<string>()
  const here = { clientId: 'm', agentId: 'a', conversationId: 'c' }

  expect(waiting(world({}), { c: 2 }, none, undefined)).toBe(0)
  expect(waiting(world({}), { c: 1 }, none, undefined)).toBe(1)
  expect(waiting(world({ blocked: true }), { c: 1 }, none, undefined)).toBe(1)
  expect(waiting(world({ blocked: true }), { c: 1 }, none, here)).toBe(0)
  expect(waiting(world({ blocked: true }), { c: 2 }, none, { ...here, conversationId: 'd' })).toBe(1)
  expect(waiting(world({ blocked: true }, { connected: false }), { c: 2 }, none, undefined)).toBe(0)
  expect(waiting(world({ blocked: true }, {}, { state: 'stopped' }), { c: 2 }, none, undefined)).toBe(0)
})

test('the title and the icon have the number', () => {
  expect([0, 2, 100].map((count) => titleWith(count, 'x'))).toEqual(['x', '(2) x', '(99+) x'])
  expect(iconWith(0)).toBe('/icon.svg')
  expect(decodeURIComponent(iconWith(3))).toContain('>3</text>')
  expect(decodeURIComponent(iconWith(12))).toContain('>9+</text>')
})
