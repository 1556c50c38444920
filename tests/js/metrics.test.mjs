// What servers tell of themselves: numbers, and whether they are ready.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { Page } from './lib/metrics.mjs'
import { Scene, converse } from './lib/scene.mjs'
import { apart, cli, eventually, script, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

const VIEWERS = 100

let scene
before(async () => (scene = await Scene.open()))

const ofController = async () => Page.of(scene.server.controller, scene.server.token)
const ofManager = async () => {
  const key = readFileSync(path.join(scene.server.dataDir, 'manager.key'), 'utf8').trim()
  return Page.of(scene.server.info.manager, key)
}

test('a scrape while a hundred watch an answer being written', async () => {
  const spec = { codec: { type: 'lines', quietMs: 100 }, host: script('x', 'while read x; do seq 1 20000; done').host }
  const { agentId, conversationId, viewers } = await scene.room(VIEWERS, { spec })
  const before = await ofController()

  const ended = converse(viewers[0], agentId, conversationId, 'go')
  const pages = []
  let isOver = false
  ended.finally(() => (isOver = true)).catch(() => {})
  do pages.push(await ofController(), await ofManager())
  while (!isOver)
  const { end, runId } = await ended
  await Promise.all(viewers.map((v) => v.ended(runId)))

  assert.equal(end.state, 'done')
  for (const page of pages) page.checkHistograms()
  const after = await eventually(async () => {
    const page = await ofController()
    const told = page.sum('longshore_packets_sent_total') - before.sum('longshore_packets_sent_total')
    assert.ok(told >= VIEWERS * 4, `${told} packets`)
    return page
  })
  assert.ok(after.sum('longshore_connections') >= VIEWERS)
  assert.ok(after.sum('longshore_viewers') >= VIEWERS)
  const bytes = after.sum('longshore_sent_bytes_total') - before.sum('longshore_sent_bytes_total')
  assert.ok(bytes > VIEWERS * 100_000, `${bytes} bytes`)
  const ended_ = (await ofManager()).sum('longshore_runs_ended_total', { outcome: 'done' })
  assert.ok(ended_ >= 1)
})

test('runs are counted by how they end, interactions by how long they waited, and only names of the catalogue are told', async () => {
  const { agentId, conversationId, viewers: [v] } = await scene.room(1)
  const before = await ofManager()

  const slow = await v.chat(agentId, '/stall', { conversationId })
  const open = await eventually(async () => {
    const page = await ofManager()
    assert.ok(page.sum('longshore_runs', { state: 'running' }) >= 1)
    return page
  })
  await v.forward('cancelRun', agentId, { runId: slow.runId })
  await v.ended(slow.runId)
  await v.denied('evil"\n{x="1"}'.replace(/[^a-z]/g, '_'), agentId, { agentId })
  await scene.server.rest('GET', '/api/nothing/of/the/kind')

  const after = await ofManager()
  const grown = (name, labels) => after.sum(name, labels) - before.sum(name, labels)
  assert.equal(grown('longshore_runs_ended_total', { outcome: 'cancelled', reason: 'user' }), 1)
  assert.equal(grown('longshore_commands_total', { command: 'cancelRun', outcome: 'ok' }), 1)
  assert.ok(open.sum('longshore_agents', { state: 'running' }) >= 1)
  const controller = await ofController()
  assert.ok(controller.sum('longshore_commands_total', { command: 'other' }) >= 1)
  assert.equal(controller.text.includes('evil'), false)
  assert.ok(controller.sum('longshore_http_requests_total', { route: 'other', status: '404' }) >= 1)
  for (const page of [after, controller]) {
    for (const id of [conversationId, slow.runId]) assert.equal(page.text.includes(id), false)
  }
})

test('numbers are for whoever shows a token, unless they are for everybody', async () => {
  const refused = async (url, headers) => (await fetch(`${url}/metrics`, { headers })).status
  const { controller, token, info } = scene.server
  assert.equal(await refused(controller, {}), 401)
  assert.equal(await refused(info.manager, {}), 401)
  assert.equal(await refused(info.manager, { authorization: `Bearer ${token}` }), 401, 'an access token is no API key')

  const open = await up({ args: ['--metrics-public'] })
  for (const url of [open.controller, open.info.manager]) assert.ok((await Page.of(url)).names.size > 20)
  await open.stop()
})

test('the dashboard and the alerts ask for what there is', async () => {
  const { agentId, conversationId, viewers: [v] } = await scene.room(1)
  await converse(v, agentId, conversationId, 'hi')
  const names = new Set([...(await ofController()).names, ...(await ofManager()).names])
  // Those that have a line only when it has happened.
  for (const name of ['connections_refused', 'connections_closed', 'notifications']) names.add(`longshore_${name}_total`)

  for (const file of ['longshore.json', 'alerts.yml']) {
    const text = readFileSync(new URL(`../../docs/grafana/${file}`, import.meta.url), 'utf8')
    const asked = new Set(text.match(/\b(longshore|process)_[a-z_]+\b/g))
    assert.ok(asked.size > 5, file)
    const missing = [...asked].filter((name) => !names.has(name))
    assert.deepEqual(missing, [], file)
  }
})

test('readiness says what is wrong, and a controller without its manager is still of use', async () => {
  const { manager, controller } = await apart()
  const ready = async (url) => {
    const answer = await fetch(`${url}/ready`)
    return { status: answer.status, ...(await answer.json()) }
  }
  const check = ({ checks }, name) => checks.find((found) => found.name === name)

  const good = await eventually(async () => {
    const found = await ready(controller.controller)
    assert.equal(check(found, 'managers').ok, true)
    return found
  })
  assert.deepEqual([good.status, good.ok], [200, true])
  assert.deepEqual((await ready(manager.info.manager)).ok, true)
  await manager.stop()
  const without = await eventually(async () => {
    const found = await ready(controller.controller)
    assert.equal(check(found, 'managers').ok, false)
    return found
  })

  assert.deepEqual([without.status, without.ok], [200, true])
  assert.equal(check(without, 'managers').reason, '0 of 1 are connected')
  assert.equal(check(without, 'store').required, true)
  const health = await (await fetch(`${controller.controller}/health`)).json()
  assert.deepEqual([health.ok, health.tier, typeof health.tasks], [true, 'controller', 'number'])
  const told = await cli(['health', controller.controller])
  assert.deepEqual([told.code, told.stdout], [0, 'managers: 0 of 1 are connected\n'])
  const { body } = await controller.rest('GET', '/api/server')
  assert.equal(body.runs, 0)
  await controller.stop()
})
