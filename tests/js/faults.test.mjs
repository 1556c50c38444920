// Whatever dies: nothing acknowledged is lost, nothing is said twice, the order stays.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { addAgent, apart, controller, eventually, manager, register } from './lib/server.mjs'
import { Proxy } from './lib/proxy.mjs'
import { Scene, converse } from './lib/scene.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

const viewer = (server, more = {}) => new Viewer(server.controller, { token: server.token, ...more })

/** Types `count` messages, each until it is acknowledged; calls `meanwhile` after the given number. */
async function type(v, agentId, count, at, meanwhile) {
  const said = []
  for (let i = 0; i < count; i += 1) {
    if (i === at) meanwhile()
    said.push({ text: `message ${i}`, ...(await v.insist(agentId, `message ${i}`)) })
  }
  return said
}

/** Everything typed is in the log once, in order, and every run has ended. */
async function assertAllSaid(v, agentId, said) {
  const last = said.at(-1)
  await v.until((x) => x.events.some((e) => e.event === 'runEvent' && e.payload.runId === last.runId && e.payload.state === 'done'))
  assertOrderly(v, agentId)
  assertRunsEnded(v, agentId)
  const texts = v.messages(agentId).filter((m) => m.from === 'user').map((m) => m.text)
  assert.deepEqual(texts, said.map((s) => s.text))
}

test('the manager is killed and restarted while a browser watches and types', async () => {
  const { manager: first, controller: c, clientId, agentId } = await apart()
  const [writer, watcher] = [viewer(c), viewer(c, { transport: 'polling' })]
  await Promise.all([writer, watcher].map((v) => v.follow(clientId, agentId)))

  let restarted
  const said = await type(writer, agentId, 60, 20, () => {
    restarted = first.kill().then(() => manager({ dataDir: first.dataDir, port: first.port }))
  })
  await restarted
  await Promise.all([writer, watcher].map((v) => assertAllSaid(v, agentId, said)))

  for (const event of ['remoteDisconnected', 'remoteReconnecting', 'remoteReconnected']) {
    assert.deepEqual((await watcher.event(event)).payload.clientId, clientId)
  }
  const late = viewer(c)
  await late.follow(clientId, agentId)
  assert.deepEqual(late.entries(agentId), writer.entries(agentId))
})

test('a run that was open when the manager died is closed, once, and not run again', async () => {
  const { manager: first, controller: c, clientId, agentId } = await apart()
  const v = viewer(c)
  await v.follow(clientId, agentId)
  const { runId } = await v.chat(agentId, '/stall')
  await v.until((x) => x.events.some((e) => e.payload?.runId === runId && e.payload.state === 'started'))

  await first.kill()
  await manager({ dataDir: first.dataDir, port: first.port })
  const end = await v.ended(runId)

  assert.deepEqual([end.state, end.reason], ['failed', 'server_restart'])
  const next = await v.insist(agentId, 'and on')
  assert.equal((await v.ended(next.runId)).state, 'done')
  assertOrderly(v, agentId)
  assertRunsEnded(v, agentId)
})

test('the controller is killed and restarted while a browser watches and types', async () => {
  const { controller: first, clientId, agentId } = await apart()
  const [writer, watcher] = [viewer(first), viewer(first)]
  for (const v of [writer, watcher]) {
    await v.follow(clientId, agentId)
    v.stay(clientId, agentId)
  }

  let restarted
  const said = await type(writer, agentId, 60, 20, () => {
    restarted = first.kill().then(() => controller({ dataDir: first.dataDir, port: first.port }))
  })
  await restarted

  await Promise.all([writer, watcher].map((v) => assertAllSaid(v, agentId, said)))
})

test('one cut of the TCP connection between the tiers loses nothing', async () => {
  const [m, c] = await Promise.all([manager(), controller()])
  const proxy = await Proxy.before(m.info.manager)
  const clientId = await register(c, m, proxy.url)
  const { agentId } = await eventually(() => addAgent(c, clientId))
  const v = viewer(c)
  await v.follow(clientId, agentId)

  const said = await type(v, agentId, 60, 20, () => proxy.cut())

  await assertAllSaid(v, agentId, said)
  assert.ok(proxy.accepted >= 2)
})

test('many cuts at random between the tiers lose nothing', async () => {
  const [m, c] = await Promise.all([manager(), controller()])
  const proxy = await Proxy.before(m.info.manager)
  const clientId = await register(c, m, proxy.url)
  const { agentId } = await eventually(() => addAgent(c, clientId))
  const v = viewer(c)
  await v.follow(clientId, agentId)
  const { runId } = await v.chat(agentId, '/lines 500')

  const said = await type(v, agentId, 30, 0, () => {})
  for (let i = 0; i < 5; i += 1) {
    proxy.cut()
    said.push({ text: `after cut ${i}`, ...(await v.insist(agentId, `after cut ${i}`)) })
  }

  await v.ended(runId)
  await assertAllSaid(v, agentId, [{ text: '/lines 500' }, ...said])
})

test('one cut between browser and controller loses nothing', async () => {
  const { controller: c, clientId, agentId } = await apart()
  const proxy = await Proxy.before(c.controller)
  const v = new Viewer(proxy.url, { token: c.token })
  await v.follow(clientId, agentId)
  v.stay(clientId, agentId)

  const said = await type(v, agentId, 40, 15, () => proxy.cut())

  await assertAllSaid(v, agentId, said)
  assert.ok(proxy.accepted >= 2)
})

test('a manager that is down at setClient time is served when it comes', async () => {
  const { manager: first, controller: c, clientId, agentId } = await apart()
  await first.kill()
  const v = await viewer(c).connected()

  assert.equal((await v.ok('setClient', { clientId })).clientId, clientId)
  const error = await v.refused('forward', { event: 'listAgents', payload: {} })
  assert.equal(error.code, 'REMOTE_UNAVAILABLE')
  assert.ok(error.retryAfterMs >= 0)
  const waiting = v.insist(agentId, 'patience')
  await v.event('remoteReconnecting')
  await manager({ dataDir: first.dataDir, port: first.port })
  await v.event('remoteReconnected')
  const accepted = await waiting
  await v.forward('login', agentId)
  await v.ended(accepted.runId)

  assert.deepEqual(v.answers(agentId), ['patience'])
})

test('a controller that starts before its manager, and a key that is corrected', async () => {
  const [m, c] = await Promise.all([manager(), controller()])
  const body = { name: 'wrong', endpoint: m.info.manager, apiKey: 'lsm_wrong' }
  const { body: client } = await c.rest('POST', '/api/clients', body)
  const v = await viewer(c).connected()
  await v.ok('setClient', { clientId: client.clientId })
  await v.event('remoteReconnectError')

  const patched = await c.rest('PATCH', `/api/clients/${client.clientId}`, { apiKey: m.info.apiKey })

  assert.equal(patched.status, 200)
  await v.event('remoteReconnected')
  await v.ok('forward', { event: 'listAgents', payload: {} })
})

test('what was done, though its acknowledgement was lost, is not done again', async () => {
  const [m, c] = await Promise.all([manager(), controller()])
  const proxy = await Proxy.before(m.info.manager)
  const clientId = await register(c, m, proxy.url)
  const { agentId, password } = await eventually(() => addAgent(c, clientId))
  const v = await new Scene(c, clientId).viewer()
  const { conversationId } = await v.join(agentId)
  const witness = await new Viewer(m.info.manager, { token: m.info.apiKey, namespace: '/agents' }).connected()
  await witness.follow(undefined, agentId, { password })

  for (const [event, more] of [['chat', { messageId: 'once' }], ['startRun', {}]]) {
    const [runId, message] = [`run-${event}`, `by ${event}`]
    proxy.mute()
    const answer = v.call('forward', { event, agentId, payload: { agentId, conversationId, runId, message, ...more } })
    await witness.ended(runId)
    proxy.cut()
    const { success } = await answer
    await converse(v, agentId, conversationId, `after ${event}`)

    if (event === 'chat') assert.equal(success, true)
    assert.equal(v.messages(conversationId).filter((each) => each.text === message).length, 1, event)
  }
  await v.until((x) => x.answers(conversationId).includes('after startRun'))
  assertOrderly(v, conversationId)
  assertRunsEnded(v, conversationId)
})

/** Says it until it is acknowledged: a chat under one id, a run under a new one each time. Gives the run. */
async function insist(v, event, agentId, payload) {
  const messageId = randomUUID()
  return eventually(async () => {
    const ids = event === 'chat' ? { messageId } : { runId: randomUUID() }
    const command = { event, agentId, payload: { agentId, ...payload, ...ids } }
    const answer = await v.socket.timeout(60_000).emitWithAck('forward', command)
    if (!answer.success) throw new Error(answer.error.code)
    return answer.data.runId
  })
}

test('several conversations, queues and parallel runs over a link that breaks again and again', async () => {
  const [m, c] = await Promise.all([manager(), controller()])
  const proxy = await Proxy.before(m.info.manager)
  const clientId = await register(c, m, proxy.url)
  const { agentId } = await eventually(() => addAgent(c, clientId))
  const scene = new Scene(c, clientId)
  const viewers = [await scene.viewer(), await scene.viewer({ transport: 'polling' }), await scene.viewer()]
  const conversations = []
  for (let i = 0; i < 3; i += 1) {
    conversations.push((await viewers[0].forward('createConversation', agentId, { agentId, name: `c${i}` })).conversationId)
    for (const v of viewers) await v.join(agentId, { conversationId: conversations[i] })
  }

  const runs = []
  for (let round = 0; round < 8; round += 1) {
    if (round % 2) proxy.cut()
    const said = viewers.flatMap((v, i) => [
      insist(v, 'chat', agentId, { conversationId: conversations[i], message: `/lines ${round}` }),
      insist(v, 'startRun', agentId, { conversationId: conversations[(i + 1) % 3], message: `/stream 20 round ${round}` }),
    ])
    runs.push(...(await Promise.all(said)))
  }
  for (const v of viewers) await Promise.all(runs.map((runId) => v.ended(runId)))

  for (const conversation of conversations) {
    for (const v of viewers) {
      assertOrderly(v, conversation)
      assertRunsEnded(v, conversation)
      assert.deepEqual(v.entries(conversation), viewers[0].entries(conversation))
    }
    const said = viewers[0].messages(conversation).filter((message) => message.text?.startsWith('/lines'))
    assert.deepEqual(said.map((message) => message.text), Array.from({ length: 8 }, (_, round) => `/lines ${round}`))
  }
  assert.ok(proxy.accepted >= 5)
  await eventually(async () => {
    const list = await viewers[0].forward('listConversations', agentId, { agentId, name: 'c' })
    assert.deepEqual(list.conversations.map((each) => each.clientCount), [3, 3, 3])
  })
})
