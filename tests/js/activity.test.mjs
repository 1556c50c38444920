// What all agents are doing, for who wants to know it, without a login and without asking again.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { addAgent, apart, controller, manager, register } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const viewer = (server, more = {}) => new Viewer(server.controller, { token: server.token, ...more }).connected()
const link = (server, more = {}) =>
  new Viewer(server.info.manager, { token: server.info.apiKey, namespace: '/agents', ...more }).connected()

/** What `clientEvent` carried, of that event and with these fields. */
const carried = (v, event, fields = {}) =>
  v
    .told('clientEvent', { event })
    .map((e) => e.payload)
    .filter((payload) => Object.entries(fields).every(([key, value]) => payload[key] === value))

const carries = async (v, event, fields = {}, more = () => true) =>
  v.until((x) => carried(x, event, fields).find(more), `${event} ${JSON.stringify(fields)}`)

/** A viewer that is told what all agents are doing. */
async function overseer(server, more = {}) {
  const v = await viewer(server, more)
  const chosen = await v.ok('subscribe', { topics: ['activity'] })
  assert.deepEqual(chosen, { topics: ['activity'], intervalMs: 5_000 })
  return v
}

/** Whatever was told before this has come. */
const settled = (v) => v.refused('setClient', { clientId: 'cl_nobody' })

const states = (v, agentId) => carried(v, 'agentUpdate', { agentId }).map((update) => `${update.action} ${update.state}`)

test('a manager tells all that there is in order, and then what changes', async () => {
  const m = await manager({ agents: ['calc=/usr/bin/env bc -l'] })
  const [one, v] = [await link(m), await link(m)]
  const { agentId, password } = await one.ok('createAgent', { spec: { name: 'asks', codec: { type: 'echo' } } })
  await one.follow(undefined, agentId, { password })
  const { runId, conversationId } = await one.chat(agentId, '/ask red green')
  const request = await one.tells('interactionRequest', { runId })
  await one.until((x) => x.told('runEvent', { runId, state: 'blocked' })[0])

  const subscribed = await v.ok('subscribe', { topics: ['activity'] })
  const open = await v.tells('conversationActivity', { agentId })

  const told = v.events.filter((e) => ['agentUpdate', 'conversationActivity'].includes(e.event))
  assert.deepEqual(subscribed, { topics: ['activity'] })
  assert.deepEqual(told.map((e) => e.event), ['agentUpdate', 'agentUpdate', 'conversationActivity'])
  const current = Object.fromEntries(told.slice(0, 2).map(({ payload }) => [payload.name, payload]))
  const { calc, asks } = current
  assert.deepEqual([calc.codec, calc.program, calc.state, calc.action], ['lines', 'env', 'idle', 'current'])
  assert.deepEqual([asks.codec, asks.program, asks.state, asks.action], ['echo', undefined, 'blocked', 'current'])
  assert.deepEqual([open.blocked, open.conversation.running, open.conversationId], [true, true, conversationId])
  assert.equal(open.headSeq, one.seqs(agentId).at(-1))

  await one.ok('respondInteraction', { agentId, interactionId: request.interactionId, value: 'green' })
  const done = await v.tells('runActivity', { runId, state: 'done' })
  const [waits, ...rest] = v.told('runActivity', { runId })
  assert.deepEqual([waits.state, waits.interactionId, waits.seq], ['blocked', request.interactionId, request.seq], 'asked before')
  assert.deepEqual(rest.map((run) => run.state), ['resumed', 'done'])
  await v.until((x) => x.told('agentUpdate', { agentId }).at(-1).state === 'idle')
  const quiet = await v.until((x) => x.told('conversationActivity', { agentId }).find((a) => !a.conversation.running))

  assert.deepEqual([done.state, done.conversationName, done.message.includes('green')], ['done', 'default', true])
  assert.equal(done.seq, one.told('runEvent', { runId, state: 'done' })[0].seq)
  assert.equal(quiet.blocked, false)
  assert.equal(quiet.headSeq, done.seq)
})

test('changes to the list of conversations come once, logged in or not', async () => {
  const m = await manager()
  const [one, v] = [await link(m), await link(m)]
  const { agentId, password } = await one.ok('createAgent', { spec: { name: 'a', codec: { type: 'echo' } } })
  await one.follow(undefined, agentId, { password })
  for (const each of [one, v]) await each.ok('subscribe', { topics: ['activity'] })

  const { conversationId } = await one.ok('createConversation', { agentId, name: 'x' })
  await one.ok('renameConversation', { agentId, conversationId, newName: 'y' })
  await one.ok('clearHistory', { agentId, conversationId })
  await one.ok('deleteConversation', { agentId, conversationId })
  for (const each of [one, v]) await each.tells('conversationUpdate', { conversationId, action: 'deleted' })
  await one.ok('deleteAgent', { agentId })
  for (const each of [one, v]) await each.tells('agentUpdate', { agentId, action: 'deleted' })

  for (const each of [one, v]) {
    const actions = each.told('conversationUpdate', { conversationId }).map((update) => update.action)
    assert.deepEqual(actions, ['created', 'renamed', 'cleared', 'deleted'])
  }
})

test('what cannot be chosen at a manager, and what a later choice ends', async () => {
  const m = await manager()
  const v = await link(m)
  const { agentId, password } = await v.ok('createAgent', { spec: { name: 'a', codec: { type: 'echo' } } })
  await v.follow(undefined, agentId, { password })

  for (const payload of [
    { agentId, topics: ['activity'] },
    { topics: ['activity', 'containerStats'] },
    { topics: ['nothing'] },
    { topics: 'activity' },
    {},
  ]) {
    assert.equal((await v.refused('subscribe', payload)).code, 'INVALID_PAYLOAD', JSON.stringify(payload))
  }
  await v.ok('subscribe', { topics: ['activity'] })
  await v.tells('agentUpdate', { agentId, action: 'current' })
  await v.ok('subscribe', { topics: ['activity'] })
  await v.until((x) => x.told('agentUpdate', { agentId, action: 'current' }).length === 2)
  await v.ok('subscribe', { topics: [] })
  const count = () => ['agentUpdate', 'conversationActivity', 'runActivity'].flatMap((event) => v.told(event)).length
  const before = count()
  await v.ended((await v.chat(agentId, 'unheard')).runId)
  await v.ok('listAgents', {})

  assert.equal(count(), before)
})

test('a viewer sees the agents of all managers, without having selected one', async () => {
  const [{ manager: m, controller: c, clientId, agentId }, other] = await Promise.all([apart(), manager()])
  const otherId = await register(c, other)
  const second = await addAgent(c, otherId, { name: 'second', codec: { type: 'echo' } })
  const talker = new Scene(c, clientId)
  const a = await talker.viewer()
  await a.follow(clientId, agentId)
  const { runId, conversationId } = await a.chat(agentId, '/ask red green')
  const { interactionId } = await a.tells('interactionRequest', { runId })

  const before = await overseer(c)
  // It may be a part of what it is told first.
  const isBlocked = (update) => update.agents.some((agent) => agent.agentId === agentId && agent.state === 'blocked')
  await before.until((x) => x.told('clientUpdate').some(isBlocked) || states(x, agentId).at(-1)?.endsWith('blocked'), 'the agent is blocked')
  await carries(before, 'conversationActivity', { conversationId }, (activity) => activity.blocked)
  const v = await overseer(c)
  await carries(v, 'conversationActivity', { conversationId }, (activity) => activity.blocked)
  const names = v.events.map((e) => e.event).filter((event) => event.startsWith('client'))
  const current = v.told('clientUpdate')
  assert.deepEqual(names.slice(0, 3), ['clientUpdate', 'clientUpdate', 'clientEvent'])
  assert.deepEqual(current.map((update) => update.clientId).sort(), [clientId, otherId].sort())
  for (const update of current) assert.deepEqual([update.action, update.connected], ['current', true])
  const agents = Object.fromEntries(current.flatMap((update) => update.agents).map((agent) => [agent.agentId, agent]))
  assert.deepEqual([agents[agentId].state, agents[second.agentId].state], ['blocked', 'idle'])

  await a.forward('respondInteraction', agentId, { agentId, interactionId, value: 'red' })
  const done = await carries(v, 'runActivity', { runId, state: 'done' })
  const b = await new Scene(c, otherId).viewer()
  await b.follow(otherId, second.agentId)
  const { end } = await converse(b, second.agentId, undefined, 'hello there')
  const said = await carries(v, 'runActivity', { runId: end.runId })

  assert.equal(done.state, 'done')
  assert.deepEqual([said.state, said.message, said.durationMs, said.seq], ['done', 'hello there', end.durationMs, end.seq])
  assert.equal(said.viewerId, (await b.event('connected')).payload.viewerId)
  assert.ok(said.user)
  assert.ok(v.told('clientEvent').every((e) => [clientId, otherId].includes(e.clientId)))
  await m.stop()
})

test('agents that are made, stopped, started and deleted over REST', async () => {
  const v = await overseer(scene.server)
  const agentId = await scene.agent()
  const target = `/api/clients/${scene.clientId}/agents/${agentId}`
  await carries(v, 'agentUpdate', { agentId, action: 'created' })
  await scene.server.rest('POST', `${target}/stop`)
  await carries(v, 'agentUpdate', { agentId, state: 'stopped' })
  await scene.server.rest('POST', `${target}/start`)
  await v.until((x) => states(x, agentId).length === 3)
  await scene.server.rest('DELETE', target)
  await carries(v, 'agentUpdate', { agentId, action: 'deleted' })

  assert.deepEqual(states(v, agentId).slice(0, 3), ['created idle', 'changed stopped', 'changed idle'])
})

test('a question is told with its words, a failure with its reason, a cancelled run as one', async () => {
  const v = await overseer(scene.server)
  const { agentId, conversationId, viewers: [a] } = await scene.room(1)

  const { runId } = await say(a, agentId, conversationId, '/ask red green')
  const blocked = await carries(v, 'runActivity', { runId, state: 'blocked' })
  const request = await a.tells('interactionRequest', { runId })
  await a.forward('cancelRun', agentId, { agentId, runId })
  const cancelled = await carries(v, 'runActivity', { runId, state: 'cancelled' })
  const crash = await scene.room(1, {
    spec: { codec: { type: 'lines', quietMs: 50 }, host: { type: 'process', command: 'sh', args: ['-c', 'read x; exit 3'] } },
  })
  const failing = await say(crash.viewers[0], crash.agentId, crash.conversationId, 'fail')
  const end = await crash.viewers[0].ended(failing.runId)
  const told = await carries(v, 'runActivity', { runId: failing.runId })

  assert.deepEqual([blocked.interactionId, blocked.message], [request.interactionId, request.message.slice(0, 200)])
  assert.deepEqual([cancelled.reason, cancelled.message], ['user', undefined])
  assert.deepEqual([told.state, told.reason, told.error], [end.state, end.reason, end.error])
  const times = carried(v, 'runActivity', { runId }).map((run) => run.state)
  assert.deepEqual(times, ['blocked', 'cancelled'])
})

test('a long answer is told by its beginning', async () => {
  const v = await overseer(scene.server)
  const { agentId, conversationId, viewers: [a] } = await scene.room(1)

  const { end } = await converse(a, agentId, conversationId, 'é'.repeat(5_000))
  const { message } = await carries(v, 'runActivity', { runId: end.runId })

  assert.equal(message, 'é'.repeat(200))
})

test('lists of conversations change for who is not logged in to the agent', async () => {
  const v = await overseer(scene.server)
  const { agentId, ids: [conversationId], v: a } = await scene.having('first')
  await carries(v, 'conversationUpdate', { conversationId, action: 'created' })
  await a.forward('renameConversation', agentId, { agentId, conversationId, newName: 'second' })
  await a.join(agentId, { conversationId })
  await a.forward('deleteConversation', agentId, { agentId, conversationId })
  await carries(v, 'conversationUpdate', { conversationId, action: 'deleted' })

  const actions = carried(v, 'conversationUpdate', { conversationId }).map((update) => update.action)
  assert.deepEqual(actions, ['created', 'renamed', 'deleted'], 'and not who comes and goes')
})

test('ephemeral runs are nobody else’s business', async () => {
  const v = await overseer(scene.server)
  const { agentId, viewers: [a], conversationId } = await scene.room(1)
  const { runId } = await say(a, agentId, conversationId, 'whispered', { ephemeral: true })
  await a.ended(runId)
  const { end } = await converse(a, agentId, conversationId, 'aloud')
  await carries(v, 'runActivity', { runId: end.runId })

  assert.deepEqual(carried(v, 'runActivity', { runId }), [])
})

test('a flood of short runs is told of seldom, and its end rightly', async () => {
  const v = await overseer(scene.server)
  const { agentId, conversationId, viewers: [a] } = await scene.room(1)
  const count = 1_000

  let last
  for (let i = 0; i < count; i += 50) {
    const said = await Promise.all(Array.from({ length: 50 }, () => say(a, agentId, conversationId, 'x')))
    const newest = said.reduce((one, other) => (other.seq > one.seq ? other : one))
    last = (await a.ended(newest.runId)).seq
  }
  const newest = await carries(v, 'conversationActivity', { conversationId }, (activity) => activity.headSeq === last)
  await v.until((x) => carried(x, 'runActivity', { conversationId }).length === count)

  assert.deepEqual([newest.conversation.running, newest.conversation.messageCount], [false, 2 * count])
  const told = carried(v, 'conversationActivity', { conversationId })
  assert.ok(told.length < count / 5, `${told.length} for ${count} runs`)
  const times = told.map((activity) => Date.parse(activity.timestamp))
  times.slice(1).forEach((time, i) => assert.ok(time - times[i] >= 249, `${time - times[i]} ms`))
  const updates = carried(v, 'agentUpdate', { agentId }).filter((update) => update.action === 'changed')
  const moments = updates.map((update) => Date.parse(update.timestamp))
  moments.slice(1).forEach((time, i) => assert.ok(time - moments[i] >= 99, `${time - moments[i]} ms`))
  await v.until((x) => states(x, agentId).at(-1).endsWith('idle'))
})

test('a manager that dies and comes back is told of with what it has then', async () => {
  const { manager: first, controller: c, clientId, agentId } = await apart()
  const a = await new Scene(c, clientId).viewer()
  await a.follow(clientId, agentId)
  const { runId, conversationId } = await a.chat(agentId, '/stall')
  const v = await overseer(c)
  await carries(v, 'conversationActivity', { conversationId }, (activity) => activity.conversation.running)

  await first.kill()
  const away = await v.tells('clientUpdate', { clientId, action: 'disconnected' })
  const retrying = await v.until((x) => x.told('clientUpdate', { action: 'retrying' }).find((update) => update.attempt > 1))
  const late = await overseer(c)
  const seen = await late.tells('clientUpdate', { clientId, action: 'current' })
  const again = await manager({ dataDir: first.dataDir, port: first.port, agents: ['calc=bc'] })
  const back = await v.tells('clientUpdate', { clientId, action: 'connected' })

  const known = (update) => update.agents.map((agent) => agent.name).sort()
  assert.deepEqual([away.connected, known(away)], [false, known(seen)])
  assert.ok(away.error && retrying.error)
  assert.ok(Date.parse(retrying.retryAt) >= Date.parse(retrying.timestamp) - 1_000)
  assert.deepEqual([seen.connected, seen.agents.find((agent) => agent.agentId === agentId).state], [false, 'running'])
  assert.deepEqual([back.connected, back.attempt, back.error], [true, undefined, undefined])
  assert.deepEqual(known(back), [...known(away), 'calc'].sort())
  assert.ok(back.agents.every((agent) => agent.state === 'idle'))
  const behind = v.events.slice(v.events.findIndex((e) => e.payload === back))
  assert.deepEqual(behind.filter((e) => e.event === 'clientEvent'), [], 'nothing is open any more')
  assert.equal((await a.ended(runId)).reason, 'server_restart')

  const fresh = await addAgent(c, clientId, { name: 'fresh', codec: { type: 'echo' } })
  await carries(v, 'agentUpdate', { agentId: fresh.agentId, action: 'created' })
  await again.stop()
})

test('clients that are registered, renamed and removed', async () => {
  const [c, m] = await Promise.all([controller(), manager({ agents: ['calc=bc'] })])
  const v = await overseer(c)
  const clientId = await register(c, m)
  const connected = await v.tells('clientUpdate', { clientId, action: 'connected' })
  await c.rest('PATCH', `/api/clients/${clientId}`, { name: 'another' })
  const renamed = await v.until((x) => x.told('clientUpdate', { clientId, name: 'another' })[0])
  await c.rest('DELETE', `/api/clients/${clientId}`)
  const deleted = await v.tells('clientUpdate', { clientId, action: 'deleted' })

  assert.deepEqual(connected.agents.map((agent) => [agent.name, agent.program]), [['calc', 'bc']])
  assert.deepEqual([renamed.connected, renamed.agents.length], [true, 1])
  assert.equal(deleted.connected, false)
})

test('who has chosen otherwise hears nothing more', async () => {
  const [v, deaf] = [await overseer(scene.server), await scene.viewer()]
  await v.tells('clientUpdate', { clientId: scene.clientId })
  const chosen = await v.ok('subscribe', { topics: [] })
  const before = v.events.length

  const { agentId, conversationId, viewers: [a] } = await scene.room(1)
  await converse(a, agentId, conversationId, 'unheard')
  await Promise.all([settled(v), settled(deaf)])

  assert.deepEqual(chosen, { topics: [], intervalMs: 5_000 })
  assert.deepEqual(v.events.slice(before).map((e) => e.event), [])
  assert.deepEqual([...deaf.told('clientUpdate'), ...deaf.told('clientEvent')], [])
  assert.equal((await deaf.denied('subscribe', agentId, { agentId, topics: ['activity'] })).code, 'INVALID_PAYLOAD')
})

test('heartbeats and figures come by the clock, within bounds', async () => {
  const v = await viewer(scene.server)
  for (const payload of [
    { topics: ['heartbeat'], intervalMs: 249 },
    { topics: ['heartbeat'], intervalMs: 60_001 },
    { topics: ['heartbeat'], intervalMs: -1 },
    { topics: ['heartbeat'], intervalMs: 'often' },
    { topics: ['nothing'] },
    { topics: 'stats' },
    {},
  ]) {
    assert.equal((await v.refused('subscribe', payload)).code, 'INVALID_PAYLOAD', JSON.stringify(payload))
  }
  assert.deepEqual(await v.ok('subscribe', { topics: ['stats'], intervalMs: 60_000 }), { topics: ['stats'], intervalMs: 60_000 })
  const first = await v.event('serverStats')
  const chosen = await v.ok('subscribe', { topics: ['heartbeat', 'stats', 'heartbeat'], intervalMs: 250 })
  await v.until((x) => x.told('heartbeat').length >= 3)

  assert.deepEqual(chosen, { topics: ['heartbeat', 'stats'], intervalMs: 250 })
  const beats = v.told('heartbeat').map((beat) => Date.parse(beat.time))
  beats.slice(1).forEach((time, i) => assert.ok(time - beats[i] >= 200, `${time - beats[i]} ms`))
  const stats = v.told('serverStats')
  assert.ok(stats.length >= 3 && stats.every((each) => each.cpu >= 0 && each.memory > 1 << 20 && each.connections >= 1))
  assert.equal(first.payload.connections, stats[0].connections)

  const { agentId, conversationId, viewers: [a] } = await scene.room(1)
  const before = v.told('serverStats').length
  const { runId } = await say(a, agentId, conversationId, '/stall')
  await v.until((x) => x.told('serverStats').slice(before).find((each) => each.runs >= 1))
  await a.forward('cancelRun', agentId, { agentId, runId })
})
