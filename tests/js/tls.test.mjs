// Certificates: both tiers listen with them, links and the command line check them, and a changed one counts at once.

import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'

import { Server, cli, eventually, manager, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

const pem = (name) => fileURLToPath(new URL(`../tls/${name}`, import.meta.url))
const pair = (name) => [`--tls-cert=${pem(`${name}.pem`)}`, `--tls-key=${pem(`${name}.key`)}`]
const ca = readFileSync(pem('authority.pem'))

/** A request that trusts our authority. */
async function ask(url, { method = 'GET', headers = {}, body } = {}) {
  const agent = new Agent({ ca })
  const response = await new Promise((resolve, reject) => {
    request(url, { method, headers, agent }, resolve).on('error', reject).end(body)
  })
  return { status: response.statusCode, headers: response.headers, text: (await buffer(response)).toString() }
}

/** What a server shows of itself. */
async function shown(url, options = {}) {
  const { hostname: host, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...options }, () => {
      resolve({ subject: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol(), alpn: socket.alpnProtocol })
      socket.destroy()
    }).on('error', reject)
  })
}

test('up with a certificate: a viewer chats, a browser gets a secure cookie, commands just work', async () => {
  const server = await up({ args: pair('server') })
  assert.match(server.controller, /^https:/)

  const v = await new Viewer(server.controller, { token: server.token, ca }).connected()
  await v.follow(server.info.clientId, server.agent('echo'))
  await v.ended((await v.chat(server.agent('echo'), 'over tls')).runId)
  const polling = await new Viewer(server.controller, { token: server.token, ca, transport: 'polling' }).connected()
  await polling.event('connected')

  const body = JSON.stringify({ token: server.token })
  const headers = { 'content-type': 'application/json', origin: server.controller }
  const login = await ask(`${server.controller}/api/session`, { method: 'POST', headers, body })
  assert.equal(login.status, 200, login.text)
  assert.match(login.headers['set-cookie'][0], /; Secure$/)
  assert.match(login.headers['set-cookie'][0], new RegExp(`^longshore_${new URL(server.controller).port}=`))

  const here = ['--data-dir', server.dataDir]
  const listed = await cli(['client', 'list', '--json', ...here])
  assert.equal(listed.code, 0, listed.stderr)
  assert.equal(JSON.parse(listed.stdout)[0].connected, true)
  assert.equal((await cli(['health', ...here])).code, 0)
})

test('a certificate made at home, for another name: commands of this machine just work, others need it', async () => {
  const server = await up({ args: pair('home') })

  const port = new URL(server.controller).port
  for (const command of [['client', 'list'], ['server', 'status'], ['server', 'restart'], ['health'], ['server', 'start']]) {
    const here = await cli([...command, '--data-dir', server.dataDir])
    assert.equal(here.code, 0, `${command}: ${here.stderr}`)
  }
  const doctor = await cli(['doctor', '--quick', '--json', '--data-dir', server.dataDir], { env: { LONGSHORE_CONTROLLER_PORT: port } })
  const { checks } = JSON.parse(doctor.stdout)
  for (const name of ['controller', 'token', `port ${port}`]) {
    assert.equal(checks.find((check) => check.name === name)?.verdict, 'ok', JSON.stringify(checks))
  }

  const elsewhere = ['client', 'list', '--url', server.controller, '--token', server.token, '--data-dir', temporary()]
  const stranger = await cli(elsewhere)
  assert.equal(stranger.code, 1)
  assert.match(stranger.stderr, /certificate/i)
  assert.equal((await cli([...elsewhere, '--ca-file', pem('authority.pem')])).code, 1)
  const known = await cli([...elsewhere, '--ca-file', pem('home.pem')])
  assert.equal(known.code, 0, known.stderr)
})

test('a changed certificate counts for the next connection, a broken one does not', async () => {
  const [dir, log] = [temporary(), ['--log=info']]
  const files = ['cert.pem', 'cert.key'].map((name) => path.join(dir, name))
  const put = (name) => files.forEach((file) => copyFileSync(pem(name + path.extname(file)), file))
  put('server')
  const server = await Server.start(['controller', '--port=0', `--data-dir=${temporary()}`, `--tls-cert=${files[0]}`, `--tls-key=${files[1]}`, ...log])
  assert.equal((await shown(server.controller)).subject, 'longshore test server')

  copyFileSync(pem('make.sh'), files[0])
  await eventually(() => assert.match(server.stderr, /the changed certificate cannot be used/))
  assert.equal((await shown(server.controller)).subject, 'longshore test server')

  put('home')
  utimesSync(files[0], new Date(), new Date())
  await eventually(async () => assert.equal((await shown(server.controller)).subject, 'box.example'))
})

test('TLS 1.2 and 1.3, HTTP/1.1 and nothing older', async () => {
  const m = await manager({ args: pair('server') })

  const [newest, older] = await Promise.all([
    shown(m.info.manager, { ALPNProtocols: ['h2', 'http/1.1'] }),
    shown(m.info.manager, { maxVersion: 'TLSv1.2' }),
  ])

  assert.deepEqual([newest.protocol, newest.alpn, older.protocol], ['TLSv1.3', 'http/1.1', 'TLSv1.2'])
  await assert.rejects(shown(m.info.manager, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
})

test('a manager that asks for certificates is reached by a controller that has one, and by no other', async () => {
  const m = await manager({ args: [...pair('server'), `--client-ca=${pem('authority.pem')}`] })
  const key = path.join(temporary(), 'key')
  writeFileSync(key, m.info.apiKey)
  const links = {
    'with one': [`--link-ca=${pem('authority.pem')}`, `--link-cert=${pem('client.pem')}`, `--link-key=${pem('client.key')}`],
    'without one': [`--link-ca=${pem('authority.pem')}`],
    'that trusts nobody it knows': [`--link-cert=${pem('client.pem')}`, `--link-key=${pem('client.key')}`],
    'that trusts another authority': [`--link-ca=${pem('stranger.pem')}`, `--link-cert=${pem('client.pem')}`, `--link-key=${pem('client.key')}`],
  }
  for (const [what, args] of Object.entries(links)) {
    const own = ['controller', '--port=0', `--data-dir=${temporary()}`, `--manager=m=${m.info.manager}`, `--api-key-file=${key}`]
    const c = await Server.start([...own, ...args])
    await eventually(async () => {
      const [client] = (await c.rest('GET', '/api/clients')).body.items
      if (what === 'with one') assert.equal(client.connected, true, JSON.stringify(client))
      else assert.match(client.lastError ?? '', /certificate|alert|UnknownIssuer/i, what)
    })
    await c.stop()
  }
})
