import { expect, test } from 'vitest'

import type { AgentSummary, ClientUpdate, ConversationInfo } from '../protocol'
import { conversationState, EMPTY, listed, only, receive, sorted, stateOf, type World } from './world'

const timestamp = '2026-01-01T00:00:00.000Z'
const agent = (agentId: string, state: AgentSummary['state'] = 'idle'): AgentSummary => ({
  agentId,
  name: agentId,
  codec: 'echo',
  state,
})
const client = (update: Partial<ClientUpdate> = {}): ClientUpdate => ({
  clientId: 'm',
  name: 'local',
  action: 'current',
  connected: true,
  agents: [agent('a')],
  timestamp,
  ...update,
})
const info = (conversationId: string, more: Partial<ConversationInfo> = {}): ConversationInfo => ({
  conversationId,
  agentId: 'a',
  name: conversationId,
  createdAt: timestamp,
  lastActivityAt: timestamp,
  clientCount: 0,
  messageCount: 0,
  running: false,
  ephemeral: false,
  ...more,
})
const about = (world: World, event: string, payload: unknown): World =>
  receive(world, 'clientEvent', { clientId: 'm', event, payload })
const the = (world: World) => world.get('m')!.agents.get('a')!

test('a client is told whole, and keeps the lists that were asked for', () => {
  let world = receive(EMPTY, 'clientUpdate', client())
  world = listed(world, 'm', 'a', [info('c')])
  world = receive(
    world,
    'clientUpdate',
    client({ action: 'changed', agents: [agent('a', 'running'), agent('b')] }),
  )

  expect([...world.get('m')!.agents.keys()]).toEqual(['a', 'b'])
  expect(the(world).state).toBe('running')
  expect([...the(world).conversations.keys()]).toEqual(['c'])
})

test('an agent of a manager that is away is unreachable, and its list is asked for again', () => {
  let world = listed(receive(EMPTY, 'clientUpdate', client()), 'm', 'a', [info('c')])
  world = receive(
    world,
    'clientUpdate',
    client({ action: 'retrying', connected: false, attempt: 3, retryAt: timestamp, error: 'refused' }),
  )
  const away = world.get('m')!
  expect(stateOf(away, the(world))).toBe('unreachable')
  expect([away.retry, away.error]).toEqual([{ attempt: 3, at: timestamp }, 'refused'])

  world = receive(world, 'clientUpdate', client({ action: 'connected' }))
  expect(the(world).isListed).toBe(false)
  expect(world.get('m')!.retry).toBe(undefined)
})

test('a run that ended while nobody was told is over', () => {
  let world = receive(EMPTY, 'clientUpdate', client())
  const conversation = info('c', { running: true })
  world = about(world, 'conversationActivity', {
    agentId: 'a',
    conversationId: 'c',
    conversation,
    blocked: true,
  })
  world = receive(world, 'clientUpdate', client())
  expect(the(world).conversations.get('c')).toMatchObject({ running: false, blocked: false })
})

test('what happens in a conversation is seen at it', () => {
  let world = receive(EMPTY, 'clientUpdate', client())
  world = about(world, 'conversationActivity', {
    agentId: 'a',
    conversationId: 'c',
    conversation: info('c', { running: true, messageCount: 1 }),
    blocked: true,
  })
  const blocked = the(world).conversations.get('c')!
  expect(conversationState(world.get('m')!, the(world), blocked)).toBe('blocked')

  world = about(world, 'conversationUpdate', {
    agentId: 'a',
    conversationId: 'c',
    action: 'renamed',
    conversation: info('c', { name: 'new', running: true }),
  })
  expect(the(world).conversations.get('c')).toMatchObject({ name: 'new', blocked: true })
  world = about(world, 'conversationUpdate', { agentId: 'a', conversationId: 'c', action: 'deleted' })
  expect(the(world).conversations.size).toBe(0)
})

test('agents come, change and go', () => {
  let world = receive(EMPTY, 'clientUpdate', client())
  world = about(world, 'agentUpdate', { ...agent('b'), action: 'created', timestamp })
  world = about(world, 'agentUpdate', { ...agent('a', 'stopped'), action: 'changed', timestamp })
  expect(the(world).state).toBe('stopped')
  world = about(world, 'agentUpdate', { ...agent('a'), action: 'deleted', timestamp })
  expect([...world.get('m')!.agents.keys()]).toEqual(['b'])
  expect(about(world, 'runActivity', {})).toBe(world)
  expect(receive(world, 'heartbeat', {})).toBe(world)
  expect(
    receive(world, 'clientEvent', { clientId: 'unknown', event: 'agentUpdate', payload: agent('a') }),
  ).toBe(world)
})

test('clients that are gone are gone', () => {
  const world = receive(receive(EMPTY, 'clientUpdate', client()), 'clientUpdate', client({ clientId: 'n' }))
  expect([...only(world, new Set(['n'])).keys()]).toEqual(['n'])
  expect([...receive(world, 'clientUpdate', client({ action: 'deleted' })).keys()]).toEqual(['n'])
})

test('the newest activity comes first', () => {
  const conversations = [
    info('old', { lastActivityAt: '2026-01-01T00:00:00.000Z' }),
    info('new', { lastActivityAt: '2026-02-01T00:00:00.000Z' }),
  ]
  expect(sorted(conversations.map((one) => ({ ...one, blocked: false }))).map(({ name }) => name)).toEqual([
    'new',
    'old',
  ])
})
