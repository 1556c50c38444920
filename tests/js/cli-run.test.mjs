// `longshore run` and `longshore runs`: in pipes, with their JSON, their exit codes and their texts.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { before, test } from 'node:test'

import { Proxy } from './lib/proxy.mjs'
import { BINARY, addAgent, cli, environment, eventually, script, temporary, up } from './lib/server.mjs'

let server
before(async () => (server = await up({ agents: ['calc=bc -l'] })))

const run = (args, options) => cli(['run', '--data-dir', server.dataDir, ...args], options)
const runs = (args, options) => cli(['runs', ...args, '--data-dir', server.dataDir], options)
const json = ({ stdout }) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** A program that runs on; `said` has what it has printed. */
function start(args, dataDir = server.dataDir) {
  const child = spawn(BINARY, [...args, '--data-dir', dataDir], { env: environment() })
  const it = { child, said: '', stderr: '' }
  child.stdout.on('data', (data) => {
    it.said += data
    child.emit('said')
  })
  child.stderr.on('data', (data) => (it.stderr += data))
  it.says = async (pattern) => {
    while (!pattern.test(it.said)) await once(child, 'said')
  }
  it.ended = once(child, 'close').then(([code]) => code)
  return it
}

test('the answer goes to stdout and nothing else does', async () => {
  assert.deepEqual(await run(['--agent=calc', '2^64']), { stdout: '18446744073709551616\n', stderr: '', code: 0, signal: null })
  assert.equal((await run(['several', 'words'])).stdout, 'several words\n')
})

test('the text may be standard input', async () => {
  assert.equal((await run([], { input: 'from a pipe\n' })).stdout, 'from a pipe\n')
  assert.equal((await run(['-'], { input: 'two\nlines\n' })).stdout, 'two\nlines\n')
})

test('request, translate and explain are about what follows them', async () => {
  assert.equal((await run(['request', 'x y'])).stdout, 'x y\n')
  assert.equal((await run(['translate', 'next song'])).stdout, '@translate next song\n')
  assert.equal((await run(['explain', 'next', 'song'])).stdout, '@explain next song\n')
  assert.equal((await run(['translate'])).stdout, 'translate\n')
  assert.equal((await run(['request', 'translate', 'this'])).stdout, 'translate this\n')
})

test('--json has every event of the run and then the outcome', async () => {
  const answer = await run(['--json', '/stream 3 ab'])
  const lines = json(answer)
  const last = lines.pop()

  assert.equal(answer.code, 0)
  const { outcome, exitCode, text, runId, conversationId } = last
  assert.deepEqual([outcome, exitCode, text], ['done', 0, 'ab ab ab'])
  assert.ok(lines.every(({ payload }) => payload.runId === runId && payload.conversationId === conversationId))
  const events = lines.map(({ event, payload }) => payload.state ?? payload.kind ?? `${event} ${payload.from}`)
  assert.equal(events.filter((event) => event === 'assistantDelta').length > 0, true)
  assert.deepEqual(
    events.filter((event) => event !== 'assistantDelta'),
    ['chatMessage user', 'started', 'chatMessage agent', 'done'],
  )
})

test('the status says how it ended', async () => {
  const failed = await run(['/crash'])
  assert.deepEqual([failed.code, failed.stdout], [1, ''])
  assert.match(failed.stderr, /^error: failed: echo was told to crash\n$/)

  const late = await run(['--timeout=0.2', '--json', '/stall'])
  assert.equal(late.code, 124)
  assert.deepEqual(json(late).at(-1).outcome, 'timedOut')
  assert.equal(json(late).at(-2).payload.state, 'cancelled', 'and is not left running')
})

test('a signal ends the reading of standard input and the way to a controller', async () => {
  const reading = start(['run', '-'])
  await once(reading.child, 'spawn')
  reading.child.kill('SIGINT')
  assert.notEqual(await reading.ended, 0)

  // It accepts, and says nothing.
  const silent = net.createServer(() => {})
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const it = start(['run', '--url', `http://127.0.0.1:${silent.address().port}`, '--token=x', 'x'])
  await once(silent, 'connection')
  it.child.kill('SIGINT')
  assert.equal(await it.ended, 130)
  silent.close()
})

test('a script that is interrupted has status 130, and its run is cancelled', async () => {
  const it = start(['connect', 'echo', '--conversation=CLI', '--request=/stall'])
  const open = async () => JSON.parse((await runs(['list', '--json'])).stdout)
  await eventually(async () => assert.equal((await open()).length, 1))

  it.child.kill('SIGINT')

  assert.equal(await it.ended, 130)
  assert.deepEqual(await open(), [])
})

test('Ctrl-C and SIGTERM cancel the run', async () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const it = start(['run', '--json', '/stall'])
    await it.says(/"state":"started"/)
    it.child.kill(signal)

    assert.equal(await it.ended, 130)
    assert.equal(json({ stdout: it.said }).at(-1).outcome, 'cancelled')
    assert.equal(json({ stdout: it.said }).at(-2).payload.state, 'cancelled')
  }
})

test('who is cancelled by others says so', async () => {
  const it = start(['run', '--json', '/stall'])
  await it.says(/"state":"started"/)
  const { runId } = json({ stdout: it.said })[0].payload

  assert.equal((await runs(['cancel', runId])).code, 0)

  assert.equal(await it.ended, 130)
})

test('a run survives the loss of the connection, and its answer comes once', async () => {
  const own = await up()
  const proxy = await Proxy.before(own.controller)
  const it = start(['run', '--json', '--url', proxy.url, '--token', own.token, '/sleep 700 here it is'], own.dataDir)
  await it.says(/"state":"started"/)

  proxy.cut()

  assert.equal(await it.ended, 0, it.stderr)
  assert.equal(it.said.match(/"result":"here it is"/g).length, 1)
  assert.equal(json({ stdout: it.said }).at(-1).text, 'here it is')
})

test('wrong command lines and missing agents', async () => {
  assert.equal((await run(['--timeout=x', 'y'])).code, 2)
  const nobody = await run(['--agent=nobody', 'x'])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /^error: no agent is called "nobody"/)
  const nowhere = await run(['--conversation=Cli2', 'x'])
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.stderr, /No conversation named or matching "Cli2" found; did you mean "CLI"\?/)
  assert.equal((await cli(['run', '--no-spawn', '--data-dir', temporary(), 'x'])).code, 1)
})

test('what is attached is in the workspace of the agent, and is named', async () => {
  const reader = script('reader', 'while read -r line; do case "$line" in "- "*) wc -c < "${line#- }";; esac; done', {})
  const { agentId } = await addAgent(server, server.info.clientId, reader)
  const dir = temporary()
  const file = path.join(dir, 'picture.png')
  writeFileSync(file, Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256)))

  const answer = await run(['--agent=reader', '--attach', file, '--attach', file, 'look at this'])

  assert.equal(answer.code, 0, answer.stderr)
  assert.match(answer.stdout, /1000/)
  const workspace = path.join(server.dataDir, 'agents', agentId)
  const names = readdirSync(workspace, { recursive: true }).filter((name) => name.endsWith('picture.png'))
  assert.equal(names.length, 1)
  assert.deepEqual(readFileSync(path.join(workspace, names[0])), readFileSync(file))
})

test('a file that is not there', async () => {
  const missing = path.join(temporary(), 'missing')

  const answer = await run(['--attach', missing, 'look'])

  assert.equal(answer.code, 2)
  assert.equal(answer.stderr, `error: The file '${missing}' does not exist.\n`)
})

test('runs are started side by side, listed, cancelled and watched', async () => {
  const [one, two] = ['one', 'two'].map((id) => `${id}-${process.pid}`)
  const started = await runs(['start', '--detach', '--run-id', one, '/stall'])
  assert.deepEqual([started.code, started.stdout], [0, `${one}\n`], started.stderr)
  const again = await runs(['start', '--detach', '--run-id', one, 'x'])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /error: .*run/i)
  const other = json(await runs(['start', '--detach', '--json', '--run-id', two, '/stall']))[0]
  assert.equal(other.runId, two)

  const listed = JSON.parse((await runs(['list', '--json'])).stdout)
  for (const id of [one, two]) {
    const found = listed.find(({ runId }) => runId === id)
    assert.deepEqual([found.state, found.agentName, found.text], ['running', 'echo', '/stall'])
  }
  assert.match((await runs(['list', '--agent=echo'])).stdout, new RegExp(`^RUN ID.*\n(.*\n)*${one} .*running`))
  assert.equal((await runs(['list', '--agent=calc'])).stdout, 'No open runs.\n')

  const watched = start(['runs', 'watch', two, '--json'])
  await watched.says(/"state":"started"/)
  const cancelled = await runs(['cancel', two, 'nothing'])
  assert.equal(cancelled.code, 1)
  assert.equal(cancelled.stderr, 'error: no open run: nothing\n')
  assert.equal(await watched.ended, 130)
  assert.deepEqual([(await runs(['cancel', one])).stdout, (await runs(['list'])).stdout], ['', 'No open runs.\n'])
  const gone = await runs(['watch', one])
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /^error: no run .* is open\nhint: /)
})

test('a run that is started is watched to its end', async () => {
  const done = await runs(['start', 'hello'])
  assert.deepEqual([done.code, done.stdout], [0, 'hello\n'], done.stderr)
  assert.equal((await runs(['start', '/crash'])).code, 1)
  assert.equal((await runs(['start', '--timeout=0.2', '/stall'])).code, 124)
  await eventually(async () => assert.equal((await runs(['list'])).stdout, 'No open runs.\n'))
})
