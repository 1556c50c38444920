// What agents do besides answering: events of their own, hand-offs, filters, commands, helpers.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { script } from './lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** All text that came to a browser, in whatever event. */
const everything = (v) => JSON.stringify(v.events)

test('a program gets its arguments, its environment, and nothing of the server’s', async () => {
  const text = 'while read x; do echo "$1|$COLOUR|${LONGSHORE_TOKEN-none}"; done'
  const host = { type: 'process', command: 'sh', args: ['-c', text, 'sh', 'two words'], env: { COLOUR: 'blue' } }
  const spec = { codec: { type: 'lines', quietMs: 50 }, host }
  const { agentId, conversationId, viewers } = await scene.room(1, { spec })

  await converse(viewers[0], agentId, conversationId, 'go')

  const [first, second, token] = viewers[0].answers(conversationId)[0].trim().split('|')
  assert.deepEqual([first, second, token], ['two words', 'blue', 'none'])
})

test('every answer says which agent gave it, and without a name it is the one of the last login', async () => {
  const [a, b] = [await scene.agent({ name: 'name-a' }), await scene.agent({ name: 'name-b' })]
  const v = await scene.viewer()
  for (const agentId of [a, b]) await v.forward('login', agentId)

  const { runId } = await v.ok('forward', { event: 'chat', payload: { message: 'to whom?' } })
  await v.ended(runId)
  await converse(v, a, undefined, 'to a')

  const from = v.events.filter((e) => e.event === 'chatMessage' && e.payload.from === 'agent').map((e) => [e.payload.agentName, e.payload.agentId])
  assert.deepEqual(from, [['name-b', b], ['name-a', a]])
})

test('the list of agents says what each is doing', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2, { spec: { name: 'watched' } })
  const [v] = viewers
  const shown = async () => (await v.forward('listAgents', agentId, {})).agents.find((a) => a.agentId === agentId)

  const idle = await shown()
  const { runId } = await say(v, agentId, conversationId, '/stall')
  const running = await shown()
  await v.forward('cancelRun', agentId, { agentId, runId })
  await v.ended(runId)

  assert.deepEqual([idle.name, idle.state, running.state], ['watched', 'idle', 'running'])
  assert.ok(idle.clientCount >= 1)
})

test('an event of the agent’s own goes to everybody, is stored and replayed', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers

  await converse(v, agentId, conversationId, '/event weather {"sky":"blue","degrees":[1.5,null]}')
  const event = await other.tells('agentEvent', { topic: 'weather' })
  const late = await scene.viewer()
  await late.join(agentId, { conversationId })

  assert.deepEqual(event.payload, { sky: 'blue', degrees: [1.5, null] })
  assert.ok(event.seq > 0)
  assert.deepEqual(late.entries(conversationId), v.entries(conversationId))
})

test('an agent cannot speak in longshore’s name', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [v] = viewers

  for (const topic of ['chatMessage', 'runEvent', 'login', 'error', 'a"b', 'x'.repeat(129)]) {
    const { end } = await converse(v, agentId, conversationId, `/event ${topic} {"x":1}`)
    assert.ok(['done', 'failed'].includes(end.state))
  }

  assert.deepEqual(v.told('agentEvent'), [])
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

test('an agent hands the conversation over to another one', async () => {
  const { agentId: first, conversationId, viewers } = await scene.room(2, { spec: { name: 'reception' } })
  const second = await scene.agent({ name: 'workshop' })
  const [v, other] = viewers

  await converse(v, first, conversationId, `/handoff ${second}`)
  const changed = await other.tells('agentChanged', { activeAgentId: second })
  await converse(v, first, conversationId, 'who is there?')
  const late = await scene.viewer()
  await late.join(first, { conversationId })

  assert.deepEqual([changed.agentId, changed.agentName, changed.previousAgentId], [first, 'workshop', first])
  const answer = v.messages(conversationId).find((m) => m.from === 'agent' && m.response.result === 'who is there?')
  assert.deepEqual([answer.agentName, answer.agentId], ['workshop', first])
  assert.deepEqual(late.entries(conversationId), v.entries(conversationId))
  assertOrderly(v, conversationId)
})

test('a hand-off to nobody, to itself, and in a circle', async () => {
  const hand = (name, to) => script(name, `while read x; do echo '{"type":"handoff","agentId":"${to}"}'; done`, { quietMs: 50 })
  const { agentId, conversationId, viewers } = await scene.room(1, { spec: hand('circle-a', 'circle-b') })
  await scene.agent(hand('circle-b', 'circle-a'))
  const { agentId: lonely, conversationId: alone, viewers: [one] } = await scene.room(1)
  const [v] = viewers

  for (const target of ['ag_nobody', lonely, '../x']) {
    const { runId, end } = await converse(one, lonely, alone, `/handoff ${target}`)
    assert.equal(end.state, 'done')
    assert.match(one.told('chatEvent', { runId, kind: 'status' })[0].payload.message, /^hand-off to ".*" refused: /)
  }
  const { runId, end } = await converse(v, agentId, conversationId, 'begin')

  assert.deepEqual(one.told('agentChanged'), [])
  assert.equal(end.state, 'done')
  assert.deepEqual(v.told('agentChanged').map((c) => c.agentName), ['circle-b'])
  assert.match(v.told('chatEvent', { runId, kind: 'status' })[0].payload.message, /circle-a.* refused: it has had this turn/)
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

test('commands of the agent’s own, and of nobody’s', async () => {
  const spec = script('dancer', 'while read x; do echo "got $x"; done', { quietMs: 50 })
  const { agentId, conversationId, viewers } = await scene.room(2, { spec: { ...spec, commands: ['dance'] } })
  const [v, other] = viewers

  await v.forward('dance', agentId, { agentId, conversationId, steps: [1, 2] })
  const told = await other.until((x) => x.messages(conversationId).find((m) => m.from === 'agent'))

  const [, line] = /^got (.*)$/m.exec(told.response.result)
  assert.deepEqual(JSON.parse(line), { type: 'command', command: 'dance', payload: { agentId, conversationId, steps: [1, 2] } })
  assert.equal((await v.denied('sing', agentId, { agentId })).code, 'UNKNOWN_EVENT')
  const echo = await scene.agent()
  await v.join(echo)
  assert.equal((await v.denied('dance', echo, { agentId: echo })).code, 'UNKNOWN_EVENT')
  for (const command of ['chat', 'login', 'chatMessage', 'a b', '']) {
    const made = { name: `c-${command}`, codec: { type: 'echo' }, commands: [command] }
    const { status } = await scene.server.rest('POST', `/api/clients/${scene.clientId}/agents`, made)
    assert.equal(status, 400, command)
  }
})

const filters = [
  { name: 'keys', pattern: 'sk-[a-z0-9]+', action: 'replace', replacement: '[key]' },
  { name: 'rude', pattern: 'darn', action: 'flag' },
  { name: 'secret', pattern: 'TOP SECRET', direction: 'outgoing', action: 'drop' },
  { name: 'danger', pattern: 'bomb', direction: 'incoming', action: 'drop' },
]

test('what a filter removes is in no event, whole or in pieces', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2, { spec: { filters } })
  const [v, other] = viewers

  await converse(v, agentId, conversationId, 'my key is sk-abc123, darn')
  await converse(v, agentId, conversationId, '/stream 20 use sk-abc123 now\nand then')
  const late = await scene.viewer()
  await late.join(agentId, { conversationId })
  const page = await late.forward('getHistory', agentId, { agentId, conversationId })
  const { results } = await late.forward('searchConversations', agentId, { agentId, query: 'abc123' })

  await other.until((x) => x.answers(conversationId).length === 2)
  for (const text of [...[v, other, late].map(everything), JSON.stringify(page), JSON.stringify(results)]) {
    assert.equal(text.includes('sk-abc'), false)
    assert.equal(text.includes('abc123'), false)
  }
  const [incoming] = other.told('messageFilterResult', { direction: 'incoming' })
  assert.deepEqual([incoming.status, incoming.appliedFilters], ['filtered', ['keys', 'rude']])
  assert.match(v.answers(conversationId)[0], /\[key\]/)
  assert.equal(v.messages(conversationId)[0].text, 'my key is [key], darn')
  const streamed = v.told('chatEvent', { kind: 'assistantDelta' }).map((e) => e.payload.delta).join('')
  assert.ok(streamed.includes('[key]') && v.answers(conversationId)[1].startsWith(streamed), streamed)
  assertOrderly(v, conversationId)
})

test('what may not be said is refused, and what an agent may not say is left out', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2, { spec: { filters } })
  const [v, other] = viewers

  const error = await v.denied('chat', agentId, { agentId, conversationId, message: 'build a bomb' })
  const { end } = await converse(v, agentId, conversationId, 'this is TOP SECRET stuff')
  const dropped = await other.tells('messageFilterResult', { direction: 'outgoing', status: 'dropped' })

  assert.equal(error.code, 'FORBIDDEN')
  assert.ok(['done', 'failed'].includes(end.state))
  assert.deepEqual(dropped.appliedFilters, ['secret'])
  assert.equal(v.answers(conversationId).join('').includes('SECRET'), false)
  assert.equal(everything(other).includes('bomb'), false)
  assertRunsEnded(v, conversationId)
})

test('filters that are none are refused', async () => {
  const target = `/api/clients/${scene.clientId}/agents`
  const spec = (filter) => ({ name: `f-${Math.random()}`, codec: { type: 'echo' }, filters: [{ name: 'f', pattern: 'x', ...filter }] })

  for (const wrong of [{ pattern: '(' }, { pattern: '(?=x)' }, { name: '' }, { action: 'shout' }, { direction: 'sideways' }]) {
    const { status, body } = await scene.server.rest('POST', target, spec(wrong))
    assert.deepEqual([status, body.error?.code], [400, 'INVALID_PAYLOAD'], JSON.stringify(wrong))
  }
})

test('a better wording and a ticket’s text, for who asked alone', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, other] = viewers

  const enhance = await v.forward('enhanceChat', agentId, { agentId, message: 'pls fix', correlationId: 'c-1' })
  const better = await v.tells('chatEnhanceResult', { correlationId: 'c-1' })
  const ticket = await v.forward('generateTicketBody', agentId, { agentId, title: 'It leaks', hierarchyContext: 'Boat > Hull', correlationId: 'c-2' })
  const body = await v.tells('ticketBodyResult', { correlationId: 'c-2' })
  await converse(v, agentId, conversationId, 'aloud')
  await other.until((x) => x.answers(conversationId).length === 1)

  assert.equal(enhance.correlationId, 'c-1')
  assert.deepEqual([better.success, better.runId], [true, enhance.runId])
  assert.ok(better.enhancedText.includes('pls fix'))
  assert.deepEqual([body.success, body.runId], [true, ticket.runId])
  assert.ok(body.body.includes('It leaks'))
  for (const name of ['chatEnhanceResult', 'ticketBodyResult']) assert.deepEqual(other.told(name), [])
  assert.equal(everything(other).includes('pls fix'), false)
  assert.equal((await v.forward('getHistory', agentId, { agentId, conversationId })).headSeq, 4)
  for (const wrong of [{ message: '' }, { message: ' ' }, { correlationId: '' }, { correlationId: 'a b' }]) {
    const error = await v.denied('enhanceChat', agentId, { agentId, message: 'x', correlationId: 'c', ...wrong })
    assert.equal(error.code, 'INVALID_PAYLOAD', JSON.stringify(wrong))
  }
})

test('the manager itself: presence, a restart, and an error without an acknowledgement', async () => {
  const token = readFileSync(`${scene.server.dataDir}/manager.key`, 'utf8').trim()
  const v = await new Viewer(scene.server.info.manager, { token, namespace: '/agents' }).connected()
  const spec = { name: 'direct', codec: { type: 'echo' } }
  const { agentId, password } = await v.ok('createAgent', { spec })
  await v.ok('login', { agentId, password, observe: true })
  const { conversationId } = await v.ok('createConversation', { agentId, name: 'seen from here' })
  const count = async () => (await v.ok('listConversations', { agentId, name: 'seen' })).conversations[0].clientCount

  const viewers = ['cn_1', 'cn_2'].map((connectionId) => ({ connectionId, viewerId: `vw_${connectionId}` }))
  await v.ok('presence', { agentId, conversationId, viewers })
  assert.equal(await count(), 2)
  await v.ok('presence', { agentId, conversationId, viewers: [] })
  assert.equal(await count(), 0)
  await v.ok('joinConversation', { agentId, conversationId }, { viewerId: 'vw_3', connectionId: 'cn_3', user: 'ann', agentId })
  assert.equal(await count(), 1)
  await v.ok('leaveConversation', { agentId, conversationId }, { viewerId: 'vw_3', connectionId: 'cn_3' })
  assert.equal(await count(), 0)
  await v.ok('restartAgent', { agentId })
  const { codec, can, problem } = await v.ok('checkAgent', { agentId })
  assert.deepEqual([codec, can, problem], ['echo', ['stream'], undefined])
  v.socket.emit('chat', { agentId })
  const error = await v.event('error')

  assert.deepEqual([error.payload.code, error.payload.event], ['INVALID_PAYLOAD', 'chat'])
  assert.deepEqual(v.told('conversationUpdate', { action: 'joined' }).map((u) => u.viewerId), [])
})
