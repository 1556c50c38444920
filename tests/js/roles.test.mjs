// Who may do what: every command and every route, tried with every role.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'

import { messages } from './lib/document.mjs'
import { Scene, converse, say } from './lib/scene.mjs'
import { addAgent, eventually } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

/** The table. A command that is in none of these fails the test below. */
const AGENTS = {
  readOnly: [
    'login', 'logout', 'joinConversation', 'leaveConversation', 'listConversations', 'searchConversations', 'getHistory',
    'joinTerminal', 'leaveTerminal', 'listTerminals', 'listFiles', 'readFile', 'subscribe', 'listAgents',
  ],
  user: [
    'chat', 'startRun', 'cancelRun', 'promoteRun', 'respondInteraction', 'createConversation', 'renameConversation',
    'deleteConversation', 'clearHistory', 'insertHistory', 'enhanceChat', 'generateTicketBody', 'createTerminal',
    'terminalInput', 'resizeTerminal', 'closeTerminal', 'writeFile', 'createFile', 'createDirectory', 'deleteFile',
    'moveFile', 'fileUpdate',
  ],
  admin: [
    'createAgent', 'deleteAgent', 'startAgent', 'stopAgent', 'restartAgent', 'checkAgent', 'changeEnvironment', 'presence',
    'shutdown',
  ],
}
const CLIENTS = { readOnly: ['setClient', 'forward', 'subscribe'], user: [], admin: ['shutdown'] }
const ROLES = ['readOnly', 'user', 'admin']
const covers = (role, wanted) => ROLES.indexOf(role) >= ROLES.indexOf(wanted)

/** Routes, with the role that each takes; `C` and `A` stand for the client and an agent of it. */
const ROUTES = [
  ['readOnly', 'GET', '/api/clients'],
  ['readOnly', 'GET', '/api/clients/C'],
  ['readOnly', 'GET', '/api/clients/C/agents'],
  ['readOnly', 'GET', '/api/clients/C/agents/A'],
  ['readOnly', 'GET', '/api/clients/C/agents/A/conversations'],
  ['readOnly', 'GET', '/api/clients/C/agents/A/conversations/none/export'],
  ['readOnly', 'GET', '/api/presets'],
  ['readOnly', 'GET', '/api/server'],
  ['readOnly', 'GET', '/api/session'],
  ['readOnly', 'GET', '/api/push'],
  ['readOnly', 'GET', '/api/push/subscriptions'],
  ['readOnly', 'DELETE', '/api/push/subscriptions/none'],
  ['admin', 'POST', '/api/clients'],
  ['admin', 'PATCH', '/api/clients/C'],
  ['admin', 'DELETE', '/api/clients/none'],
  ['admin', 'POST', '/api/clients/C/agents'],
  ['admin', 'PATCH', '/api/clients/C/agents/none'],
  ['admin', 'DELETE', '/api/clients/C/agents/none'],
  ['admin', 'POST', '/api/clients/C/agents/A/check'],
  ['admin', 'POST', '/api/clients/C/agents/none/start'],
  ['admin', 'GET', '/api/tokens'],
  ['admin', 'POST', '/api/tokens'],
  ['admin', 'DELETE', '/api/tokens/none'],
  ['admin', 'GET', '/api/audit'],
]

let scene
/** A token of each role. */
const tokens = {}

before(async () => {
  scene = await Scene.open()
  for (const role of ROLES) tokens[role] = await token(role, { role })
})

async function token(name, more) {
  const { status, body } = await scene.server.rest('POST', '/api/tokens', { name, ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body.token
}

const commands = (namespace) => [
  ...new Set([...messages[namespace].values()].filter((m) => m.tags.includes('command')).map((m) => m.name)),
]

const viewer = async (role) => scene.viewer({ token: tokens[role] })

/** The code of a refusal, if it was one. */
const code = (answer) => answer.error?.code

test('the table has every command', () => {
  assert.deepEqual(commands('agents').sort(), Object.values(AGENTS).flat().sort())
  assert.deepEqual(commands('clients').sort(), Object.values(CLIENTS).flat().sort())
})

for (const role of ['readOnly', 'user']) {
  test(`as ${role}, every command is done or refused as the table says`, async () => {
    const v = await viewer(role)
    const agentId = scene.server.agent('echo')

    for (const [wanted, names] of Object.entries(AGENTS)) {
      for (const event of names) {
        const answer = await v.call('forward', { event, agentId, payload: { agentId } })
        assert.equal(code(answer) === 'FORBIDDEN', !covers(role, wanted), `${event}: ${JSON.stringify(answer)}`)
      }
    }
    for (const [wanted, names] of Object.entries(CLIENTS)) {
      for (const event of names) {
        const answer = await v.call(event, {})
        assert.equal(code(answer) === 'FORBIDDEN', !covers(role, wanted), `${event}: ${JSON.stringify(answer)}`)
      }
    }
    const own = await v.call('forward', { event: 'agents:own', agentId, payload: {} })
    assert.equal(code(own) === 'FORBIDDEN', role === 'readOnly', JSON.stringify(own))
    assert.deepEqual([v.told('connected')[0].user, v.told('connected')[0].role], [role, role])
  })

  test(`as ${role}, the manager refuses the same by itself`, async () => {
    const apiKey = readFileSync(`${scene.server.dataDir}/manager.key`, 'utf8').trim()
    const v = await new Viewer(scene.server.info.manager, { token: apiKey, namespace: '/agents' }).connected()
    const { agentId, password } = await v.ok('createAgent', { spec: { name: `direct-${role}`, codec: { type: 'echo' } } })
    await v.ok('login', { agentId, password, observe: true })
    const origin = { viewerId: 'vw_x', connectionId: 'cn_x', role }

    for (const [wanted, names] of Object.entries(AGENTS)) {
      // These would end what the others need.
      for (const event of names.filter((name) => !['logout', 'login'].includes(name))) {
        const answer = await v.call(event, { agentId }, origin)
        assert.equal(code(answer) === 'FORBIDDEN', !covers(role, wanted), `${event}: ${JSON.stringify(answer)}`)
      }
    }
  })
}

test('every route takes the role that the table says', async () => {
  const { clientId, server } = scene
  const agentId = server.agent('echo')
  const call = async (method, path, shown) => {
    const target = path.replace('/C', `/${clientId}`).replace('/A', `/${agentId}`)
    const body = ['POST', 'PATCH'].includes(method) ? {} : undefined
    return (await server.rest(method, target, body, shown)).status
  }

  for (const [wanted, method, path] of ROUTES) {
    assert.equal(await call(method, path, 'ls_wrong'), 401, `${method} ${path}`)
    for (const role of ROLES) {
      const status = await call(method, path, tokens[role])
      assert.equal(status === 403, !covers(role, wanted), `${role}: ${method} ${path}: ${status}`)
      assert.notEqual(status, 401)
    }
  }
})

test('a reader sees what others say and do, and changes nothing', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1)
  const [user] = viewers
  const reader = await viewer('readOnly')
  await reader.join(agentId, { conversationId })

  const { end } = await converse(user, agentId, conversationId, 'hello')
  await reader.until((v) => v.told('runEvent', { runId: end.runId, state: 'done' })[0])
  const { runId } = await say(user, agentId, conversationId, '/ask red green')
  const { interactionId } = await reader.tells('interactionRequest', { runId })

  assert.deepEqual(reader.answers(conversationId), user.answers(conversationId))
  assert.equal((await reader.forward('getHistory', agentId, { agentId, conversationId })).events.length > 0, true)
  const head = user.seqs(conversationId).at(-1)
  for (const [event, payload] of [
    ['chat', { message: 'no' }],
    ['startRun', { runId: 'r1', message: 'no' }],
    ['respondInteraction', { interactionId, value: 'red' }],
    ['cancelRun', { runId }],
    ['renameConversation', { newName: 'mine' }],
    ['clearHistory', {}],
  ]) {
    const error = await reader.denied(event, agentId, { agentId, conversationId, ...payload })
    assert.equal(error.code, 'FORBIDDEN', event)
  }
  assert.equal(user.seqs(conversationId).at(-1), head, 'nothing came of it')
  await user.forward('respondInteraction', agentId, { agentId, interactionId, value: 'green' })
  await reader.ended(runId)
})

test('a reader watches a terminal and does not type', async () => {
  const agentId = await scene.agent({ host: { type: 'process', command: 'sh' }, codec: { type: 'lines' } })
  const [user, reader] = [await scene.viewer(), await viewer('readOnly')]
  const { sessionId } = await user.forward('createTerminal', agentId, { agentId, shell: '/bin/sh' })

  await reader.forward('joinTerminal', agentId, { agentId, sessionId })
  await user.forward('terminalInput', agentId, { agentId, sessionId, data: 'echo $((40+2))\n' })
  await reader.until((v) => v.told('terminalOutput', { sessionId }).map((e) => e.data).join('').includes('42'))

  for (const [event, payload] of [
    ['terminalInput', { sessionId, data: 'exit\n' }],
    ['closeTerminal', { sessionId }],
    ['createTerminal', {}],
    ['writeFile', { path: 'x', content: 'x' }],
  ]) {
    assert.equal((await reader.denied(event, agentId, { agentId, ...payload })).code, 'FORBIDDEN', event)
  }
  await user.forward('closeTerminal', agentId, { agentId, sessionId })
})

test('who is limited to a client sees nothing of the others', async () => {
  const { server, clientId } = scene
  const endpoint = server.info.manager
  const apiKey = readFileSync(`${server.dataDir}/manager.key`, 'utf8').trim()
  const { body: other } = await server.rest('POST', '/api/clients', { name: 'other', endpoint, apiKey })
  const limited = await token('limited', { role: 'user', clients: [other.clientId] })
  const all = await scene.viewer()
  await all.ok('subscribe', { topics: ['activity'] })
  const v = await new Viewer(server.controller, { token: limited }).connected()
  await v.ok('subscribe', { topics: ['activity', 'stats'], intervalMs: 250 })
  const rest = (method, target, body) => server.rest(method, target, body, limited)

  // As if there were no such client: the same texts, apart from the id.
  const unknown = await v.refused('setClient', { clientId: 'cl_none' })
  const hidden = await v.refused('setClient', { clientId })
  assert.deepEqual(hidden, { code: 'CLIENT_NOT_FOUND', message: unknown.message.replace('cl_none', clientId) })
  for (const path of ['', '/agents', `/agents/${server.agent('echo')}`, `/agents/${server.agent('echo')}/conversations`]) {
    const [none, mine] = [await rest('GET', `/api/clients/cl_none${path}`), await rest('GET', `/api/clients/${clientId}${path}`)]
    assert.deepEqual([mine.status, mine.body.error.code], [404, 'CLIENT_NOT_FOUND'], path)
    assert.equal(none.status, 404)
  }
  assert.deepEqual((await rest('GET', '/api/clients')).body.items.map((client) => client.clientId), [other.clientId])
  const scrape = async (shown) =>
    (await fetch(`${server.controller}/metrics`, { headers: { authorization: `Bearer ${shown}` } })).status
  assert.deepEqual([await scrape(limited), await scrape(tokens.readOnly), await scrape('ls_wrong')], [403, 200, 401])
  const overview = (await rest('GET', '/api/server')).body
  assert.deepEqual(overview.clients.map((client) => client.clientId), [other.clientId])
  assert.deepEqual([overview.connections, overview.viewers, overview.sessions], [1, 1, 0], 'its own')

  // What happens there is not told, what happens here is: both are the same manager, known twice.
  const { agentId } = await addAgent(server, clientId, { name: 'secret', codec: { type: 'echo' } })
  await all.forward('createConversation', agentId, { agentId, name: 'plans' })
  await eventually(async () => assert.equal((await rest('GET', `/api/clients/${other.clientId}`)).body.connected, true))
  await all.until((x) => x.told('clientEvent', { clientId, event: 'agentUpdate' }).find((e) => e.payload.agentId === agentId))
  await v.until((x) => x.told('clientEvent', { clientId: other.clientId }).find((e) => e.payload.agentId === agentId))
  await v.event('serverStats')
  const seen = [...v.told('clientUpdate'), ...v.told('clientEvent')].map((e) => e.clientId)
  assert.deepEqual([...new Set(seen)], [other.clientId])
  assert.ok(v.told('serverStats').every((stats) => stats.connections === 1))
  assert.ok(!JSON.stringify(v.events).includes(clientId), 'not even its id, but where it was named itself')
  await v.ok('setClient', { clientId: other.clientId })
  v.close()
  all.close()
  await server.rest('DELETE', `/api/clients/${other.clientId}`)
})
