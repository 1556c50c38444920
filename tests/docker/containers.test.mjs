// Agents in containers, through all tiers: run by tests/docker/engine.sh, which brings an engine.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'

import { converse } from '../js/lib/scene.mjs'
import { addAgent, controller, eventually, manager, register, temporary } from '../js/lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from '../js/lib/viewer.mjs'

const engine = process.env.LONGSHORE_TEST_ENGINE
assert.ok(engine, 'run by tests/docker/engine.sh')
const args = [`--docker-host=${engine}`]

const docker = (...words) => execFileSync('docker', ['--host', engine, ...words], { encoding: 'utf8' }).trim()
const agents = []
/** Containers of an agent, by id. */
const containers = (agentId, ...more) =>
  docker('ps', '-aq', '--no-trunc', '--filter', `label=longshore.agent=${agentId}`, ...more.flatMap((f) => ['--filter', f]))
    .split('\n')
    .filter(Boolean)
const inspect = (id, what) => docker('inspect', '-f', `{{${what}}}`, id)

after(() => agents.flatMap((id) => containers(id)).forEach((id) => docker('rm', '-fv', id)))

/** Runs each message as a command. */
const shell = (more = {}) => ({
  name: `sh-${randomUUID()}`,
  codec: { type: 'lines', sentinel: '^END$' },
  host: {
    type: 'docker',
    image: 'longshore-test',
    command: ['sh', '-c', 'while read -r line; do eval "$line" 2>&1; echo END; done'],
    ...more,
  },
})

async function tiers() {
  const [m, c] = await Promise.all([manager({ args }), controller()])
  const clientId = await register(c, m)
  const add = async (spec) => {
    const { agentId } = await eventually(() => addAgent(c, clientId, spec))
    agents.push(agentId)
    return agentId
  }
  return { m, c, clientId, add }
}

const viewer = (c) => new Viewer(c.controller, { token: c.token })
const again = (m) => manager({ dataDir: m.dataDir, port: m.port, args })

test('a manager is killed and restarted, and the conversation goes on in the same container', async () => {
  const { m, c, clientId, add } = await tiers()
  const agentId = await add(shell())
  const v = viewer(c)
  const { conversationId } = await v.follow(clientId, agentId)
  await converse(v, agentId, conversationId, 'counter=41; echo noted > note')
  const [id] = containers(agentId)
  const started = inspect(id, '.State.StartedAt')

  await m.kill()
  assert.equal(inspect(id, '.State.Running'), 'true')
  const second = await again(m)
  const next = await v.insist(agentId, 'echo $((counter + 1)); cat note')

  assert.equal((await v.ended(next.runId)).state, 'done')
  assert.deepEqual(v.answers(agentId), ['', '42\nnoted'])
  assert.deepEqual(containers(agentId), [id])
  assert.equal(inspect(id, '.State.StartedAt'), started)
  assertOrderly(v, agentId)
  const late = viewer(c)
  await late.follow(clientId, agentId)
  assert.deepEqual(late.entries(agentId), v.entries(agentId))

  await second.stop()
  assert.equal(inspect(id, '.State.Running'), 'false')
  const third = await again(m)
  assert.deepEqual(containers(agentId), [id], 'it belongs to a conversation')
  await eventually(async () => assert.equal((await c.rest('DELETE', `/api/clients/${clientId}/agents/${agentId}`)).status, 204))
  assert.deepEqual(containers(agentId), [])
  await third.stop()
})

test('a container that was at a turn when the manager was killed is started again, and answers nothing old', async () => {
  const { m, c, clientId, add } = await tiers()
  const agentId = await add(shell())
  const v = viewer(c)
  const { conversationId } = await v.follow(clientId, agentId)
  await converse(v, agentId, conversationId, 'echo kept > /etc/mark')
  const [id] = containers(agentId)
  const open = await v.chat(agentId, 'sleep 2; echo too late')
  await v.tells('runEvent', { runId: open.runId, state: 'started' })

  await m.kill()
  await again(m)
  const closed = await v.ended(open.runId)
  const next = await v.insist(agentId, 'sleep 3; cat /etc/mark')

  assert.deepEqual([closed.state, closed.reason], ['failed', 'server_restart'])
  assert.equal((await v.ended(next.runId)).state, 'done')
  assert.deepEqual(v.answers(agentId), ['', 'kept'])
  assert.deepEqual(containers(agentId), [id])
  assertOrderly(v, agentId)
  assertRunsEnded(v, agentId)
})

test('a container that nobody has taken over is stopped with its manager', async () => {
  const { m, c, clientId, add } = await tiers()
  const agentId = await add(shell())
  const v = viewer(c)
  const { conversationId } = await v.follow(clientId, agentId)
  await converse(v, agentId, conversationId, 'true')
  await m.kill()
  const [id] = containers(agentId, 'status=running')

  const { code } = await (await again(m)).stop()

  assert.equal(code, 0)
  assert.equal(inspect(id, '.State.Running'), 'false')
})

test('containers go with what they are for', async () => {
  const { m, c, clientId, add } = await tiers()
  const agentId = await add(shell())
  const v = viewer(c)
  await v.follow(clientId, agentId)
  const { conversationId } = await v.forward('createConversation', agentId, { agentId, name: 'short' })
  await v.join(agentId, { conversationId })
  await converse(v, agentId, conversationId, 'echo one')
  assert.equal(containers(agentId).length, 1)

  await v.forward('deleteConversation', agentId, { agentId, conversationId })
  assert.deepEqual(containers(agentId), [])

  const runId = randomUUID()
  await v.forward('startRun', agentId, { agentId, runId, message: 'echo two' })
  assert.equal((await v.ended(runId)).state, 'done')
  await eventually(async () => assert.deepEqual(containers(agentId), []))

  await converse(v, agentId, undefined, 'echo three')
  await m.kill()
  const [left] = containers(agentId)
  // As if the agent had been deleted by a manager that could not reach the engine.
  const elsewhere = await manager({ dataDir: m.dataDir, port: m.port })
  await eventually(async () => assert.equal((await c.rest('DELETE', `/api/clients/${clientId}/agents/${agentId}`)).status, 204))
  assert.deepEqual(containers(agentId), [left])
  await elsewhere.stop()
  await again(m)
  assert.deepEqual(containers(agentId), [])
})

test('a terminal, files and statistics of a container', async () => {
  const { c, clientId, add } = await tiers()
  const agentId = await add(shell({ env: { PS1: '$ ' }, memoryMib: 64 }))
  const v = viewer(c)
  const { conversationId } = await v.follow(clientId, agentId)
  const payloads = (event, sessionId) => v.events.filter((e) => e.event === event && e.payload.sessionId === sessionId).map((e) => e.payload)
  const shows = (sessionId, what) =>
    v.until(() => payloads('terminalOutput', sessionId).map((o) => o.data).join('').includes(what), `${what} in the terminal`)
  const type = (sessionId, line) => v.forward('terminalInput', agentId, { sessionId, data: `${line}\r` })

  assert.equal((await v.denied('createTerminal', agentId, { agentId })).code, 'AGENT_UNAVAILABLE')
  await v.forward('subscribe', agentId, { agentId, topics: ['containerStats'] })
  assert.equal((await v.tells('containerStats', { agentId })).status.running, false)
  await v.forward('writeFile', agentId, { agentId, path: 'note', content: 'from outside\n' })
  await converse(v, agentId, conversationId, 'cat note; echo inside > back')
  const { content } = await v.forward('readFile', agentId, { agentId, path: 'back' })
  const { sessionId, shell: program } = await v.forward('createTerminal', agentId, { agentId, cols: 100, rows: 30 })
  await shows(sessionId, '$ ')
  await type(sessionId, 'stty size; cat note')
  await shows(sessionId, '30 100\r\nfrom outside')
  await v.forward('resizeTerminal', agentId, { sessionId, cols: 132, rows: 43 })
  await type(sessionId, 'stty size')
  await shows(sessionId, '43 132')
  const measured = await v.until(() => v.told('containerStats').find((s) => s.stats?.processes >= 2))
  await type(sessionId, 'exit 7')
  const exited = await v.tells('terminalClosed', { sessionId })
  const other = await v.forward('createTerminal', agentId, { agentId, conversationId, shell: '/bin/sh' })
  await shows(other.sessionId, '$ ')
  await v.forward('closeTerminal', agentId, { sessionId: other.sessionId })
  const closed = await v.tells('terminalClosed', { sessionId: other.sessionId })

  assert.deepEqual(v.answers(agentId), ['from outside'])
  assert.deepEqual([content, program], ['inside\n', '/bin/sh'])
  assert.deepEqual([exited.exitCode, exited.reason, closed.reason], [7, 'exited', 'closed'])
  assert.ok(measured.stats.memoryBytes > 0 && measured.stats.cpuPercent >= 0, JSON.stringify(measured))
  assert.equal(measured.stats.memoryLimitBytes, 64 << 20)
  const [id] = containers(agentId)
  assert.equal(docker('top', id).split('\n').length, 2, 'nothing is left of the terminals')
  const nobodys = { agentId, conversationId: randomUUID() }
  assert.equal((await v.denied('createTerminal', agentId, nobodys)).code, 'AGENT_UNAVAILABLE')
})

test('a container that is not allowed makes no agent', async () => {
  const { c, clientId } = await tiers()
  const refused = async (more) => {
    const spec = { ...shell(more), name: randomUUID() }
    return eventually(async () => {
      const { status, body } = await c.rest('POST', `/api/clients/${clientId}/agents`, spec)
      assert.equal(status, 400, JSON.stringify(body))
      return body.error.message
    })
  }
  const source = temporary()

  assert.match(await refused({ image: 'a; rm -rf /' }), /is not the name of an image/)
  assert.match(await refused({ env: { 'A\nB': 'x' } }), /is not the name of a variable/)
  assert.match(await refused({ mounts: [{ source, target: '/data' }] }), /the manager does not allow it/)
  assert.match(await refused({ mounts: [{ source, target: '/data/../etc' }] }), /without "\.\."/)
  assert.match(await refused({ network: 'host' }), /does not allow network "host"/)
  assert.match(await refused({ memoryMib: 1 }), /memoryMib is 6 to/)
  assert.match(await refused({ container: 'x' }), /either an image or a container/)
})
