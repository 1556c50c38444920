// A clean end: within the grace period, status 0, nothing left behind.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { addAgent, cli, script, temporary, up } from './lib/server.mjs'
import { Viewer, assertRunsEnded } from './lib/viewer.mjs'

/** A process that was killed and waits for init to take note is not alive. */
function alive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} ends the server, its runs and every process of its agents`, async () => {
    const server = await up({ args: ['--drain=1'] })
    const spec = script('family', 'sleep 4242 & echo $$ $!; while read x; do sleep 4242; done', { emptyMs: 60_000 })
    const { agentId } = await addAgent(server, server.info.clientId, spec)
    const v = new Viewer(server.controller, { token: server.token, reconnection: false })
    await v.follow(server.info.clientId, agentId)
    await v.chat(agentId, 'hello')
    const text = await v.until((x) => x.answers(agentId)[0])
    const pids = text.trim().split(/\s+/).map(Number)
    const { runId } = await v.chat(agentId, 'work')
    assert.equal(pids.every(alive), true)
    const runFile = path.join(server.dataDir, 'run', 'controller.json')
    assert.equal(statSync(runFile).mode & 0o777, 0o600)

    const began = Date.now()
    const end = await server.stop(signal)

    assert.deepEqual(end, { code: 0, signal: null })
    assert.ok(Date.now() - began < 12_000, `took ${Date.now() - began} ms`)
    assert.deepEqual(pids.filter(alive), [])
    assert.equal(existsSync(runFile), false)
    await v.event('disconnect')

    const again = await up({ dataDir: server.dataDir })
    const late = new Viewer(again.controller, { token: again.token })
    await late.follow(again.info.clientId, agentId)
    assert.equal((await late.ended(runId)).state !== 'done', true)
    assertRunsEnded(late, agentId)
  })
}

test('a second signal ends the process at once', async () => {
  const server = await up({ args: ['--grace=60'] })
  const spec = script('stubborn', "trap '' TERM INT; echo ready; while :; do read x || sleep 1; done")
  const { agentId } = await addAgent(server, server.info.clientId, spec)
  const v = new Viewer(server.controller, { token: server.token, reconnection: false })
  await v.follow(server.info.clientId, agentId)
  await v.chat(agentId, 'hello')
  await v.until((x) => x.answers(agentId).length)

  server.child.kill('SIGTERM')
  await v.until((x) => x.events.some((e) => ['disconnect', 'remoteDisconnected', 'runEvent'].includes(e.event)))
  const { code } = await server.stop('SIGTERM')

  assert.ok([0, 130].includes(code), `status ${code}`)
})

test('a second process on the same data is refused with one clear line', async () => {
  const server = await up()

  const second = await cli(['up', '--data-dir', server.dataDir, '--controller-port=0', '--manager-port=0'])

  assert.equal(second.code, 1)
  assert.equal(second.stdout, '')
  assert.match(second.stderr, /^error: .* in use: .*\nhint: .*\n$/m)
})

test('what was said is there after kill -9 and a restart', async () => {
  const first = await up({ agents: ['calc=bc -l'] })
  const v = new Viewer(first.controller, { token: first.token, reconnection: false })
  const calc = first.agent('calc')
  await v.follow(first.info.clientId, calc)
  await v.ended((await v.chat(calc, '2^10')).runId)
  await first.kill()

  const second = await up({ dataDir: first.dataDir, agents: ['calc=bc -l'] })
  assert.equal(second.agent('calc'), calc)
  assert.equal(second.info.clientId, first.info.clientId)
  const late = new Viewer(second.controller, { token: first.token })
  await late.follow(second.info.clientId, calc)

  assert.deepEqual(late.answers(calc).map((text) => text.trim()), ['1024'])
  await late.ended((await late.chat(calc, '2^11')).runId)
  assert.equal(late.answers(calc)[1].trim(), '2048')
})

test('a port that is taken is one clear line', async () => {
  const server = await up()
  const port = new URL(server.controller).port

  const second = await cli(['controller', '--data-dir', temporary(), '--port', port])

  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`error: .*${port}.*`))
})
