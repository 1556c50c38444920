// The life of a server: starting, asking, stopping, starting again, and what everybody is told of it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { Home, alive, gone } from './lib/background.mjs'
import { BINARY, Server, addAgent, apart, cli, environment, script, temporary, up } from './lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

const notices = (v, id) => v.told('serverNotice').filter((notice) => notice.id === id)

/** A browser that comes back by itself and goes on where it was. */
async function faithful(url, token, clientId, agentId) {
  const v = new Viewer(url, { token }).stay(clientId, agentId)
  await v.tells('historyEnd')
  return v
}

test('start, status and stop', async () => {
  const home = new Home(temporary())
  const none = await home.server('status')
  assert.deepEqual([none.code, none.stdout], [1, 'Server is not running.\n'])
  const nothing = await home.server('stop')
  assert.deepEqual([nothing.code, nothing.stdout], [0, 'Server is not running.\n'])

  const started = await home.server('start', '--', '--agent', 'calc=bc -l')
  assert.equal(started.code, 0, started.stderr)
  assert.match(started.stdout, /^http:\/\/127\.0\.0\.1:\d+\/#token=\S+\n$/)
  const again = await home.server('start')
  assert.deepEqual([again.code, again.stdout, again.stderr], [0, started.stdout, 'longshore is running already.\n'])

  const { pid, url, token } = home.runFile()
  const known = await home.server('start', '--json')
  assert.deepEqual(JSON.parse(known.stdout), { url: started.stdout.trim(), token, pid, started: false })
  const restarted = await home.server('restart', '--json')
  assert.deepEqual(JSON.parse(restarted.stdout), { kind: 'up', pid, state: 'restarted' })
  const healthy = JSON.parse((await home.cli(['health', '--json'])).stdout)
  assert.deepEqual([healthy.ok, healthy.url], [true, url])
  const json = await home.server('status', '--json')
  assert.equal(json.code, 0, json.stderr)
  const { running, ok, servers } = JSON.parse(json.stdout)
  assert.deepEqual([running, ok, servers.length], [true, true, 1])
  const { uptimeSecs, version, ...about } = servers[0]
  assert.match(version, /^\d+\.\d+\.\d+/)
  assert.ok(uptimeSecs >= 0)
  assert.deepEqual(about, {
    url,
    answers: true,
    pid,
    kind: 'up',
    dataDir: home.dataDir,
    log: path.join(home.dataDir, 'logs', 'server.log'),
    stopping: false,
    viewers: 0,
    runs: 0,
    managers: [{ name: 'local', connected: true }],
  })
  const { code, stdout } = await home.server('status')
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^longshore is running: ${url}\n  pid +${pid}\n(.*\n)+  managers  1 of 1 connected\n$`))
  assert.match((await home.cli(['chat', 'calc', '--no-spawn'], '6*7\n')).stdout, /42/)

  const stopped = await home.server('stop')
  assert.deepEqual([stopped.code, stopped.stdout], [0, 'longshore stopped.\n'], stopped.stderr)
  assert.equal(alive(pid), false)
  assert.equal(existsSync(home.runPath), false)
  assert.equal((await home.server('restart')).code, 1)
})

test('a restart keeps the process, the port and the viewers', async () => {
  const home = new Home(temporary())
  const before = await home.start()
  const agents = JSON.parse((await home.cli(['agent', 'list', '--json'])).stdout)
  const { agentId } = agents.find(({ name }) => name === 'echo')
  const v = await faithful(before.url, before.token, before.clientId, agentId)
  await v.ended((await v.insist(agentId, 'before')).runId)
  // Nobody is refused while it restarts: who connects in between waits.
  let refused
  const knocking = (async () => {
    while (home.runFile()?.startedAt === before.startedAt) {
      await fetch(`${before.url}/health`).catch((error) => (refused ??= error.cause?.code))
    }
  })()

  const { code, stdout, stderr } = await home.server('restart')

  assert.deepEqual([code, stdout], [0, 'longshore restarted.\n'], stderr)
  await knocking
  assert.notEqual(refused, 'ECONNREFUSED')
  const after = home.runFile()
  assert.deepEqual([after.pid, after.startTime, after.url], [before.pid, before.startTime, before.url])
  assert.notEqual(after.startedAt, before.startedAt)
  const own = notices(v, 'restarting').map(({ level, title, dismiss }) => ({ level, title, dismiss }))
  assert.deepEqual(own.find(({ title }) => title.includes('controller')), {
    level: 'warning',
    title: 'The controller restarts',
    dismiss: undefined,
  })
  assert.deepEqual(notices(v, 'stopping'), [])
  await v.ended((await v.insist(agentId, 'after')).runId)
  assert.deepEqual(v.answers(agentId), ['before', 'after'])
  assertOrderly(v, agentId)
  // And once more: nothing was lost on the way.
  assert.equal((await home.server('restart', '--deadline=0')).code, 0)
  assert.equal(home.runFile().url, before.url)
})

test('a restart takes a new program file, and the old one when there is none', async () => {
  const dir = temporary()
  const program = path.join(dir, 'longshore')
  copyFileSync(BINARY, program)
  const home = new Home(path.join(dir, 'data'))
  const child = spawn(program, ['server', 'start', '--data-dir', home.dataDir], { env: environment(home.env), stdio: 'ignore' })
  await new Promise((resolve) => child.on('close', resolve))
  const { pid } = home.runFile()
  const file = () => readlinkSync(`/proc/${pid}/exe`)
  assert.equal(file(), program)

  copyFileSync(BINARY, `${program}.new`)
  renameSync(`${program}.new`, program)
  assert.equal(file(), `${program} (deleted)`)
  assert.equal((await home.server('restart')).code, 0)
  assert.equal(file(), program, 'the new one')

  rmSync(program)
  assert.equal((await home.server('restart')).code, 0)
  assert.equal(file(), `${program} (deleted)`)
  assert.equal(home.runFile().pid, pid)
})

test('shutdown refuses what is new, lets runs end and tells everybody', async () => {
  const server = await up()
  const spec = script('slow', 'while read x; do sleep 2; echo "done $x"; done', { emptyMs: 60_000 })
  const { agentId } = await addAgent(server, server.info.clientId, spec)
  const v = new Viewer(server.controller, { token: server.token, reconnection: false })
  await v.follow(server.info.clientId, agentId)
  const { runId } = await v.chat(agentId, 'work')
  await v.tells('runEvent', { runId, state: 'started' })

  const stopping = await v.ok('shutdown', { deadlineMs: 20_000 })

  assert.equal(stopping.restart, false)
  assert.ok(stopping.deadlineMs > 19_000 && stopping.deadlineMs <= 20_000)
  const titles = await v.until((x) => notices(x, 'stopping').length === 2 && notices(x, 'stopping').map(({ title }) => title))
  assert.deepEqual(titles.toSorted(), ['The controller is stopping', 'The manager is stopping'])
  assert.ok(notices(v, 'stopping').every(({ until }) => Date.parse(until) > Date.now()))
  const late = await new Viewer(server.controller, { token: server.token, reconnection: false }).connected()
  await late.ok('setClient', { clientId: server.info.clientId })
  await late.until((x) => notices(x, 'stopping').length === 2)
  assert.equal((await v.denied('chat', agentId, { agentId, message: 'more' })).code, 'SERVER_STOPPING')
  assert.equal((await v.refused('shutdown', { deadlineMs: 3_600_001 })).code, 'INVALID_PAYLOAD')
  assert.equal((await v.ended(runId)).state, 'done')
  assert.deepEqual(await server.exited, { code: 0, signal: null })
})

test('what does not end in time is cancelled, and a nearer deadline counts', async () => {
  const server = await up({ args: ['--drain=600'] })
  const { agentId } = await addAgent(server, server.info.clientId, script('stuck', 'while read x; do sleep 4242; done', { emptyMs: 600_000 }))
  const v = new Viewer(server.controller, { token: server.token, reconnection: false })
  await v.follow(server.info.clientId, agentId)
  const { runId } = await v.chat(agentId, 'work')
  await v.tells('runEvent', { runId, state: 'started' })

  assert.ok((await v.ok('shutdown')).deadlineMs > 500_000)
  assert.equal((await v.ok('shutdown', { deadlineMs: 0 })).deadlineMs, 0)

  const end = await v.ended(runId)
  assert.deepEqual([end.state, end.reason], ['cancelled', 'server_stopping'])
  assert.deepEqual(await server.exited, { code: 0, signal: null })
})

test('a manager is stopped by way of its controller, which goes on', async () => {
  const { manager, controller, clientId, agentId } = await apart()
  const v = new Viewer(controller.controller, { token: controller.token })
  await v.follow(clientId, agentId)

  const stopping = await v.ok('forward', { event: 'shutdown', payload: { deadlineMs: 1_000 } })

  assert.equal(stopping.restart, false)
  await v.until((x) => notices(x, 'stopping').length)
  assert.deepEqual(await manager.exited, { code: 0, signal: null })
  await v.event('remoteDisconnected')
  assert.equal(notices(v, 'stopping').length, 1)
  assert.equal(v.socket.connected, true)
})

test('only who may everything stops a server', async () => {
  const { manager } = await apart()
  const v = await new Viewer(manager.info.manager, { token: manager.info.apiKey, namespace: '/agents' }).connected()
  for (const role of ['user', 'readOnly']) {
    const origin = { viewerId: 'vw_g', connectionId: 'cn_g', role }
    assert.equal((await v.refused('shutdown', {}, origin)).code, 'FORBIDDEN', role)
  }

  await v.ok('shutdown', {})

  await v.tells('serverNotice', { id: 'stopping' })
  assert.deepEqual(await manager.exited, { code: 0, signal: null })
})

test('a manager and a controller of one directory are found and stopped', async () => {
  const dataDir = temporary()
  const started = ['manager', 'controller'].map((tier) => Server.start([tier, `--data-dir=${dataDir}`, '--port=0']))
  const both = await Promise.all(started)
  const home = new Home(dataDir)

  const { servers } = JSON.parse((await home.server('status', '--json')).stdout)
  assert.deepEqual(servers.map(({ kind, pid }) => [kind, pid]), [
    ['manager', both[0].pid],
    ['controller', both[1].pid],
  ])
  assert.match((await home.server('restart', '--deadline=1')).stdout, /^The manager restarted\.\nThe controller restarted\.\n$/)
  assert.equal((await home.server('stop')).stdout, 'The manager stopped.\nThe controller stopped.\n')
  assert.deepEqual(await Promise.all(both.map(({ exited }) => exited)), Array(2).fill({ code: 0, signal: null }))
})

test('what was acknowledged while it stops is there afterwards', async () => {
  const dataDir = temporary()
  let server = await up({ dataDir, args: ['--drain=2'] })
  const ports = [server.controller, server.info.manager].map((url) => Number(new URL(url).port))
  const agentId = server.agent('echo')
  const v = await faithful(server.controller, server.token, server.info.clientId, agentId)
  const accepted = []
  let going = true
  const talking = (async () => {
    for (let n = 0; going; n += 1) accepted.push((await v.insist(agentId, `m${n}`)).runId)
  })()

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) {
    const before = accepted.length
    await v.until(() => accepted.length > before + 20)
    assert.deepEqual(await server.stop(signal), { code: 0, signal: null })
    server = await up({ dataDir, ports, args: ['--drain=2'] })
  }
  going = false
  await talking
  for (const run of accepted) await v.ended(run)

  const said = v.messages(agentId).filter(({ from }) => from === 'user')
  assert.deepEqual(said.map(({ runId }) => runId), accepted)
  assertOrderly(v, agentId)
  assertRunsEnded(v, agentId)
})

test('one that does not listen is killed when that is wanted', async () => {
  const home = new Home(temporary())
  const { pid } = await home.start()
  process.kill(pid, 'SIGSTOP')

  const { code, stdout } = await home.server('stop', '--force')

  assert.deepEqual([code, stdout], [0, 'longshore killed.\n'])
  await gone(pid)
  assert.equal(existsSync(home.runPath), false)
  await home.start()
})

test('the log is shown and followed', async () => {
  const home = new Home(temporary())
  const none = await home.server('logs')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /^error: there is no log at .*\nhint: .*\n$/)
  await home.start()
  const child = spawn(BINARY, ['server', 'logs', '-f', '-n', '1', '--data-dir', home.dataDir], { env: environment() })
  let text = ''
  const ends = new Promise((resolve) => {
    child.stdout.on('data', (data) => {
      text += data
      if (/starting again/.test(text)) resolve()
    })
  })

  await home.server('restart')
  await ends

  child.kill()
  assert.doesNotMatch(text, /\x1b/, 'no colours in a file')
  const { stdout } = await home.server('logs', '-n', '2')
  assert.equal(stdout.split('\n').length, 3)
})

test('a server that nobody uses ends', async () => {
  const server = await up({ args: ['--idle-timeout=1.5', '--log=warn'] })
  const { agentId } = await addAgent(server, server.info.clientId, script('slow', 'while read x; do sleep 4; echo $x; done', { emptyMs: 60_000 }))
  const v = new Viewer(server.controller, { token: server.token, reconnection: false })
  await v.follow(server.info.clientId, agentId)
  const { runId } = await v.chat(agentId, 'work')
  await v.tells('runEvent', { runId, state: 'started' })
  v.close()
  const began = Date.now()

  assert.deepEqual(await server.exited, { code: 0, signal: null })

  assert.ok(Date.now() - began > 4_000, 'not while the run worked')
  assert.match(server.stderr, /no clients connected, idle shutdown/)
  const again = await up({ dataDir: server.dataDir })
  const late = new Viewer(again.controller, { token: again.token })
  await late.follow(again.info.clientId, agentId)
  assert.equal((await late.ended(runId)).state, 'done')
})

test('a server that nobody ever uses ends, and one that somebody looks at does not', async () => {
  const [unused, used] = await Promise.all([up({ args: ['--idle-timeout=1'] }), up({ args: ['--idle-timeout=1'] })])
  const { agentId } = await addAgent(used, used.info.clientId, script('shell', 'cat'))
  const v = new Viewer(used.controller, { token: used.token, reconnection: false })
  await v.follow(used.info.clientId, agentId)

  assert.deepEqual(await unused.exited, { code: 0, signal: null })
  await v.forward('listAgents', agentId, {})
  assert.equal(used.child.exitCode, null)
  v.close()
  assert.deepEqual(await used.exited, { code: 0, signal: null })
})

test('the second of two is told which one is there', async () => {
  const server = await up()

  const second = await cli(['up', '--data-dir', server.dataDir, '--controller-port=0', '--manager-port=0'])

  assert.equal(second.code, 1)
  const says = `error: ${server.dataDir} is in use: longshore runs already, as process ${server.pid}\nhint: longshore server status\n`
  assert.ok(second.stderr.endsWith(says), second.stderr)
})
