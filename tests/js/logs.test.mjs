// Log lines: found by one id across both tiers, and nothing in them that is nobody's business.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { ask } from './lib/http.mjs'
import { Scene, converse } from './lib/scene.mjs'
import { addAgent, controller, eventually, manager, register, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

/** Both tiers apart, and someone who talks to an agent. */
async function talking(args = []) {
  const [m, c] = await Promise.all([manager({ args }), controller({ args })])
  const clientId = await register(c, m)
  const { agentId } = await eventually(() => addAgent(c, clientId))
  const v = new Viewer(c.controller, { token: c.token })
  await v.follow(clientId, agentId)
  return { m, c, v, clientId, agentId }
}

const lines = (server) =>
  server.stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

test('one id leads through both tiers, and what was said is nowhere', async () => {
  const { m, c, v, agentId } = await talking()
  const secret = `what-was-said-${randomUUID()}`
  const payload = { agentId, message: secret }

  const { success, data } = await v.call('forward', { event: 'chat', agentId, payload, correlationId: 'my-id' })
  assert.equal(success, true)
  await v.ended(data.runId)
  const own = await v.chat(agentId, secret)
  await v.ended(own.runId)
  await Promise.all([m.stop(), c.stop()])

  const of = (server, id) => lines(server).filter((line) => line.correlation === id)
  assert.deepEqual(of(c, 'my-id').map((line) => line.message), ['command answered'])
  assert.deepEqual(of(m, 'my-id').map((line) => line.message), ['run started', 'run ended'])
  for (const line of [...of(m, 'my-id'), ...of(c, 'my-id')]) {
    assert.equal(line.agent, agentId)
    assert.ok(line.conn && line.viewer && line.tier && line.time && line.level === 'info', JSON.stringify(line))
  }
  assert.deepEqual(of(m, 'my-id').map((line) => [line.run, line.conversation]), Array(2).fill([data.runId, data.conversationId]))
  const [made] = lines(m).filter((line) => line.run === own.runId)
  assert.match(made.correlation, /^co_/)
  assert.equal(of(c, made.correlation).length, 1)
  for (const server of [m, c]) assert.equal(server.stderr.includes(secret), false)
})

test('a REST request has an id, which the manager knows, too', async () => {
  const { m, c, clientId, agentId } = await talking(['--log=debug'])
  const request = async (correlation) => {
    const headers = { authorization: `Bearer ${c.token}`, ...(correlation && { 'x-correlation-id': correlation }) }
    return ask(c.controller, 'POST', `/api/clients/${clientId}/agents/${agentId}/restart`, { headers })
  }

  const given = await request('rest-1')
  const unsound = await request('x y')
  await Promise.all([m.stop(), c.stop()])

  assert.equal(given.headers['x-correlation-id'], 'rest-1')
  assert.match(unsound.headers['x-correlation-id'], /^co_[0-9a-f]{20}$/)
  const commands = (server) => lines(server).filter((line) => line.correlation === 'rest-1').flatMap((line) => (line.message === 'audit' ? [] : [line.command ?? line.route ?? line.target]))
  assert.deepEqual(commands(m), ['restartAgent'])
  assert.deepEqual(commands(c), ['/api/clients/{client}/agents/{agent}/{action}'])
})

test('no secret is in the lines, however much is logged', async () => {
  const { m, c, v, agentId } = await talking(['--log=trace'])
  const { runId } = await v.chat(agentId, 'hi')
  await v.ended(runId)
  const stranger = new Viewer(c.controller, { token: 'ls_a-wrong-guess-of-somebody' })
  await stranger.event('connect_error')
  await Promise.all([m.stop(), c.stop()])

  for (const server of [m, c]) {
    for (const secret of [c.token, m.info.apiKey, 'a-wrong-guess']) assert.equal(server.stderr.includes(secret), false)
  }
})

test('what others choose makes no line of its own', async () => {
  for (const format of ['json', 'text']) {
    const server = await up({ args: [`--log-format=${format}`, '--log=debug'] })
    const scene = new Scene(server)
    const evil = 'x\n{"level":"error","message":"forged"}\n2026-01-01T00:00:00.000Z ERROR forged \u001b[31m'
    const v = await scene.viewer({ auth: { token: server.token, clientKey: evil } })
    const agentId = await scene.agent({ name: `n ${evil}`.replaceAll('\n', ' ') })
    await v.join(agentId).catch(() => {})
    await v.call('forward', { event: 'chat', agentId, payload: { agentId, message: evil, conversationId: evil } })
    await v.call('forward', { event: evil, agentId })
    await server.rest('GET', `/api/clients/${encodeURIComponent(evil)}`)
    await ask(server.controller, 'POST', '/api/session', { headers: { origin: 'http://evil%0aforged' }, body: { token: evil } })
    await server.stop()

    for (const line of server.stderr.split('\n').filter(Boolean)) {
      const isSound = format === 'json' ? JSON.parse(line).level : /^\d{4}-\d\d-\d\dT[\d:.]+Z (ERROR|WARN |INFO |DEBUG|TRACE) /.test(line)
      assert.ok(isSound, line)
      assert.equal(/^\S+ ERROR forged/.test(line) || line.startsWith('{"level":"error"'), false, line)
      assert.equal(line.includes('\u001b'), false, line)
    }
  }
})

test('whoever was there is told of each line about a connection', async () => {
  const server = await up({ args: ['--log=debug'] })
  const scene = new Scene(server)
  const { agentId, conversationId, viewers: [v] } = await scene.room(1)
  await converse(v, agentId, conversationId, 'hi')
  await server.stop()

  const all = lines(server)
  const tiers = new Set(all.filter((line) => line.run || line.conn).map((line) => line.tier))
  assert.deepEqual(tiers, new Set(['controller', 'manager']), 'both in one process say which they are')
  assert.ok(all.some((line) => line.message === 'connected' && line.conn && line.viewer))
})
