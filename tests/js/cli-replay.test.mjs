// `longshore replay`, and that nothing of it is left, however it ends.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { BINARY, cli, environment, eventually, temporary, up } from './lib/server.mjs'

let server
// A conversation that ends with its maker ends soon after it.
before(async () => (server = await up({ agents: ['calc=bc -l'], args: ['--viewer-grace=0.3'] })))

const replay = (args) => cli(['replay', '--data-dir', server.dataDir, ...args])
const file = (content) => {
  const name = path.join(temporary(), 'history.json')
  writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content))
  return name
}
const names = async () => {
  const { stdout } = await cli(['conversations', 'list', '--json', '--data-dir', server.dataDir])
  return JSON.parse(stdout).map(({ name }) => name)
}
const nothingIsLeft = () => eventually(async () => assert.deepEqual(await names(), ['default']))

test('what a file has is said, and the answers are written beside what was expected', async () => {
  const history = file([{ user: '1+1', assistant: '2' }, { user: '2+2', assistant: '5' }, { user: '3+3' }])
  const out = path.join(temporary(), 'results.json')

  const toFile = await replay([history, '--agent=calc', '--out', out])
  const toPipe = await replay([history, '--agent=calc'])

  assert.deepEqual([toFile.code, toFile.stdout, toFile.stderr], [0, '', ''])
  const results = JSON.parse(readFileSync(out))
  assert.deepEqual(
    results.map(({ user, assistant, expected, state }) => [user, assistant, expected, state]),
    [
      ['1+1', '2', '2', 'done'],
      ['2+2', '4', '5', 'done'],
      ['3+3', '6', undefined, 'done'],
    ],
  )
  assert.ok(results.every(({ durationMs }) => durationMs >= 0))
  assert.deepEqual(
    JSON.parse(toPipe.stdout).map(({ assistant }) => assistant),
    ['2', '4', '6'],
  )
  const listed = await cli(['conversations', 'list', '--json', '--agent=calc', '--data-dir', server.dataDir])
  assert.deepEqual(
    JSON.parse(listed.stdout).map(({ name }) => name),
    ['default'],
  )
})

test('an answer that failed is told by the status, and the rest is said', async () => {
  const { code, stdout } = await replay([file([{ user: '/crash' }, { user: 'after' }])])

  assert.equal(code, 1)
  assert.deepEqual(
    JSON.parse(stdout).map(({ state }) => state),
    ['failed', 'done'],
  )
  await nothingIsLeft()
})

test('a message that is refused has failed, and the rest is said', async () => {
  const { code, stdout } = await replay([file([{ user: 'before' }, { user: ' ' }, { user: 'after' }])])

  assert.equal(code, 1)
  assert.deepEqual(
    JSON.parse(stdout).map(({ state, error }) => [state, error]),
    [
      ['done', undefined],
      ['failed', 'message is required'],
      ['done', undefined],
    ],
  )
  await nothingIsLeft()
})

test('results that cannot be written are noticed before anything is said', async () => {
  const { code, stderr } = await replay([file([{ user: '/stall' }]), '--out', path.join(temporary(), 'missing', 'results.json')])

  assert.equal(code, 1)
  assert.match(stderr, /^error: write .*: there is no directory /)
})

test('files that are none', async () => {
  const missing = path.join(temporary(), 'missing')
  for (const [name, says] of [
    [missing, new RegExp(`^error: History file not found: ${missing}\n`)],
    [file('{'), /^error: Failed to parse history file: /],
    [file('{"user": "x"}'), /^error: Invalid history file format: /],
    [file('[{"assistant": "x"}]'), /^error: Invalid history file format: /],
  ]) {
    const { code, stderr } = await replay([name])
    assert.equal(code, 1)
    assert.match(stderr, says)
  }
  await nothingIsLeft()
})

test('Ctrl-C and SIGTERM leave nothing', async () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const out = path.join(temporary(), 'results.json')
    const child = spawn(BINARY, ['replay', '--data-dir', server.dataDir, '--out', out, file([{ user: 'x' }, { user: '/stall' }])], {
      env: environment(),
    })
    await eventually(async () => assert.match((await names()).join(), /cli-replay-/))

    child.kill(signal)

    const [code] = await once(child, 'close')
    assert.equal(code, 130)
    assert.deepEqual(await names(), ['default'], 'at once')
    // It may have come between the two messages.
    if (existsSync(out)) assert.ok(JSON.parse(readFileSync(out)).every(({ state }) => ['done', 'cancelled'].includes(state)))
  }
})

test('an end without a word at any moment leaves nothing', async () => {
  const history = file(Array.from({ length: 50 }, (_, n) => ({ user: `/sleep 5 ${n}` })))
  for (const moment of [0, 20, 50, 100, 200, 400]) {
    const child = spawn(BINARY, ['replay', '--data-dir', server.dataDir, history], { env: environment(), stdio: 'ignore' })
    const ended = once(child, 'close')
    // Not a wait for something: the moments are what is tested.
    await new Promise((resolve) => setTimeout(resolve, moment))
    child.kill('SIGKILL')
    await ended
  }
  await nothingIsLeft()
})

test('a server that is killed in the middle deletes it when it starts again', async () => {
  const own = await up({ args: ['--viewer-grace=60'] })
  const ports = [own.controller, own.info.manager].map((url) => Number(new URL(url).port))
  const list = async () => {
    const { stdout } = await cli(['conversations', 'list', '--json', '--data-dir', own.dataDir])
    return JSON.parse(stdout).map(({ name }) => name)
  }
  const child = spawn(BINARY, ['replay', '--data-dir', own.dataDir, file([{ user: '/stall' }])], { env: environment(), stdio: 'ignore' })
  await eventually(async () => assert.match((await list()).join(), /cli-replay-/))

  child.kill('SIGKILL')
  await once(child, 'close')
  await own.kill()
  const again = await up({ dataDir: own.dataDir, ports })

  assert.deepEqual(await list(), ['default'])
  await again.stop()
})
