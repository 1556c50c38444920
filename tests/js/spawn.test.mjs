// A server that nobody has started, and that somebody needs.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { Home, alive, gone } from './lib/background.mjs'
import { BINARY, environment, temporary, up } from './lib/server.mjs'

const chat = (home, text, ...args) => home.cli(['chat', 'echo', ...args], `${text}\n`)

/** Fields of `/proc/…/stat` behind the name. */
const stat = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')

test('ten that need a server at once start one, and all are answered', async () => {
  const home = new Home(temporary())

  const ends = await Promise.all(Array.from({ length: 10 }, (_, n) => chat(home, `hello ${n}`)))

  ends.forEach(({ code, stdout, stderr }, n) => {
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`hello ${n}`))
  })
  const { pid, kind } = home.runFile()
  assert.deepEqual(home.processes(), [pid])
  assert.equal(kind, 'up')
  const said = ends.filter(({ stderr }) => stderr.includes('longshore started.'))
  assert.equal(said.length, 1, 'one says so')
  assert.match(said[0].stderr, /^Starting longshore in the background…\nlongshore started\.\n/)
})

test('a server that was started so has nothing of the process that started it', async () => {
  const home = new Home(temporary())
  const args = ['-c', `echo hi | "${BINARY}" chat echo --data-dir "${home.dataDir}"; exec sleep 1000`]
  const parent = spawn('sh', args, { env: environment(home.env), detached: true, stdio: 'ignore' })
  while (!home.runFile()) await new Promise((resolve) => setTimeout(resolve, 20))
  const { pid } = home.runFile()

  process.kill(-parent.pid, 'SIGHUP')
  await once(parent, 'exit')

  assert.ok(alive(pid))
  const [, , group, session, terminal] = stat(pid)
  assert.deepEqual([Number(group), Number(session), terminal], [pid, pid, '0'])
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/')
  assert.equal(readlinkSync(`/proc/${pid}/fd/0`), '/dev/null')
  assert.equal(readlinkSync(`/proc/${pid}/fd/1`), '/dev/null', 'its token gets into no log')
  const log = path.join(home.dataDir, 'logs', 'server.log')
  assert.equal(readlinkSync(`/proc/${pid}/fd/2`), log)
  assert.equal(statSync(log).mode & 0o777, 0o600)
  assert.equal((await chat(home, 'still there')).code, 0)
  assert.equal(home.runFile().pid, pid)
})

test('the run file of a server that was killed is not believed', async () => {
  const home = new Home(temporary())
  assert.equal((await chat(home, 'one')).code, 0)
  const { pid, url } = home.runFile()
  process.kill(pid, 'SIGKILL')
  await gone(pid)
  assert.equal(home.runFile().pid, pid, 'it is left')

  const again = await chat(home, 'two')

  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stdout, /one[^]*two/)
  assert.notEqual(home.runFile().pid, pid)
  // One of an older version does not name its process.
  await home.server('stop')
  writeFileSync(home.runPath, JSON.stringify({ url, token: 'ls_x' }))
  assert.equal((await chat(home, 'three')).code, 0)
})

test('an id that came again is not taken for the server', async () => {
  const home = new Home(temporary())
  const { pid, ...file } = await home.start()
  process.kill(pid, 'SIGKILL')
  await gone(pid)
  const bystander = spawn('sleep', ['1000'])
  writeFileSync(home.runPath, JSON.stringify({ ...file, pid: bystander.pid }))

  const stopped = await home.server('stop', '--force')
  const status = await home.server('status')
  const again = await chat(home, 'hello')

  assert.deepEqual([stopped.code, stopped.stdout], [0, 'Server is not running.\n'])
  assert.deepEqual([status.code, status.stdout], [1, 'Server is not running.\n'])
  assert.equal(again.code, 0, again.stderr)
  assert.ok(alive(bystander.pid))
  bystander.kill()
})

test('none is started by who may not, or who names one', async () => {
  const home = new Home(temporary())

  const forbidden = await chat(home, 'hello', '--no-spawn')
  const elsewhere = await chat(home, 'hello', '--url=http://127.0.0.1:9', '--token=ls_x')

  assert.equal(forbidden.code, 1)
  assert.match(forbidden.stderr, /^error: no controller runs here/)
  assert.equal(elsewhere.code, 1)
  assert.deepEqual(home.processes(), [])
})

test('a server that does not start says why', async () => {
  const broken = new Home(temporary())
  writeFileSync(path.join(broken.dataDir, 'manager.db'), 'this is no database, and was none before, whoever says so')
  const nowhere = new Home('/proc/longshore')

  const [ended, refused] = await Promise.all([chat(broken, 'hello'), chat(nowhere, 'hello')])

  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /^error: longshore did not start: it ended with exit status: 1; .*server\.log: .*database.*\nhint: longshore server logs\n$/m)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /error: create directory \/proc\/longshore/)
})

test('a directory that is not ours to write to is said so', { skip: process.getuid() !== 0 && 'needs another user' }, async () => {
  const dir = temporary()
  mkdirSync(path.join(dir, 'data'), { mode: 0o755 })
  const child = spawn('setpriv', ['--reuid=65534', '--clear-groups', BINARY, 'chat', 'echo', '--data-dir', path.join(dir, 'data')], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (data) => (stderr += data))
  const [code] = await once(child, 'close')

  assert.equal(code, 1, stderr)
  assert.match(stderr, /^error: .*[Pp]ermission denied/m)
})

test('a taken port is no hindrance for a server that was started so', async () => {
  const other = await up()
  const home = new Home(temporary(), { LONGSHORE_CONTROLLER_PORT: new URL(other.controller).port })

  const { code, stderr } = await chat(home, 'hello')

  assert.equal(code, 0, stderr)
  assert.notEqual(home.runFile().url, other.controller)
})

test('spaces and letters of all kinds in the directory', async () => {
  const home = new Home(path.join(temporary(), 'Füße und Größe 🐢'))

  const { code, stdout, stderr } = await chat(home, 'héllo')

  assert.equal(code, 0, stderr)
  assert.match(stdout, /héllo/)
  assert.equal((await home.server('status')).code, 0)
  assert.match((await home.server('logs')).stdout, /./)
  assert.equal((await home.server('restart')).code, 0)
  const { code: stopped, stdout: said } = await home.server('stop')
  assert.deepEqual([stopped, said], [0, 'longshore stopped.\n'])
})

test('whoever needs a server while one stops waits and starts the next', async () => {
  const home = new Home(temporary())
  const { pid } = await home.start('--agent', "slow=sh -c 'while read x; do sleep 3; echo $x; done'")
  const slow = home.cli(['chat', 'slow'], 'hello\n')
  for (;;) {
    const { servers } = JSON.parse((await home.server('status', '--json')).stdout)
    if (servers[0].runs) break
  }
  process.kill(pid, 'SIGTERM')

  const next = await chat(home, 'next')

  assert.equal(next.code, 0, next.stderr)
  assert.match((await slow).stdout, /hello/)
  assert.notEqual(home.runFile().pid, pid)
})
