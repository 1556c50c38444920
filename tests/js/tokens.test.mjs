// Access tokens: made, limited, revoked in mid-session, and what is written down of it.

import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { before, test } from 'node:test'

import { Browser, Receiver } from './lib/browser.mjs'
import { Scene } from './lib/scene.mjs'
import { cli, controller, eventually, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open({ args: ['--push-allow-private'] })))

const rest = (...args) => scene.server.rest(...args)
let count = 0

/** A token of its own for each test. */
async function make(more = {}) {
  const { status, body } = await rest('POST', '/api/tokens', { name: `t${(count += 1)}`, role: 'user', ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

const revoke = async ({ tokenId }) => assert.equal((await rest('DELETE', `/api/tokens/${tokenId}`)).status, 204)

/** What becomes of a socket with that token. */
async function knock(token) {
  const v = new Viewer(scene.server.controller, { token })
  const { event, payload } = await v.until((v) => v.events.find((e) => ['connected', 'connect_error'].includes(e.event)))
  v.close()
  return event === 'connected' ? event : payload.message
}

/** Logs a browser in; gives its cookie. */
async function login(token) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${scene.server.controller}/api/session`, { method: 'POST', headers, body: JSON.stringify({ token }) })
  assert.equal(answer.status, 200)
  return answer.headers.getSetCookie()[0].split(';')[0]
}

const ended = async (v, message) => {
  assert.deepEqual((await v.event('error')).payload, { code: 'UNAUTHORIZED', message })
  assert.equal((await v.event('disconnect')).payload, 'io server disconnect')
}

/** The newest entries of the audit log that are so. */
const written = async (fields, server = scene.server) =>
  eventually(async () => {
    const { body } = await server.rest('GET', '/api/audit?limit=200')
    const found = body.items.filter((item) => Object.entries(fields).every(([key, value]) => item[key] === value))
    assert.ok(found.length > 0, `${JSON.stringify(fields)} in ${JSON.stringify(body.items.slice(0, 5))}`)
    return found
  })

test('no token, a wrong one and half of one let nobody in, with one text', async () => {
  for (const token of [undefined, '', 'ls_wrong', scene.server.token.slice(0, -1), `${scene.server.token}x`]) {
    assert.equal(await knock(token), 'Unauthorized')
  }
  const [refused] = await written({ action: 'connect', outcome: 'UNAUTHORIZED' })
  assert.equal(refused.address, '127.0.0.1')
  assert.equal(refused.user, undefined)
})

test('a token is shown once, with what it is for', async () => {
  const { token, ...shown } = await make({ name: 'Ada L.', role: 'readOnly', clients: [scene.clientId], expiresInSecs: 3600 })

  assert.match(token, /^ls_[\w-]{43}$/)
  const { tokenId, createdAt, expiresAt, ...more } = shown
  assert.match(tokenId, /^tk_/)
  assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 3_600_000)
  assert.deepEqual(more, { name: 'Ada L.', role: 'readOnly', clients: [scene.clientId], expired: false, owner: false, current: false })
  const session = await rest('GET', '/api/session', undefined, token)
  assert.deepEqual(session.body, { user: 'Ada L.', role: 'readOnly', clients: [scene.clientId], tokenId })
  const listed = (await rest('GET', '/api/tokens')).body
  assert.ok(!JSON.stringify(listed).includes(token))
  const { lastUsedAt, ...rest_ } = listed.items.find((item) => item.tokenId === tokenId)
  assert.deepEqual(rest_, shown)
  assert.ok(lastUsedAt >= createdAt)
  const owner = listed.items.filter((item) => item.owner)
  assert.deepEqual(owner.map(({ name, role, current }) => [name, role, current]), [['owner', 'admin', true]])
  const [entry] = await written({ action: 'token.create', target: `${tokenId} readOnly Ada L.` })
  assert.deepEqual([entry.user, entry.outcome], ['owner', 'ok'])
})

test('what makes no sense is refused and says why', async () => {
  await make({ name: 'taken' })
  for (const [status, code, body] of [
    [409, 'NAME_TAKEN', { name: ' TAKEN', role: 'user' }],
    [400, 'INVALID_PAYLOAD', { name: 'x\ny', role: 'user' }],
    [400, 'INVALID_PAYLOAD', { name: 'x', role: 'root' }],
    [400, 'INVALID_PAYLOAD', { name: 'x', role: 'admin', clients: [scene.clientId] }],
    [404, 'CLIENT_NOT_FOUND', { name: 'x', role: 'user', clients: ['cl_none'] }],
  ]) {
    const answer = await rest('POST', '/api/tokens', body)
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], JSON.stringify(body))
  }
})

test('revoking ends what came in with it at once, and nobody else’s', async () => {
  const [mine, theirs] = [await make(), await make()]
  const agentId = scene.server.agent('echo')
  const cookie = await login(mine.token)
  const own = [
    await scene.viewer({ token: mine.token }),
    await scene.viewer({ token: mine.token, transport: 'polling' }),
    await new Viewer(scene.server.controller, { auth: {}, extraHeaders: { cookie } }).connected(),
  ]
  const other = await scene.viewer({ token: theirs.token })
  await own[0].follow(scene.clientId, agentId)
  await other.follow(scene.clientId, agentId)

  // It goes on talking, all the time.
  let isOver = false
  own[0].socket.on('disconnect', () => (isOver = true))
  const talking = (async () => {
    for (let n = 0; !isOver; n += 1) {
      own[0].socket.emit('forward', { event: 'chat', agentId, payload: { agentId, message: `n${n}`, messageId: `m-${n}` } })
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  await other.until((v) => v.messages(agentId).some((m) => m.user === mine.name))
  await revoke(mine)

  await ended(own[0], 'The access token is not valid any more')
  await ended(own[1], 'The access token is not valid any more')
  await ended(own[2], 'The session has ended')
  await talking
  const { runId } = await other.chat(agentId, 'still here')
  await other.ended(runId)
  const said = other.messages(agentId).filter((m) => m.from === 'user').map((m) => m.user)
  assert.equal(said.at(-1), theirs.name, 'nothing of it came behind')
  assert.deepEqual(other.told('error'), [])
  for (const [headers, what] of [[{ cookie }, 'session'], [{ authorization: `Bearer ${mine.token}` }, 'token']]) {
    assert.equal((await fetch(`${scene.server.controller}/api/clients`, { headers })).status, 401, what)
  }
  assert.equal(await knock(mine.token), 'Unauthorized')
  await revoke(mine)
  const [entry] = await written({ action: 'token.revoke', target: `${mine.tokenId} ${mine.name}` })
  assert.equal(entry.user, 'owner')
  other.close()
})

test('a token that expires sends away whoever came in with it', async () => {
  const { token, tokenId } = await make({ expiresInSecs: 1 })
  const v = await new Viewer(scene.server.controller, { token }).connected()

  await ended(v, 'The access token is not valid any more')

  assert.equal(await knock(token), 'Unauthorized')
  const listed = (await rest('GET', '/api/tokens')).body.items.find((item) => item.tokenId === tokenId)
  assert.equal(listed.expired, true, 'it can still be seen')
})

test('what is not yours to see is not pushed to you, and nothing after you were revoked', async () => {
  const service = await Receiver.start()
  const apiKey = readFileSync(`${scene.server.dataDir}/manager.key`, 'utf8').trim()
  const elsewhere = { name: 'elsewhere', endpoint: 'http://127.0.0.1:1', apiKey }
  const { body: other } = await rest('POST', '/api/clients', elsewhere)
  const people = { limited: await make({ clients: [other.clientId] }), all: await make(), gone: await make() }
  for (const [name, { token }] of Object.entries(people)) {
    const { subscription } = new Browser(`${service.url}/${name}`)
    const answer = await fetch(`${scene.server.controller}/api/push/subscriptions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: await login(token) },
      body: JSON.stringify({ subscription, kinds: ['done'] }),
    })
    assert.equal(answer.status, 201)
  }
  await revoke(people.gone)
  const { agentId, conversationId, viewers } = await scene.room(1)

  for (const text of ['one', 'two']) {
    const { runId } = await viewers[0].chat(agentId, text, { conversationId })
    await viewers[0].ended(runId)
  }

  const told = [await service.next(), await service.next()].map((post) => post.path)
  assert.deepEqual(told, ['/all', '/all'])
  await rest('DELETE', `/api/clients/${other.clientId}`)
})

test('the last admin stays', async () => {
  const server = await controller()
  const { items } = (await server.rest('GET', '/api/tokens')).body
  const [owner] = items

  const refused = await server.rest('DELETE', `/api/tokens/${owner.tokenId}`)
  assert.deepEqual([refused.status, refused.body.error.code], [409, 'LAST_ADMIN'])

  const { body: ann } = await server.rest('POST', '/api/tokens', { name: 'ann', role: 'admin' })
  assert.equal((await server.rest('DELETE', `/api/tokens/${owner.tokenId}`)).status, 204)
  assert.equal((await server.rest('GET', '/api/tokens')).status, 401, 'who revoked it has lost it')
  assert.equal((await server.rest('GET', '/api/tokens', undefined, ann.token)).body.items.length, 1)
  await server.stop()
})

test('the owner’s token stays the same, until it is revoked or its file is gone', async () => {
  const dataDir = temporary()
  const start = async () => up({ dataDir })
  const first = await start()
  const file = `${dataDir}/owner.token`
  assert.equal(readFileSync(file, 'utf8').trim(), first.token)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await first.kill()

  const second = await start()
  assert.equal(second.token, first.token)
  assert.equal((await second.rest('GET', '/api/tokens')).body.items.length, 1)
  await second.rest('POST', '/api/tokens', { name: 'ann', role: 'admin' })
  const owner = (await second.rest('GET', '/api/tokens')).body.items.find((item) => item.owner)
  await second.rest('DELETE', `/api/tokens/${owner.tokenId}`)
  await second.stop()

  const third = await start()
  assert.notEqual(third.token, second.token)
  assert.equal((await third.rest('GET', '/api/tokens', undefined, second.token)).status, 401)
  await third.stop()
  rmSync(file)

  const fourth = await start()
  assert.notEqual(fourth.token, third.token)
  assert.equal((await fourth.rest('GET', '/api/tokens', undefined, third.token)).status, 401)
  const names = (await fourth.rest('GET', '/api/tokens')).body.items.map((item) => item.name)
  assert.deepEqual(names.sort(), ['ann', 'owner'])
  await fourth.stop()
})

test('who did what is written down, without what was said', async () => {
  const { token, name, tokenId } = await make()
  const { agentId, conversationId } = await scene.room(1)
  const v = await scene.viewer({ token })
  const { connectionId } = v.told('connected')[0]
  await v.join(agentId, { conversationId })
  const { runId } = await v.chat(agentId, '/ask hush-hush top-secret', { conversationId })
  const { interactionId } = await v.tells('interactionRequest', { runId })
  await v.forward('respondInteraction', agentId, { agentId, interactionId, value: 'hush-hush' })
  await v.denied('createAgent', agentId, {})
  await rest('PATCH', `/api/clients/${scene.clientId}/agents/${agentId}`, { environment: { KEY: 'hush-hush' } }).catch(() => {})
  await login(token)
  await rest('GET', '/api/audit', undefined, token)

  const who = { user: name, tokenId, address: '127.0.0.1' }
  await written({ ...who, action: 'connect', connectionId, outcome: 'ok' })
  await written({ ...who, action: 'interaction.answer', connectionId, target: `${scene.clientId}/${interactionId}` })
  await written({ ...who, action: 'command', target: 'createAgent', outcome: 'FORBIDDEN' })
  await written({ ...who, action: 'session.open', outcome: 'ok' })
  await written({ ...who, action: 'call', target: 'GET /api/audit', outcome: 'FORBIDDEN' })
  await written({ user: 'owner', action: 'agent.add', target: `${scene.clientId}/${agentId}` })
  const all = JSON.stringify((await rest('GET', '/api/audit?limit=1000')).body)
  for (const secret of ['hush-hush', token, scene.server.token, 'top-secret']) assert.ok(!all.includes(secret))
})

test('the audit log comes in pages', async () => {
  const page = async (query) => (await rest('GET', `/api/audit?${query}`)).body
  const [newest] = await written({ action: 'connect' })
  const one = await page('limit=2')
  const two = await page(`limit=2&cursor=${one.next}`)
  const after = await page(`limit=5&after=${one.items[1].id}`)

  assert.ok(one.items[0].id >= newest.id && one.items[0].id > one.items[1].id && one.items[1].id > two.items[0].id)
  assert.equal(after.items[0].id, one.items[0].id)
  for (const bad of ['limit=0', 'limit=1001', 'cursor=x', 'cursor=1&after=1']) {
    assert.equal((await rest('GET', `/api/audit?${bad}`)).status, 400, bad)
  }
})

test('the command line makes, lists and revokes tokens, and shows the log', async () => {
  const { controller: url, token } = scene.server
  const env = { LONGSHORE_URL: url, LONGSHORE_TOKEN: token }
  const run = (args, more = {}) => cli(args, { env: { ...env, ...more } })

  const made = await run(['token', 'create', '--name', 'piped', '--role', 'readOnly', '--client', 'local', '--expires', '30d'])
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^ls_[\w-]{43}\n$/, 'the secret alone')
  assert.match(made.stderr, /readOnly token of piped, good until .*not shown again/)
  assert.equal(await knock(made.stdout.trim()), 'connected')
  const listed = JSON.parse((await run(['token', 'list', '--json'])).stdout).find((item) => item.name === 'piped')
  assert.deepEqual([listed.role, listed.clients], ['readOnly', [scene.clientId]])
  const table = await run(['token', 'list'])
  assert.match(table.stdout, /^NAME +ROLE.*\n(.*\n)*piped +readOnly +cl_/)
  assert.ok(!(table.stdout + table.stderr).includes('ls_'))

  const revoked = await run(['token', 'revoke', 'piped'])
  assert.deepEqual([revoked.code, revoked.stdout, revoked.stderr], [0, '', ''])
  assert.equal(await knock(made.stdout.trim()), 'Unauthorized')
  const missing = await run(['token', 'revoke', 'piped'])
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(missing.stderr, /^error: no token is called "piped"/)
  for (const bad of [['--role', 'root'], ['--expires', '3 years']]) {
    assert.equal((await run(['token', 'create', '--name', 'x', ...bad])).code, 2, bad.join(' '))
  }

  await written({ action: 'token.revoke', target: `${listed.tokenId} piped` })
  const log = await run(['audit', '--limit', '1000', '--json'])
  const entries = log.stdout.trim().split('\n').map((line) => JSON.parse(line))
  assert.ok(entries.some((entry) => entry.action === 'token.create' && entry.target.endsWith(' readOnly piped')))
  assert.ok(entries.every((entry, n) => n === 0 || entry.id > entries[n - 1].id))
  assert.match((await run(['audit', '--limit', '3'])).stdout, /^(\S+Z {2}.*\n){3}$/)
  const user = await make()
  const denied = await run(['audit'], { LONGSHORE_TOKEN: user.token })
  assert.equal(denied.code, 1)
  assert.match(denied.stderr, /^error: Your role does not allow this/)
})
