// The manager alone, spoken to as a controller does.

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { manager, script } from './lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

let server
before(async () => (server = await manager({ agents: ['calc=bc -l'] })))

const link = async () => new Viewer(server.info.manager, { token: server.info.apiKey, namespace: '/agents' }).connected()

/** A new agent, and a connection that follows it. */
async function withAgent(spec) {
  const v = await link()
  const { agentId, password } = await v.ok('createAgent', { spec })
  const login = await v.follow(undefined, agentId, { password })
  return { v, agentId, password, login }
}

const echo = (name) => ({ name, codec: { type: 'echo' } })

test('the first line says where it listens and what its key is', () => {
  assert.match(server.info.apiKey, /^lsm_[\w-]{43}$/)
  assert.deepEqual(server.info.agents.map((a) => a.name), ['calc'])
})

test('many agents on one connection, each command and event under its own', async () => {
  const v = await link()
  const agents = []
  for (let i = 0; i < 5; i += 1) agents.push(await v.ok('createAgent', { spec: echo(`many-${i}`) }))
  await Promise.all(agents.map(({ agentId, password }) => v.follow(undefined, agentId, { password })))

  const accepted = await Promise.all(agents.map(({ agentId }, i) => v.chat(agentId, `to ${i}`)))
  await Promise.all(accepted.map(({ runId }) => v.ended(runId)))

  agents.forEach(({ agentId }, i) => {
    assert.deepEqual(v.answers(agentId), [`to ${i}`])
    assertOrderly(v, agentId)
  })
})

test('a login is answered with a token that replaces the password until it changes', async () => {
  const { agentId, login } = await withAgent(echo('resumed'))
  assert.ok(login.resumeToken)

  const other = await link()
  const again = await other.ok('login', { agentId, resumeToken: login.resumeToken })
  const error = await other.refused('login', { agentId, resumeToken: `${login.resumeToken}x` })

  assert.equal(again.epoch, login.epoch)
  assert.deepEqual([error.code, error.message], ['INVALID_CREDENTIALS', 'Invalid credentials'])
  assert.equal((await other.event('loginError')).payload.agentId, agentId)
})

test('an agent is created, stopped, started and deleted', async () => {
  const { v, agentId } = await withAgent(script('life', 'while read x; do echo $x; done'))
  await v.ended((await v.chat(agentId, 'one')).runId)

  await v.ok('stopAgent', { agentId })
  assert.equal((await v.refused('chat', { agentId, message: 'two' })).code, 'AGENT_UNAVAILABLE')
  await v.ok('startAgent', { agentId })
  await v.ended((await v.chat(agentId, 'three')).runId)
  const { agents } = await v.ok('listAgents', {})
  await v.ok('deleteAgent', { agentId })

  assert.deepEqual(v.answers(agentId).map((text) => text.trim()), ['one', 'three'])
  const shown = agents.find((a) => a.agentId === agentId)
  assert.deepEqual([shown.name, shown.state, shown.clientCount], ['life', 'idle', 1])
  assert.equal((await v.refused('createAgent', { spec: echo('calc') })).code, 'NAME_TAKEN')
  assertRunsEnded(v, agentId)
})

test('passwords of agents that it makes are in a file for its owner, whoever started it', () => {
  const file = path.join(server.dataDir, 'agent-passwords')
  assert.match(readFileSync(file, 'utf8'), /^calc {2}\S+\n$/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('nothing but the key’s owner gets in, whatever is sent', async () => {
  for (const token of [undefined, '', 'lsm_wrong', 7, {}, server.info.apiKey.slice(0, -1)]) {
    const v = new Viewer(server.info.manager, { token, namespace: '/agents', reconnection: false })
    assert.equal((await v.event('connect_error')).payload.message, 'Unauthorized')
    v.close()
  }
})
