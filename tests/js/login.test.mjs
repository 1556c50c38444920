// Handshake, login and routing, over both transports.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'

import { addAgent, script, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

let server
before(async () => (server = await up({ agents: ['upper=sh -c "while read x; do echo upper $x; done"'] })))

const viewer = (transport, more = {}) => new Viewer(server.controller, { token: server.token, transport, ...more })

test('the first line of up is what scripts rely on', () => {
  const { url, token, clientId, controller, manager, agents } = server.info
  assert.ok(url.startsWith(controller) && url.includes(token))
  assert.match(token, /^ls_[\w-]{43}$/)
  assert.match(clientId, /^[\w.:-]+$/)
  for (const each of [controller, manager]) assert.match(each, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(agents.map((a) => a.name).sort(), ['echo', 'upper'])
  assert.deepEqual(Object.keys(agents[0]).sort(), ['agentId', 'name'])
})

test('both servers serve health and the same document', async () => {
  const texts = []
  for (const base of [server.controller, server.info.manager]) {
    const health = await (await fetch(`${base}/health`)).json()
    assert.ok(health.ok && health.tasks > 0)
    assert.equal((await fetch(`${base}/ready`)).status, 200)
    texts.push(await (await fetch(`${base}/asyncapi.yaml`)).text())
  }
  assert.match(texts[0], /^asyncapi: /m)
  assert.equal(texts[0], texts[1])
})

for (const transport of ['websocket', 'polling']) {
  describe(transport, () => {
    test('connected comes first and says who one is', async () => {
      const v = await viewer(transport, { auth: { token: server.token, clientKey: 'me-1' } }).connected()

      const { payload } = await v.event('connected')

      assert.equal(payload.viewerId, 'me-1')
      assert.ok(payload.connectionId && payload.serverVersion)
      assert.match(payload.serverTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.deepEqual(v.events.filter((e) => e.event !== 'connect').map((e) => e.event), ['connected'])
    })

    test('a header does as well as auth', async () => {
      const extraHeaders = { authorization: `Bearer ${server.token}` }
      await viewer(transport, { auth: {}, extraHeaders }).event('connected')
    })

    for (const [what, auth] of Object.entries({ none: {}, wrong: { token: 'ls_wrong' }, 'wrong-typed': { token: 7 } })) {
      test(`a handshake with ${what} token is refused`, async () => {
        const v = viewer(transport, { auth })

        const { payload } = await v.event('connect_error')

        assert.equal(payload.message, 'Unauthorized')
        v.close()
      })
    }

    test('setClient, forward login, forward chat: the entries come in order', async () => {
      const v = viewer(transport)
      const echo = server.agent('echo')
      const login = await v.follow(server.info.clientId, echo)
      assert.equal(login.agentName, 'echo')
      assert.equal(login.message, 'Welcome, echo!')
      assert.equal(login.resumeToken, undefined)
      const set = await v.event('clientSet')
      assert.deepEqual(set.payload, { clientId: server.info.clientId, message: 'Client context set' })

      const accepted = await v.chat(echo, `hello ${transport}`)
      await v.ended(accepted.runId)

      const own = v.entries(echo).filter((e) => e.payload.runId === accepted.runId)
      const shape = own.map((e) => e.payload.from ?? e.payload.state)
      assert.deepEqual(shape, ['user', 'started', 'agent', 'done'])
      assert.equal(own[0].payload.seq, accepted.seq)
      assert.deepEqual(own.map((e) => e.payload.seq), own.map((_, i) => accepted.seq + i))
      assert.deepEqual(own[2].payload.response, { type: 'text', result: `hello ${transport}` })
    })

    test('forward without a client is refused, and the connection stays', async () => {
      const v = await viewer(transport).connected()

      const error = await v.refused('forward', { event: 'listAgents' })

      assert.equal(error.code, 'NO_CLIENT')
      assert.equal(error.message, 'No client selected. Call setClient first.')
      v.socket.emit('forward', { event: 'listAgents' })
      const { payload } = await v.event('error')
      assert.equal(payload.code, 'NO_CLIENT')
      assert.equal(payload.event, 'forward')
      await v.ok('setClient', { clientId: server.info.clientId })
    })

    test('an unknown client and an unknown agent are refused', async () => {
      const v = await viewer(transport).connected()

      const client = await v.refused('setClient', { clientId: 'nobody' })
      await v.ok('setClient', { clientId: server.info.clientId })
      const agent = await v.refused('forward', { event: 'login', agentId: 'nobody', payload: {} })

      assert.equal(client.code, 'CLIENT_NOT_FOUND')
      assert.equal(client.message, 'Client not found: nobody')
      assert.match(agent.code, /AGENT_NOT_FOUND|INVALID_CREDENTIALS/)
      await v.forward('login', server.agent('echo'))
    })

    test('a chat logs in by itself with the stored credentials', async () => {
      const added = await addAgent(server, server.info.clientId, { name: `auto-${transport}`, codec: { type: 'echo' } })
      const v = await viewer(transport).connected()
      await v.ok('setClient', { clientId: server.info.clientId })

      const accepted = await v.chat(added.agentId, 'first words')

      assert.equal(accepted.seq, 1)
      await v.forward('login', added.agentId)
      await v.ended(accepted.runId)
      assert.deepEqual(v.answers(added.agentId), ['first words'])
    })
  })
}

test('first chats to two agents at once are answered each under its own', async () => {
  for (let round = 0; round < 5; round += 1) {
    const specs = ['a', 'b'].map((name) => script(`${name}${round}`, `while read x; do echo ${name}:$x; done`))
    const [a, b] = await Promise.all(specs.map((spec) => addAgent(server, server.info.clientId, spec)))
    const v = await viewer('websocket').connected()
    await v.ok('setClient', { clientId: server.info.clientId })

    const both = [a, b].map(({ agentId }) => agentId)
    both.forEach((agentId) => v.socket.emit('forward', { event: 'login', agentId, payload: { agentId } }))
    const accepted = await Promise.all(both.map((agentId, i) => v.chat(agentId, `to ${i}`)))
    await Promise.all(accepted.map(({ runId }) => v.ended(runId)))

    assert.deepEqual(v.answers(a.agentId), ['a:to 0'])
    assert.deepEqual(v.answers(b.agentId), ['b:to 1'])
    v.close()
  }
})

test('logout ends this browser’s subscription and nobody else’s', async () => {
  const echo = server.agent('echo')
  const [one, two] = [viewer('websocket'), viewer('websocket')]
  await Promise.all([one, two].map((v) => v.follow(server.info.clientId, echo)))

  await one.forward('logout', echo)
  const before = one.entries(echo).length
  const accepted = await two.chat(echo, 'still here')
  await two.ended(accepted.runId)
  await one.ok('setClient', { clientId: server.info.clientId })

  assert.equal(one.entries(echo).length, before)
})

test('the manager itself lets in only who has its key, and says no more than needed', async () => {
  const dataDir = temporary()
  const own = await up({ dataDir })
  const added = await addAgent(own, own.info.clientId, { name: 'locked', codec: { type: 'echo' } })
  const wrong = new Viewer(own.info.manager, { token: 'lsm_wrong', namespace: '/agents' })
  assert.equal((await wrong.event('connect_error')).payload.message, 'Unauthorized')
  wrong.close()

  const { readFileSync } = await import('node:fs')
  const key = readFileSync(`${dataDir}/manager.key`, 'utf8').trim()
  const m = await new Viewer(own.info.manager, { token: key, namespace: '/agents' }).connected()
  const badPassword = await m.refused('login', { agentId: added.agentId, password: 'wrong' })
  const badAgent = await m.refused('login', { agentId: 'nobody', password: 'wrong' })
  const good = await m.ok('login', { agentId: added.agentId, password: added.password })
  const again = await m.ok('login', { agentId: added.agentId, resumeToken: good.resumeToken })

  assert.deepEqual(badPassword, badAgent)
  assert.deepEqual([badPassword.code, badPassword.message], ['INVALID_CREDENTIALS', 'Invalid credentials'])
  assert.equal(again.conversationId, good.conversationId)
  assert.equal((await m.refused('chat', { agentId: server.agent('echo'), message: 'x' })).code, 'UNAUTHORIZED')
})

test('attempts with a wrong password are limited', async () => {
  const dataDir = temporary()
  const own = await up({ dataDir })
  const { readFileSync } = await import('node:fs')
  const key = readFileSync(`${dataDir}/manager.key`, 'utf8').trim()
  const m = await new Viewer(own.info.manager, { token: key, namespace: '/agents' }).connected()

  const codes = new Set()
  let error
  for (let i = 0; i < 15; i += 1) {
    error = await m.refused('login', { agentId: own.agent('echo'), password: `guess ${i}` })
    codes.add(error.code)
  }

  assert.deepEqual([...codes], ['INVALID_CREDENTIALS', 'RATE_LIMITED'])
  assert.ok(error.retryAfterMs > 0)
})
