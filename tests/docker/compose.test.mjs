// The stack of docker-compose.yml, from its images to a chat with an agent in a container: run by tests/docker/engine.sh.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { converse } from '../js/lib/scene.mjs'
import { BINARY, Server, addAgent, eventually } from '../js/lib/server.mjs'
import { Viewer, assertOrderly } from '../js/lib/viewer.mjs'

const engine = process.env.LONGSHORE_TEST_ENGINE
assert.ok(engine, 'run by tests/docker/engine.sh')
const root = fileURLToPath(new URL('../..', import.meta.url))
const id = randomUUID().slice(0, 8)
/** Images of this test, so that it overwrites nobody's. */
const images = {
  base: 'longshore-test-base',
  agent: `longshore-test-agent-${id}`,
  controller: `longshore-test-controller-${id}`,
  manager: `longshore-test-manager-${id}`,
}
/** Not one of those that are removed before the stack is down. */
const directory = mkdtempSync(path.join(tmpdir(), 'longshore-test-'))
const secrets = path.join(directory, 'secrets')
const data = path.join(directory, 'data')
const user = '10001:10001'

const env = { ...process.env, DOCKER_HOST: engine, DOCKER_BUILDKIT: '0' }
const run = (program, words, input = '') =>
  execFileSync(program, words, { encoding: 'utf8', cwd: root, env, input, stdio: ['pipe', 'pipe', 'inherit'] }).trim()
const docker = (...words) => run('docker', words)
const inspect = (container) => JSON.parse(docker('inspect', container))[0]
const secret = (name) => readFileSync(path.join(secrets, name), 'utf8').trim()
const standalone = spawnSync('docker-compose', ['version']).status === 0

/** The services of these files, with networks and volumes of their own. */
class Stack {
  constructor(...files) {
    this.options = ['--project-name', `longshore-test-${files.length}-${id}`, ...files.flatMap((file) => ['-f', file])]
  }

  compose(words, input) {
    const all = [...this.options, ...words]
    return standalone ? run('docker-compose', all, input) : run('docker', ['compose', ...all], input)
  }

  /** Starts it, and waits until both servers say that they are well. */
  async up() {
    this.compose(['up', '-d', '--no-build'])
    for (const service of ['manager', 'controller']) {
      await eventually(() => assert.equal(this.inspect(service).State.Health.Status, 'healthy', service), 60_000)
    }
  }

  inspect(service) {
    return inspect(this.compose(['ps', '-q', service]))
  }

  /** The command line, in the controller's container. */
  longshore(words, input) {
    return this.compose(['exec', '-T', 'controller', 'longshore', ...words], input)
  }
}

const plain = new Stack('docker-compose.yml')
const withEngine = new Stack('docker-compose.yml', 'docker-compose.engine.yml')

/** Work on files that are not ours, such as the manager's. */
const asRoot = (...words) => docker('run', '--rm', '--network', 'none', '-v', `${data}:/data`, images.base, ...words)

before(
  () => {
    run('tests/docker/base.sh', [images.base])
    const context = path.join(directory, 'context')
    mkdirSync(context)
    copyFileSync(BINARY, path.join(context, 'longshore'))
    const build = (file, image, base, folder, ...more) =>
      docker('build', '-q', '-f', `docker/${file}`, '-t', image, '--network', 'none', '--build-arg', `BASE=${base}`, ...more, folder)
    build('agent.Dockerfile', images.agent, images.base, 'docker', '--build-arg', 'PACKAGES=bash')
    build('Dockerfile', images.controller, images.base, context, '--target', 'prebuilt')
    build('Dockerfile', images.manager, images.agent, context, '--target', 'prebuilt')

    run('docker/secrets.sh', [secrets])
    mkdirSync(data)
    asRoot('chown', user, '/data')
    const socket = new URL(engine).pathname
    Object.assign(env, {
      LONGSHORE_IMAGE: images.controller,
      LONGSHORE_MANAGER_IMAGE: images.manager,
      LONGSHORE_AGENT_IMAGE: images.agent,
      LONGSHORE_SECRETS: secrets,
      LONGSHORE_PORT: '0',
      LONGSHORE_DATA: data,
      LONGSHORE_SOCKET: socket,
      LONGSHORE_SOCKET_GROUP: String(statSync(socket).gid),
    })
  },
  { timeout: 300_000 },
)

after(() => {
  for (const stack of [plain, withEngine]) stack.compose(['down', '-v'])
  asRoot('sh', '-c', 'rm -rf /data/*')
  docker('rmi', '-f', images.controller, images.manager, images.agent)
  rmSync(directory, { recursive: true, force: true })
})

test('people talk through the stack to an agent in a container', { timeout: 120_000 }, async () => {
  await withEngine.up()
  const server = new Reached(`http://${withEngine.compose(['port', 'controller', '8081'])}`, secret('token'))
  const client = await eventually(async () => {
    const { body } = await server.rest('GET', '/api/clients')
    assert.ok(body.items[0]?.connected, JSON.stringify(body))
    return body.items[0]
  })
  assert.equal(client.name, 'manager')
  const talk = async (spec, message) => {
    const all = { name: randomUUID(), codec: { type: 'lines', sentinel: '^END$' }, ...spec }
    const { agentId } = await addAgent(server, client.clientId, all)
    const v = new Viewer(server.controller, { token: server.token })
    const { conversationId } = await v.follow(client.clientId, agentId)
    assert.equal((await converse(v, agentId, conversationId, message)).end.state, 'done')
    assertOrderly(v, agentId)
    return { agentId, said: v.answers(agentId).join('') }
  }
  const loop = 'while read -r line; do eval "$line" 2>&1; echo END; done'

  const inside = await talk(
    { host: { type: 'docker', image: images.agent, user, command: ['bash', '-c', loop] } },
    'id -u; ls /run/secrets /var/run/docker.sock 2>/dev/null; echo kept > /workspace/note; cat /workspace/note',
  )
  const beside = await talk(
    { host: { type: 'process', command: 'bash', args: ['-c', loop] } },
    'id -u; touch /mark 2>/dev/null || echo read-only; echo $HOME; echo kept > ~/note && cat ~/note',
  )

  assert.equal(inside.said, '10001\nkept')
  assert.equal(beside.said, '10001\nread-only\n/home/agent\nkept')
  const [agent] = docker('ps', '-q', '--filter', `label=longshore.agent=${inside.agentId}`).split('\n')
  const { Config, HostConfig, Mounts } = inspect(agent)
  assert.equal(Config.User, user)
  assert.deepEqual(HostConfig.CapDrop, ['ALL'])
  assert.deepEqual(Mounts.map(({ Destination }) => Destination), ['/workspace'])
  assert.match(withEngine.longshore(['agent', 'list']), new RegExp(inside.agentId))
  await eventually(async () => assert.equal((await server.rest('DELETE', `/api/clients/${client.clientId}/agents/${inside.agentId}`)).status, 204))
  assert.equal(docker('ps', '-aq', '--filter', `label=longshore.agent=${inside.agentId}`), '')
})

test('the servers are locked down and show no secret', () => {
  for (const service of ['controller', 'manager']) {
    const all = withEngine.inspect(service)
    assert.equal(all.Config.User, user)
    assert.equal(all.HostConfig.ReadonlyRootfs, true)
    assert.equal(all.HostConfig.Privileged, false)
    assert.deepEqual(all.HostConfig.CapDrop, ['ALL'])
    assert.deepEqual(all.HostConfig.SecurityOpt, ['no-new-privileges:true'])
    const shown = JSON.stringify(all) + withEngine.compose(['logs', '--no-color', service])
    for (const name of readdirSync(secrets)) assert.ok(!shown.includes(secret(name)), `${service} shows ${name}`)
  }
  const published = (service) => Object.values(withEngine.inspect(service).NetworkSettings.Ports).flatMap((at) => at ?? [])
  assert.deepEqual(published('manager'), [])
  assert.deepEqual(published('controller').map(({ HostIp }) => HostIp), ['127.0.0.1'])
})

test('a stack that is made anew has its agents and conversations, and no engine', { timeout: 120_000 }, async () => {
  await plain.up()
  await eventually(() => plain.longshore(['agent', 'add', '--preset', 'bash']))
  assert.match(plain.longshore(['chat', 'bash'], 'echo $((6 * 7))\n'), /bash: 42$/)
  const mounted = plain.inspect('manager').Mounts.map(({ Destination }) => Destination)
  assert.ok(!mounted.some((target) => target.includes('docker.sock')), String(mounted))

  plain.compose(['down'])
  await plain.up()

  const said = await eventually(() => plain.longshore(['chat', 'bash'], 'echo again\n'))
  assert.match(said, /bash: 42\n[^]*bash: again$/)
})

/** A controller that was started by somebody else. */
class Reached {
  constructor(controller, token) {
    Object.assign(this, { controller, token })
  }

  rest = Server.prototype.rest
}
