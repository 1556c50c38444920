// What operators need besides: completions, manual pages, reload, systemd, and commands that say what to do.

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'

import { ask } from './lib/http.mjs'
import { BINARY, cli, controller, environment, eventually, manager, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

test('bash sources the completions, and completes commands and flags', async () => {
  const file = path.join(temporary(), 'longshore.bash')
  const { stdout, code } = await cli(['completions', 'bash'])
  assert.equal(code, 0)
  writeFileSync(file, stdout)
  execFileSync('bash', ['-n', file])

  const complete = (...words) => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const text = `source ${file}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _longshore longshore '${words.at(-1)}' '${words.at(-2)}'; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['--norc', '-c', text], { encoding: 'utf8' }).trim().split('\n')
  }

  assert.deepEqual(complete('longshore', 'back'), ['backup'])
  assert.ok(complete('longshore', 'agent', 'res').includes('restart'))
  assert.ok(complete('longshore', 'backup', '--').includes('--without-keys'))
  for (const shell of ['zsh', 'fish']) {
    const script = await cli(['completions', shell])
    assert.match(script.stdout, /backup/)
    if (has(shell)) execFileSync(shell, ['-n'], { input: script.stdout })
  }
  assert.equal((await cli(['completions', 'nonsense'])).code, 2)
})

test('there is a manual page for each command', async () => {
  const dir = path.join(temporary(), 'man1')

  assert.deepEqual(await cli(['man', '--out', dir]), { stdout: '', stderr: '', code: 0, signal: null })

  const pages = readdirSync(dir)
  for (const page of ['longshore.1', 'longshore-up.1', 'longshore-agent-add.1', 'longshore-backup-verify.1']) assert.ok(pages.includes(page), page)
  assert.equal((await cli(['man'])).stdout, readFileSync(path.join(dir, 'longshore.1'), 'utf8'))
  if (has('man') && has('groff')) {
    for (const page of pages) {
      const shown = spawnSync('man', ['--warnings', '-l', path.join(dir, page)], { encoding: 'utf8', env: { ...process.env, MANPAGER: 'cat', MANWIDTH: '100' } })
      assert.equal(shown.status, 0, page)
      assert.equal(shown.stderr, '', page)
      assert.match(shown.stdout, /NAME/)
    }
  }
})

test('nobody reading is no error', async () => {
  for (const args of [['completions', 'bash'], ['man']]) {
    const child = spawn(BINARY, args, { env: environment() })
    let stderr = ''
    child.stderr.on('data', (data) => (stderr += data))
    child.stdout.destroy()
    const [code] = await once(child, 'close')
    assert.deepEqual([code, stderr], [0, ''])
  }
})

/** Waits until a server has logged a line that has all of these. */
const logged = (server, from, ...words) =>
  eventually(() => assert.ok(server.stderr.slice(from).split('\n').some((line) => words.every((word) => line.includes(word)))))

test('SIGHUP applies what may change, says what may not, and takes nothing of a wrong file', async () => {
  const config = path.join(temporary(), 'longshore.toml')
  const write = (text) => writeFileSync(config, text)
  write('origin = ["https://before.example"]\nlog = "info"\n')
  const server = await up({ args: ['--config', config] })
  const allowed = async (origin) => {
    const { headers } = await ask(server.controller, 'GET', '/health', { headers: { origin } })
    return headers['access-control-allow-origin'] === origin
  }
  assert.equal(await allowed('https://before.example'), true)

  const agent = '[[agents]]\nname = "new"\ncodec = { type = "echo" }\n'
  write(`origin = ["https://after.example"]\nlog = "info"\ngrace = 7\n${agent}`)
  server.child.kill('SIGHUP')
  await logged(server, 0, 'these settings count from the next start', 'grace')

  assert.deepEqual([await allowed('https://before.example'), await allowed('https://after.example')], [false, true])
  const { body } = await server.rest('GET', `/api/clients/${server.info.clientId}/agents`)
  const made = body.items.find(({ name }) => name === 'new')
  assert.ok(made)
  await eventually(async () => {
    const { items } = (await server.rest('GET', '/api/audit?limit=20')).body
    assert.ok(items.some(({ action, target }) => action === 'server.reload' && target.includes('origin')))
  })
  const v = new Viewer(server.controller, { token: server.token })
  await v.follow(server.info.clientId, made.agentId)
  await v.ended((await v.chat(made.agentId, 'hello')).runId)

  const from = server.stderr.length
  write('origin = ["no origin"]\nlog = "debug"\n')
  server.child.kill('SIGHUP')
  await logged(server, from, 'settings not reloaded', 'no origin')
  assert.equal(await allowed('https://after.example'), true)

  const later = server.stderr.length
  write('origin = ["https://after.example"]\nlog = "warn"\n')
  server.child.kill('SIGHUP')
  await logged(server, later, 'count from the next start')
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  assert.doesNotMatch(server.stderr.slice(later), /\bINFO\b/i)
})

const SYSTEMD = `
import json, os, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`

const listeners = []
after(() => listeners.forEach((child) => child.kill()))

/** What systemd would be told, message by message. */
async function systemd(name) {
  const child = spawn('python3', ['-c', SYSTEMD, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  listeners.push(child)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const next = async () => JSON.parse((await lines.next()).value)
  /** Messages up to the first that has this line. */
  return async (wanted) => {
    for (;;) {
      const fields = Object.fromEntries((await next()).split('\n').map((line) => line.split(/=(.*)/s, 2)))
      if (wanted in fields) return fields
    }
  }
}

for (const [kind, name] of [
  ['a path', () => path.join(temporary(), 'notify')],
  ['an abstract name', () => `@longshore-test-${process.pid}`],
]) {
  test(`systemd is told of ready, reloading, alive and stopping, at ${kind}`, async () => {
    const address = name()
    const told = await systemd(address)
    const starting = up({ env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: '200000' } })
    const ready = await told('READY')
    const server = await starting
    assert.equal(ready.READY, '1')
    assert.equal(ready.STATUS, `serving ${server.controller}`)
    assert.equal((await ask(server.controller, 'GET', '/ready')).status, 200)
    assert.equal((await told('WATCHDOG')).WATCHDOG, '1')

    server.child.kill('SIGHUP')
    const reloading = await told('RELOADING')
    assert.match(reloading.MONOTONIC_USEC, /^\d+$/)
    await told('READY')

    const stopped = server.stop()
    assert.equal((await told('STOPPING')).STOPPING, '1')
    assert.deepEqual(await stopped, { code: 0, signal: null })
  })
}

test('each tier alone tells systemd, too', async () => {
  const address = path.join(temporary(), 'notify')
  const told = await systemd(address)
  for (const tier of ['controller', 'manager']) {
    const child = spawn(BINARY, [tier, '--port=0', '--data-dir', temporary()], { env: environment({ NOTIFY_SOCKET: address }), stdio: 'ignore' })
    assert.match((await told('READY')).STATUS, /^serving http:/)
    child.kill()
    await told('STOPPING')
    await once(child, 'close')
  }
})

test('the unit files are as systemd wants them', { skip: !has('systemd-analyze') }, () => {
  const units = new URL('../../docs/systemd/', import.meta.url)
  const dir = temporary()
  for (const name of readdirSync(units).filter((name) => /\.(service|timer)$/.test(name))) {
    const text = readFileSync(new URL(name, units), 'utf8')
    writeFileSync(path.join(dir, name), text.replaceAll(/^ExecStart=\S+/gm, `ExecStart=${BINARY}`))
  }
  const names = readdirSync(dir)
  const { stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', ...names.map((name) => path.join(dir, name))], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.equal(stderr.split('\n').filter((line) => line.includes(dir)).join('\n'), '')
  // What they start is taken by the command line, `%d` and all.
  for (const name of names.filter((name) => name.endsWith('.service'))) {
    const [, args] = /^ExecStart=\S+ (.*)$/m.exec(readFileSync(path.join(dir, name), 'utf8'))
    const { status: code } = spawnSync(BINARY, [...args.split(' '), '--help'], { env: environment() })
    assert.equal(code, 0, args)
  }
})

test('errors say what can be done', async () => {
  const nowhere = ['--data-dir', temporary()]
  const refused = async (...args) => {
    const { code, stdout, stderr } = await cli(args)
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    return stderr
  }
  assert.match(await refused('agent', 'list', ...nowhere), /^error: no controller runs here\nhint: .*longshore.*--url/)
  assert.match(await refused('client', 'list', '--url', 'http://127.0.0.1:1', '--token', 'x'), /^error: reach the controller .*refused.*\nhint: .*doctor/)
  assert.match(await refused('client', 'list', '--url', 'http://127.0.0.1:1', ...nowhere), /^error: .*needs an access token\nhint: .*--token/)
  const c = await controller()
  const here = ['--data-dir', c.dataDir]
  assert.match(await refused('agent', 'list', ...here), /^error: the controller knows no manager\nhint: `longshore client add`/)
  assert.match(await refused('client', 'list', '--url', c.controller, '--token', 'ls_wrong'), /^error: .*\nhint: .*not valid/)
  assert.equal((await cli(['client', 'change', 'x', ...here])).code, 2)
})

test('a client is added, waited for, shown, changed and removed', async () => {
  const [c, m] = await Promise.all([controller(), manager()])
  const here = ['--data-dir', c.dataDir]
  const add = (name, endpoint, key, ...more) => cli(['client', 'add', '--name', name, '--endpoint', endpoint, '--api-key', key, ...here, ...more])

  const added = await add('far', m.info.manager, m.info.apiKey, '--json')
  assert.equal(added.code, 0, added.stderr)
  assert.equal(JSON.parse(added.stdout).connected, true)
  const wrong = await add('wrong', m.info.manager, 'lsm_wrong')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /^error: wrong is known, but the controller is not connected to it: .*nauthorized.*\nhint: .*manager\.key.*client change wrong/)
  const gone = await add('gone', 'http://127.0.0.1:1', 'x')
  assert.match(gone.stderr, /refused.*\nhint: .*client show gone/)
  assert.equal((await add('later', 'http://127.0.0.1:1', 'x', '--no-wait')).code, 0)

  const key = path.join(temporary(), 'key')
  writeFileSync(key, m.info.apiKey)
  const changed = await cli(['client', 'change', 'wrong', '--name', 'right', '--api-key-file', key, ...here])
  assert.deepEqual(changed, { stdout: '', stderr: '', code: 0, signal: null })
  const shown = JSON.parse((await cli(['client', 'show', 'right', '--json', ...here])).stdout)
  assert.deepEqual([shown.name, shown.connected, shown.endpoint], ['right', true, m.info.manager])
  assert.match((await cli(['client', 'show', 'gone', ...here])).stdout, /^because +.*refused/m)
  const removed = await cli(['client', 'remove', 'right', ...here])
  assert.deepEqual(removed, { stdout: '', stderr: '', code: 0, signal: null })
  const listed = (await cli(['client', 'list', ...here])).stdout
  assert.match(listed, /^NAME +STATE +ENDPOINT +ID\n/)
  assert.match(listed, /^far +connected +http/m)
})

test('an agent is stopped, started, restarted and shown; names of any width are aligned', async () => {
  const server = await up()
  const here = ['--data-dir', server.dataDir]
  const silent = { stdout: '', stderr: '', code: 0, signal: null }
  const state = async () => JSON.parse((await cli(['agent', 'show', 'echo', '--json', ...here])).stdout).state

  assert.deepEqual(await cli(['agent', 'stop', 'echo', ...here]), silent)
  assert.equal(await state(), 'stopped')
  assert.deepEqual(await cli(['agent', 'start', 'echo', ...here]), silent)
  assert.equal(await state(), 'idle')
  assert.deepEqual(await cli(['agent', 'restart', 'echo', ...here]), silent)
  assert.equal((await cli(['agent', 'add', '日本', ...here])).code, 0)
  const { stdout } = await cli(['agent', 'list', ...here])
  assert.match(stdout, /^NAME {2}STATE {2}ID\necho {2}idle {3}ag_\S+\n日本 {2}idle {3}ag_\S+\n$/)
  const missing = await cli(['agent', 'stop', 'nobody', ...here])
  assert.match(missing.stderr, /^error: no agent is called "nobody"; there are: .*\nhint: /)
  const removed = JSON.parse((await cli(['agent', 'remove', '日本', '--json', ...here])).stdout)
  assert.equal(removed.name, '日本')
})
