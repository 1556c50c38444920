// What an agent's programs use, and what their environment has.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { Scene, converse } from './lib/scene.mjs'
import { script, up } from './lib/server.mjs'

let scene
before(async () => (scene = await Scene.open()))

const talker = () => {
  const { codec, host } = script('x', 'while read x; do echo "$x"; done', { quietMs: 50 })
  return { codec, host }
}

test('statistics come to those who have asked, as long as they want them', async () => {
  const { agentId, conversationId, viewers: [a, b, c] } = await scene.room(3, { spec: talker() })

  const subscribed = await a.forward('subscribe', agentId, { agentId, topics: ['containerStats'] })
  const idle = await a.tells('containerStats', { agentId })
  await converse(a, agentId, conversationId, 'begin')
  await b.forward('subscribe', agentId, { agentId, topics: ['containerStats'] })
  const running = await b.until((v) => v.told('containerStats').find((s) => s.status.running))
  const later = await b.until((v) => v.told('containerStats').find((s) => s.stats?.cpuPercent !== undefined))
  await b.forward('subscribe', agentId, { agentId, topics: [] })
  const count = b.told('containerStats').length
  const before = a.told('containerStats').length
  await a.until((v) => v.told('containerStats').length >= before + 2)

  assert.deepEqual(subscribed, { agentId, topics: ['containerStats'] })
  assert.deepEqual([idle.status.running, idle.stats], [false, undefined])
  assert.ok(running.stats.memoryBytes > 100_000 && running.stats.processes >= 1, JSON.stringify(running))
  assert.ok(later.stats.cpuPercent >= 0)
  assert.equal(b.told('containerStats').length, count)
  assert.deepEqual(c.told('containerStats'), [])
})

test('what cannot be asked for', async () => {
  const agentId = await scene.agent(talker())
  const echo = await scene.agent()
  const v = await scene.viewer()

  for (const payload of [{}, { topics: 'containerStats' }, { topics: ['nothing'] }]) {
    assert.equal((await v.denied('subscribe', agentId, { agentId, ...payload })).code, 'INVALID_PAYLOAD')
  }
  assert.equal((await v.denied('subscribe', echo, { agentId: echo, topics: ['containerStats'] })).code, 'UNSUPPORTED')
})

test('variables go in by name and value, come out by name, and apply at a restart', async () => {
  const spec = script('x', 'while read x; do eval "echo $x"; done', { quietMs: 50 })
  const host = { ...spec.host, env: { FIRST: 'clear-as-day' } }
  const { agentId, conversationId, viewers: [v] } = await scene.room(1, { spec: { codec: spec.codec, host } })
  const target = `/api/clients/${scene.clientId}/agents/${agentId}`
  const patch = async (environment) => scene.server.rest('PATCH', target, { environment })
  const says = async (text) => {
    await converse(v, agentId, conversationId, text)
    return v.answers(conversationId).at(-1).trim()
  }

  assert.equal(await says('"$FIRST|$KEY"'), 'clear-as-day|')
  const set = await patch({ KEY: 'hush-hush-1', LINES: 'a\nb' })
  assert.equal(await says('"$FIRST|$KEY"'), 'clear-as-day|', 'what runs keeps what it has')
  await scene.server.rest('POST', `${target}/restart`)
  assert.equal(await says('"$FIRST|$KEY"'), 'clear-as-day|hush-hush-1')
  const removed = await patch({ KEY: null, FIRST: null })
  await scene.server.rest('POST', `${target}/restart`)
  assert.equal(await says('"$FIRST|$KEY"'), '|')

  assert.deepEqual([set.status, set.body], [200, { agentId, environment: ['FIRST', 'KEY', 'LINES'] }])
  assert.deepEqual(removed.body.environment, ['LINES'])
  assert.equal(JSON.stringify([set, removed]).includes('hush'), false)
})

test('values are not in the store nor in the log, and outlive a restart of the manager', async () => {
  const first = await up({ env: { RUST_LOG: 'trace', LONGSHORE_LOG: 'trace' } })
  const one = new Scene(first)
  const spec = script('x', 'while read x; do echo "$KEY,$OTHER"; done', { quietMs: 50 })
  const agentId = await one.agent({ codec: spec.codec, host: { ...spec.host, env: { OTHER: 'hush-hush-2' } } })
  const target = `/api/clients/${one.clientId}/agents/${agentId}`
  await first.rest('PATCH', target, { environment: { KEY: 'hush-hush-3' } })
  await first.stop()

  const { dataDir } = first
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { parentPath, name } of files) {
    assert.equal(readFileSync(path.join(parentPath, name)).includes('hush-hush'), false, name)
  }
  assert.equal(first.stderr.includes('hush-hush'), false)
  const again = new Scene(await up({ dataDir }), first.info.clientId)
  const v = await again.viewer()
  await v.join(agentId)
  const { end } = await converse(v, agentId, undefined, 'go')
  assert.equal(end.state, 'done')
  assert.equal(v.answers(agentId).at(-1).trim(), 'hush-hush-3,hush-hush-2')
})

test('variables that no program can have', async () => {
  const agentId = await scene.agent(talker())
  const echo = await scene.agent()
  const patch = async (agent, environment) =>
    scene.server.rest('PATCH', `/api/clients/${scene.clientId}/agents/${agent}`, { environment })

  for (const [environment, status, code] of [
    [{ '': 'x' }, 400, 'INVALID_PAYLOAD'],
    [{ 'A=B': 'x' }, 400, 'INVALID_PAYLOAD'],
    [{ 'A\0': 'x' }, 400, 'INVALID_PAYLOAD'],
    [{ A: 'x\0' }, 400, 'INVALID_PAYLOAD'],
    [{ A: 7 }, 400, 'INVALID_PAYLOAD'],
    [{ ['x'.repeat(1e6)]: 'x' }, 400, 'INVALID_PAYLOAD'],
    [{ A: 'x'.repeat((64 << 10) + 1) }, 413, 'PAYLOAD_TOO_LARGE'],
    [Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`V${i}`, ''])), 409, 'LIMIT_REACHED'],
  ]) {
    const answer = await patch(agentId, environment)
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], JSON.stringify(environment).slice(0, 60))
  }
  assert.equal((await patch('ag_nobody', { A: 'x' })).status, 404)
  assert.equal((await patch(echo, { A: 'x' })).body.error.code, 'UNSUPPORTED')
  assert.deepEqual((await patch(agentId, {})).body.environment, [])
})
