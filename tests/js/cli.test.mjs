// The command line against a running server.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { BINARY, cli, controller, environment, eventually, manager, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

let server
before(async () => (server = await up({ agents: ['calc=bc -l', 'py=python3 -i -q', 'sh=busybox sh'] })))

const here = (...args) => [...args.slice(0, 2), '--data-dir', server.dataDir, ...args.slice(2)]

test('version and help', async () => {
  const version = await cli(['--version'])
  const help = await cli(['--help'])

  assert.match(version.stdout, /^longshore \d+\.\d+\.\d+\n$/)
  for (const word of ['up', 'controller', 'manager', 'client', 'agent', 'connect', 'run', 'replay', 'conversations', 'Examples']) {
    assert.ok(help.stdout.includes(word), word)
  }
  for (const args of [['up'], ['client', 'add'], ['agent', 'add'], ['connect'], ['run'], ['runs', 'start'], ['replay'], ['conversations', 'import']]) {
    const { code, stdout } = await cli([...args, '--help'])
    assert.equal(code, 0)
    assert.ok(stdout.length > 200)
  }
})

test('a wrong command line ends with status 2', async () => {
  for (const args of [['upp'], ['up', '--controller-port', 'x'], ['up', '--agent', 'nameless'], []]) {
    assert.equal((await cli(args)).code, 2, args.join(' '))
  }
})

test('an unknown key in the configuration file names the nearest known one', async () => {
  const file = path.join(temporary(), 'longshore.toml')
  writeFileSync(file, 'controler-port = 1\n')

  const { code, stderr } = await cli(['up', '--config', file])

  assert.equal(code, 2)
  assert.match(stderr, /unknown key "controler-port"; did you mean "controller-port"\?/)
})

test('settings come from the file, the environment and the flags', async () => {
  const [dir, dataDir] = [temporary(), temporary()]
  const agents = '[[agents]]\nname = "one"\ncodec = { type = "echo" }\n'
  writeFileSync(path.join(dir, 'longshore.toml'), `data-dir = "${dataDir}"\nmanager-port = 1\ncontroller-port = 1\nno-detect = true\n${agents}`)
  const env = environment({ LONGSHORE_CONFIG: path.join(dir, 'longshore.toml'), LONGSHORE_MANAGER_PORT: '0' })

  const child = spawn(BINARY, ['up', '--json', '--controller-port', '0'], { env })
  const info = JSON.parse((await once(child.stdout, 'data')).toString())
  child.kill()
  await once(child, 'close')

  assert.deepEqual(info.agents.map((a) => a.name).sort(), ['echo', 'one'])
})

for (const [agent, input, expected] of [
  ['calc', '2^64\n', '18446744073709551616'],
  ['py', 'print(6*7)\n', '42'],
  ['sh', 'echo $((6*7))\n', '42'],
  ['echo', 'hello\n', 'hello'],
]) {
  test(`connect from a pipe holds a conversation with ${agent}`, async () => {
    const first = await cli(here('connect', agent), { input })
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stdout, new RegExp(`^\\[\\d\\d:\\d\\d:\\d\\d\\] ${agent}: ${expected}$`, 'm'))

    const second = await cli(here('connect', agent, '--history', '50'))
    assert.equal(second.code, 0, second.stderr)
    assert.match(second.stdout, new RegExp(`\\] ${agent}: ${expected}$`, 'm'))
  })
}

test('each line of a pipe waits for the answer to the one before', async () => {
  const { stdout } = await cli(here('connect', 'calc', '--history=0'), { input: '1+1\n2+2\n3+3\n' })

  const answers = stdout.split('\n').filter((line) => line.includes('] calc: '))
  assert.deepEqual(answers.map((line) => line.split('calc: ')[1]), ['2', '4', '6'])
})

test('connect says clearly what is wrong', async () => {
  const cases = [
    [here('connect', 'nobody'), /no agent is called "nobody".*calc/],
    [['connect', '--no-spawn', '--data-dir', temporary()], /no controller runs here\nhint: .*longshore up/],
    [here('connect', 'echo', '--url', server.controller, '--token', 'ls_wrong'), /Unauthorized|token/],
    [here('connect', 'echo', '--client', 'nobody'), /no client is called "nobody"/],
  ]
  for (const [args, text] of cases) {
    const { code, stderr } = await cli(args)
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, text)
  }
})

test('chat is another name of connect', async () => {
  const { code, stdout } = await cli(here('chat', 'calc'), { input: '6*7\n' })

  assert.equal(code, 0)
  assert.match(stdout, /calc: 42$/m)
})

test('what a file or a flag says is said first, and a failure is the status', async () => {
  const file = path.join(temporary(), 'lines')
  writeFileSync(file, '2+2\n\n3+3\n')
  const said = await cli(here('connect', 'calc', '--memory', '--request=1+1', `--input=${file}`))
  assert.equal(said.code, 0, said.stderr)
  assert.deepEqual(
    said.stdout.match(/calc: \d/g).map((line) => line.at(-1)),
    ['2', '4', '6'],
  )

  const failed = await cli(here('connect', 'echo', '--memory'), { input: '/crash\nafter\n' })
  assert.equal(failed.code, 1)
  assert.match(failed.stdout, /-- failed: /)
  assert.match(failed.stdout, /echo: after\n/)
})

test('two that need the default conversation at once are in the same one', async () => {
  const agent = await cli(here('agent', 'add', 'race'))
  assert.equal(agent.code, 0, agent.stderr)

  const runs = await Promise.all(Array.from({ length: 8 }, (_, n) => cli(here('run', '--agent=race', `n${n}`))))

  for (const [n, { code, stdout, stderr }] of runs.entries()) assert.deepEqual([code, stdout], [0, `n${n}\n`], stderr)
  const listed = JSON.parse((await cli(here('conversations', 'list', '--agent=race', '--json'))).stdout)
  assert.deepEqual(listed.map(({ name }) => name).sort(), ['CLI', 'default'])
})

test('agents are added, listed and removed', async () => {
  const added = await cli(['agent', 'add', '--data-dir', server.dataDir, '--json', 'two', '--', 'sh', '-c', 'while read x; do echo got $x; done'])
  assert.equal(added.code, 0, added.stderr)
  const { agentId, password } = JSON.parse(added.stdout)
  assert.ok(password.length >= 32)

  const chat = await cli(here('connect', 'two'), { input: 'this\n' })
  assert.match(chat.stdout, /two: got this/)
  const listed = await cli(here('agent', 'list', '--json'))
  assert.ok(JSON.parse(listed.stdout).some((a) => a.agentId === agentId && a.name === 'two'))
  const again = await cli(here('agent', 'add', 'two'))
  assert.equal(again.code, 1)
  assert.equal((await cli(here('agent', 'remove', 'two'))).code, 0)
  assert.equal((await cli(here('agent', 'remove', 'two'))).code, 1)
})

test('a manager elsewhere is added with its key, used and removed', async () => {
  const [m, c] = await Promise.all([manager({ agents: ['calc=bc -l'] }), controller()])
  const target = ['--url', c.controller, '--token', c.token]

  const added = await cli(['client', 'add', '--name', 'far', '--endpoint', m.info.manager, '--api-key', m.info.apiKey, ...target])
  assert.equal(added.code, 0, added.stderr)
  await eventually(async () => {
    const listed = await cli(['client', 'list', '--json', ...target])
    assert.equal(JSON.parse(listed.stdout)[0].connected, true)
  })
  const agent = await cli(['agent', 'add', 'parrot', ...target])
  assert.equal(agent.code, 0, agent.stderr)
  const chat = await cli(['connect', 'parrot', ...target], { input: 'far away\n' })
  assert.match(chat.stdout, /parrot: far away/)
  assert.equal((await cli(['client', 'remove', 'far', ...target])).code, 0)
  assert.equal(JSON.parse((await cli(['client', 'list', '--json', ...target])).stdout).length, 0)
})

test('connect reconnects, says so, and repeats nothing', async () => {
  const first = await up()
  const ports = [first.controller, first.info.manager].map((url) => Number(new URL(url).port))
  const child = spawn(BINARY, ['connect', 'echo', '--data-dir', first.dataDir], { env: environment() })
  let text = ''
  child.stdout.on('data', (data) => {
    text += data
    child.emit('said')
  })
  const says = async (pattern) => {
    while (!pattern.test(text)) await once(child, 'said')
  }
  child.stderr.on('data', (data) => process.stderr.write(data))

  child.stdin.write('before\n')
  await says(/echo: before\n/)
  await first.kill()
  await says(/-- .*(lost|reconnect)/)
  const second = await up({ dataDir: first.dataDir, ports })
  await says(/-- connected again/)
  child.stdin.write('after\n')
  await says(/echo: after\n/)
  child.stdin.end()
  const [code] = await once(child, 'close')

  assert.equal(code, 0)
  assert.equal(text.match(/echo: before\n/g).length, 1)
  await second.stop()
})

test('what others say appears too', async () => {
  const echo = server.agent('echo')
  const v = new Viewer(server.controller, { token: server.token })
  await v.follow(server.info.clientId, echo)
  const made = await v.forward('createConversation', echo, { name: 'shared' })
  await v.join(echo, { conversationId: made.conversationId })
  const child = spawn(BINARY, here('connect', 'echo', '--history=0', '--conversation=shared'), { env: environment() })
  child.stdin.write('from the terminal\n')
  await v.until((x) => x.answers(echo).includes('from the terminal'))

  const { runId } = await v.chat(echo, 'from the browser', { conversationId: made.conversationId })
  await v.ended(runId)
  let text = ''
  for await (const data of child.stdout) {
    text += data
    if (text.includes('echo: from the browser')) break
  }
  child.kill()

  assert.match(text, /echo: from the browser/)
})

test('secrets come from files, a manager is known from the start, and health says whether a server is ready', async () => {
  const dir = temporary()
  const file = (name, text) => {
    writeFileSync(path.join(dir, name), text)
    return path.join(dir, name)
  }
  const key = file('key', 'lsm_a_key_of_a_test\n')
  const token = `ls_${'x'.repeat(40)}`
  const m = await manager({ args: [`--api-key-file=${key}`] })
  const known = [`--manager=there=${m.info.manager}`, `--api-key-file=${key}`, `--token-file=${file('token', token)}`]
  const c = await controller({ args: known })

  assert.equal(m.info.apiKey, 'lsm_a_key_of_a_test')
  assert.equal(c.token, token)
  await eventually(async () => {
    const { body } = await c.rest('GET', '/api/clients')
    assert.deepEqual(body.items.map(({ name, connected }) => [name, connected]), [['there', true]])
  })
  assert.equal((await cli(['health', c.controller])).code, 0)
  assert.equal((await cli(['health', m.info.manager])).code, 0)

  await c.stop()
  const again = await controller({ dataDir: c.dataDir, args: known })
  assert.equal((await again.rest('GET', '/api/clients')).body.items.length, 1)
  await again.stop()
  assert.equal((await cli(['health', c.controller])).code, 1)
})

test('a secret’s file that has none, and a manager that is no address, keep a server from starting', async () => {
  const dir = temporary()
  const file = (name, text) => {
    writeFileSync(path.join(dir, name), text)
    return path.join(dir, name)
  }
  const key = `--api-key-file=${file('key', 'lsm_a_key_of_a_test')}`
  const refused = async (...args) => {
    const { code, stderr } = await cli([...args, '--data-dir', temporary(), '--port', '0'])
    assert.notEqual(code, 0)
    return stderr
  }

  assert.match(await refused('manager', `--api-key-file=${file('empty', ' \n')}`), /is empty/)
  assert.match(await refused('manager', '--secret-key-file=/nonexistent'), /read \/nonexistent/)
  assert.match(await refused('manager', key, '--api-key', 'x'), /cannot be used with/)
  assert.match(await refused('controller', '--manager=a=http://127.0.0.1:1'), /--manager needs --api-key-file/)
  assert.match(await refused('controller', '--manager=a=nowhere', key), /make manager "a" known/)
  assert.match(await refused('controller', '--manager=nowhere', key), /expected 'name=url'/)
  assert.match(await refused('controller', `--token-file=${file('short', 'ls_x')}`), /fewer than 32/)
})
