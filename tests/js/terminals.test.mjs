// Terminals through all tiers: what two browsers and a controller's link see of them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'

import { Proxy } from './lib/proxy.mjs'
import { Scene, converse } from './lib/scene.mjs'
import { addAgent, apart, eventually, manager, script } from './lib/server.mjs'
import { Viewer, assertOrderly } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const spec = (more = {}) => {
  const { codec, host } = script('x', 'while read x; do echo "$x"; done', { quietMs: 50 })
  return { codec, host: { ...host, env: { PS1: '$ ', SHELL: '/bin/sh', ...more } } }
}

/** All that a browser was shown of a terminal, from event `from` on. */
const shown = (v, sessionId, from = 0) =>
  v.events.slice(from).filter((e) => e.event === 'terminalOutput' && e.payload.sessionId === sessionId).map((e) => e.payload)
const text = (v, sessionId, from) => shown(v, sessionId, from).map((o) => o.data).join('')

/** Every output begins where the one before ended; gives where the last ends. */
function assertSeamless(outputs, begin = outputs[0]?.offset) {
  let end = begin
  for (const { offset, data } of outputs) {
    assert.equal(offset, end)
    end += Buffer.byteLength(data)
  }
  return end
}

const until = (v, sessionId, what, from) => v.until((x) => text(x, sessionId, from).includes(what), `${what} in the terminal`)
const type = (v, agentId, sessionId, line) => v.forward('terminalInput', agentId, { sessionId, data: `${line}\r` })

/** A browser that is logged in, and an agent. */
async function viewers(count, env) {
  const agentId = await scene.agent(spec(env))
  const all = await Promise.all(Array.from({ length: count }, () => scene.viewer()))
  for (const v of all) await v.forward('login', agentId)
  return { agentId, all }
}

async function terminal(v, agentId, more = {}) {
  const info = await v.forward('createTerminal', agentId, { agentId, ...more })
  await until(v, info.sessionId, '$ ')
  return info
}

test('two browsers type into one terminal and see the same', async () => {
  const { agentId, all: [a, b] } = await viewers(2, { COLOUR: 'blue' })

  const info = await terminal(a, agentId, { cols: 100, rows: 30 })
  const { sessionId } = info
  const created = await b.tells('terminalCreated', { sessionId })
  await b.forward('joinTerminal', agentId, { agentId, sessionId })
  await type(a, agentId, sessionId, 'echo "a:$COLOUR" $(stty size)')
  await until(b, sessionId, 'a:blue 30 100')
  await type(b, agentId, sessionId, 'echo "b:$((1+1))"')
  await until(a, sessionId, 'b:2')
  await b.forward('resizeTerminal', agentId, { sessionId, cols: 132, rows: 43 })
  await type(a, agentId, sessionId, 'stty size')
  await until(a, sessionId, '43 132')
  const { terminals } = await b.forward('listTerminals', agentId)
  await type(a, agentId, sessionId, 'exit 7')
  const closed = await Promise.all([a, b].map((v) => v.tells('terminalClosed', { sessionId })))

  assert.deepEqual([info.cols, info.rows, info.shell, info.offset], [100, 30, '/bin/sh', 0])
  assert.deepEqual([created.agentId, a.told('terminalCreated', { sessionId }).length], [agentId, 1])
  assert.deepEqual(terminals.map((t) => [t.sessionId, t.cols]), [[sessionId, 132]])
  assert.deepEqual(closed.map((c) => [c.exitCode, c.reason]), [[7, 'exited'], [7, 'exited']])
  await eventually(() => assert.equal(text(a, sessionId), text(b, sessionId)))
  for (const v of [a, b]) {
    assertSeamless(shown(v, sessionId), 0)
    assert.equal(v.told('terminalClosed', { sessionId }).length, 1)
    assert.equal(v.events.findLast((e) => e.payload?.sessionId === sessionId).event, 'terminalClosed')
  }
  assert.equal((await a.denied('terminalInput', agentId, { sessionId, data: 'x' })).code, 'TERMINAL_NOT_FOUND')
})

test('a program that ends at once is seen whole', async () => {
  const { agentId, all: [v, other] } = await viewers(2)

  const { sessionId } = await v.forward('createTerminal', agentId, { agentId, shell: 'tty' })
  const [closed] = await Promise.all([v, other].map((x) => x.tells('terminalClosed', { sessionId })))

  assert.equal(closed.exitCode, 0)
  assert.match(text(v, sessionId), /^\/dev\/pts\/\d+\r\n$/)
  assert.equal(text(other, sessionId), '')
  for (const x of [v, other]) assert.equal(x.told('terminalClosed', { sessionId }).length, 1)
})

test('who comes back goes on where it was', async () => {
  const { agentId, all: [v] } = await viewers(1)
  const { sessionId } = await terminal(v, agentId)
  await type(v, agentId, sessionId, 'echo be""fore')
  await until(v, sessionId, 'before\r\n$ ')
  const offset = assertSeamless(shown(v, sessionId), 0)

  v.close()
  const again = await scene.viewer()
  await again.forward('joinTerminal', agentId, { agentId, sessionId, offset })
  await type(again, agentId, sessionId, 'echo af""ter')
  await until(again, sessionId, 'after')
  const late = await scene.viewer()
  await late.forward('joinTerminal', agentId, { agentId, sessionId, offset: 1e12 })
  await until(late, sessionId, 'after')

  assert.equal(text(again, sessionId).includes('before'), false)
  assertSeamless(shown(again, sessionId), offset)
  assertSeamless(shown(late, sessionId), 0)
  assert.ok(text(late, sessionId).includes('\nbefore'))
})

test('who leaves sees no more, and who has not joined can do nothing', async () => {
  const { agentId, all: [a, b] } = await viewers(2)
  const { sessionId } = await terminal(a, agentId)
  const { agentId: another, all: [c] } = await viewers(1)

  for (const [event, more] of [['terminalInput', { data: 'x' }], ['resizeTerminal', { cols: 9, rows: 9 }], ['closeTerminal', {}], ['leaveTerminal', {}]]) {
    for (const id of [sessionId, 'tm_nobody']) {
      assert.equal((await b.denied(event, agentId, { sessionId: id, ...more })).code, 'TERMINAL_NOT_FOUND', event)
    }
  }
  assert.equal((await c.denied('joinTerminal', another, { agentId: another, sessionId })).code, 'TERMINAL_NOT_FOUND')
  await b.forward('joinTerminal', agentId, { agentId, sessionId })
  await until(b, sessionId, '$ ')
  await b.forward('leaveTerminal', agentId, { sessionId })
  await type(a, agentId, sessionId, 'echo un""seen')
  await until(a, sessionId, 'unseen')
  await a.forward('closeTerminal', agentId, { sessionId })
  const closed = await Promise.all([a, b].map((v) => v.tells('terminalClosed', { sessionId })))

  assert.deepEqual(closed.map((c) => [c.exitCode, c.reason]), [[undefined, 'closed'], [undefined, 'closed']])
  assert.equal(text(b, sessionId).includes('unseen'), false)
  assert.deepEqual(c.told('terminalClosed'), [])
})

test('ids, sizes, shells and inputs that will not do', async () => {
  const { agentId, all: [v] } = await viewers(1)
  const { sessionId } = await terminal(v, agentId, { sessionId: 'mine' })
  const echo = await scene.agent()

  const codes = async (event, payloads) => {
    for (const [payload, code] of payloads) {
      const error = await v.denied(event, agentId, { agentId, ...payload })
      assert.equal(error.code, code, `${event} ${JSON.stringify(payload).slice(0, 99)}`)
    }
  }
  assert.equal(sessionId, 'mine')
  await codes('createTerminal', [
    [{ sessionId: 'mine' }, 'TERMINAL_EXISTS'],
    ...[{ cols: 0 }, { rows: 0 }, { cols: 65_536 }, { cols: -1 }, { cols: 1.5 }, { sessionId: '' }, { sessionId: 'a b' }].map((x) => [x, 'INVALID_PAYLOAD']),
    ...[{ shell: '' }, { shell: 'a\0b' }, { shell: 'x'.repeat(1e6) }, { sessionId: 'x'.repeat(1e6) }].map((x) => [x, 'INVALID_PAYLOAD']),
    [{ shell: '/no/such/shell' }, 'AGENT_UNAVAILABLE'],
  ])
  assert.equal((await v.denied('createTerminal', echo)).code, 'UNSUPPORTED')
  await codes('resizeTerminal', [[{ cols: 0, rows: 1 }], [{ cols: 65_536, rows: 1 }], [{ cols: 1 }]].map(([x]) => [{ sessionId, ...x }, 'INVALID_PAYLOAD']))
  await codes('terminalInput', [
    [{ sessionId, data: 'x'.repeat((64 << 10) + 1) }, 'PAYLOAD_TOO_LARGE'],
    [{ sessionId }, 'INVALID_PAYLOAD'],
    [{ sessionId, data: 7 }, 'INVALID_PAYLOAD'],
  ])
  await codes('joinTerminal', [[{}, 'INVALID_PAYLOAD'], [{ sessionId, offset: -1 }, 'INVALID_PAYLOAD']])
  await type(v, agentId, sessionId, 'echo st""ill')
  await until(v, sessionId, 'still')
  await v.forward('closeTerminal', agentId, { sessionId })
  await v.tells('terminalClosed', { sessionId })
  await codes('createTerminal', [[{ sessionId }, 'TERMINAL_EXISTS']])
})

test('eight terminals, and no more; deleting the agent ends them', async () => {
  const { agentId, all: [v] } = await viewers(1)

  const made = await Promise.all(Array.from({ length: 8 }, () => terminal(v, agentId)))
  const error = await v.denied('createTerminal', agentId)
  await scene.server.rest('DELETE', `/api/clients/${scene.clientId}/agents/${agentId}`)
  const closed = await Promise.all(made.map(({ sessionId }) => v.tells('terminalClosed', { sessionId })))

  assert.equal(error.code, 'LIMIT_REACHED')
  assert.deepEqual([...new Set(closed.map((c) => c.reason))], ['agentDeleted'])
})

test('a program that does not read holds up its input and nobody else', async () => {
  const { agentId, all: [v] } = await viewers(1)
  const { sessionId } = await terminal(v, agentId)
  await type(v, agentId, sessionId, 'stty raw -echo; echo rea""dy; exec sleep 1000')
  await until(v, sessionId, 'ready')

  const data = 'x'.repeat(64 << 10)
  const answers = []
  for (let i = 0; i < 12; i += 1) answers.push(await v.call('forward', { event: 'terminalInput', agentId, payload: { sessionId, data } }))

  assert.ok(answers[0].success)
  const refused = answers.at(-1)
  assert.deepEqual([refused.success, refused.error?.code], [false, 'RATE_LIMITED'])
  assert.ok(refused.error.retryAfterMs > 0)
  await v.forward('closeTerminal', agentId, { sessionId })
  await v.tells('terminalClosed', { sessionId })
})

test('a terminal that floods keeps chats from nothing, and who does not read skips', async () => {
  const { agentId, all: [a, b, stalled] } = await viewers(3)
  const { sessionId } = await terminal(a, agentId)
  for (const v of [b, stalled]) await v.forward('joinTerminal', agentId, { agentId, sessionId })
  // It reads nothing from the network.
  stalled.socket.io.engine.transport.ws._socket.pause()

  // Looks at the newest event only: there are many.
  const ends = (v) => v.until(() => v.events.at(-1).payload?.data?.includes('done\r\n'), 'the end of the flood')
  await type(a, agentId, sessionId, 'yes flood | head -c 12000000; echo do""ne')
  await until(a, sessionId, '\nflood')
  const ended = Promise.all([ends(a), ends(b)])
  const times = []
  for (let i = 0; i < 10; i += 1) {
    const began = performance.now()
    await converse(b, agentId, undefined, `line ${i}`)
    times.push(performance.now() - began)
  }
  await ended
  stalled.socket.io.engine.transport.ws._socket.resume()
  await ends(stalled)

  // 50 ms of each are the agent's quiet time; the rest is mostly this process reading the flood.
  assert.ok(times.sort((x, y) => x - y)[5] < 1_000, `median ${times[5]} ms`)
  assertOrderly(b, b.events.find((e) => e.event === 'loginSuccess').payload.conversationId)
  const outputs = shown(stalled, sessionId)
  const jumps = outputs.filter((o, i) => i && o.offset !== outputs[i - 1].offset + Buffer.byteLength(outputs[i - 1].data))
  assert.ok(jumps.length >= 1, 'it is told that it skipped')
  assert.ok(outputs.every((o, i) => !i || o.offset > outputs[i - 1].offset))
})

test('bytes that are no text, and characters that come in pieces', async () => {
  const { agentId, all: [v] } = await viewers(1)
  const { sessionId } = await terminal(v, agentId)

  await type(v, agentId, sessionId, "printf '\\346'; sleep 0.1; printf '\\274'; sleep 0.1; printf '\\242\\377.'; echo en\"\"d")
  await until(v, sessionId, 'end\r\n')

  assert.ok(text(v, sessionId).includes('漢\ufffd.end'))
  assertSeamless(shown(v, sessionId), 0)
})

test('the link is cut and comes back: the same terminal, nothing twice', async () => {
  const m = await apart()
  const proxy = await Proxy.before(m.manager.info.manager)
  await m.controller.rest('PATCH', `/api/clients/${m.clientId}`, { endpoint: proxy.url })
  const { agentId } = await eventually(() => addAgent(m.controller, m.clientId, { name: 'cut', ...spec() }))
  const v = await new Viewer(m.controller.controller, { token: m.controller.token }).connected()
  await v.ok('setClient', { clientId: m.clientId })
  await v.forward('login', agentId)
  const { sessionId } = await terminal(v, agentId)

  await type(v, agentId, sessionId, '(sleep 0.3; echo un""seen by the link)')
  await until(v, sessionId, 'by the link)')
  proxy.cut()
  await v.event('remoteReconnected')
  await until(v, sessionId, 'unseen by the link')
  await type(v, agentId, sessionId, 'echo on""ward')
  await until(v, sessionId, 'onward')

  assertSeamless(shown(v, sessionId), 0)
  const restarted = v.events.length
  await m.manager.kill()
  await manager({ dataDir: m.manager.dataDir, port: m.manager.port })
  const closed = await v.tells('terminalClosed', { sessionId })
  assert.deepEqual([closed.reason, closed.exitCode], ['lost', undefined])
  assert.equal(v.events.slice(restarted).filter((e) => e.event === 'terminalClosed').length, 1)
})

test('at the manager: a viewer that may only look, and a connection of one’s own', async () => {
  const token = readFileSync(`${scene.server.dataDir}/manager.key`, 'utf8').trim()
  const v = await new Viewer(scene.server.info.manager, { token, namespace: '/agents' }).connected()
  const { agentId, password } = await v.ok('createAgent', { spec: { name: 'direct-terminal', ...spec() } })
  assert.equal((await v.refused('createTerminal', { agentId })).code, 'UNAUTHORIZED')
  await v.ok('login', { agentId, password, observe: true })
  const { names } = await v.ok('changeEnvironment', { agentId, set: { COLOUR: 'green' } })
  const guest = { viewerId: 'vw_g', connectionId: 'cn_g', role: 'readOnly' }

  const { sessionId } = await v.ok('createTerminal', { agentId })
  await until(v, sessionId, '$ ')
  await v.ok('joinTerminal', { agentId, sessionId }, guest)
  for (const [event, payload] of [
    ['createTerminal', { agentId }],
    ['terminalInput', { sessionId, data: 'x' }],
    ['resizeTerminal', { sessionId, cols: 9, rows: 9 }],
    ['closeTerminal', { sessionId }],
    ['writeFile', { agentId, path: 'f', content: '' }],
    ['fileUpdate', { agentId, filePath: 'f' }],
  ]) {
    assert.equal((await v.refused(event, payload, guest)).code, 'FORBIDDEN', event)
  }
  await v.ok('readFile', { agentId, path: 'f' }, guest).catch((error) => assert.match(String(error), /FILE_NOT_FOUND/))
  await v.ok('logout', { agentId })

  assert.deepEqual(names, ['COLOUR', 'PS1', 'SHELL'])
  assert.equal((await v.refused('terminalInput', { sessionId, data: 'x' })).code, 'TERMINAL_NOT_FOUND')
  await v.ok('login', { agentId, password, observe: true })
  const from = v.events.length
  await v.ok('joinTerminal', { agentId, sessionId })
  await until(v, sessionId, '$ ', from)
  await v.ok('closeTerminal', { sessionId })
  await v.tells('terminalClosed', { sessionId })
})
