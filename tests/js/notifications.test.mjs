// Web Push, with a browser and a push service by Node's own cryptography, and a webhook.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { Browser, claims, Receiver } from './lib/browser.mjs'
import { Server, temporary, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

const SUBSCRIPTIONS = '/api/push/subscriptions'
const KINDS = ['needs_you', 'done', 'failed']

/** A server that may push to this machine. */
const local = (more = {}) => up({ ...more, args: ['--push-allow-private', ...(more.args ?? [])] })

/** Asks for a subscription as a browser does, which has logged in. */
async function ask(server, body) {
  const post = (target, body, headers) =>
    fetch(server.controller + target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  server.cookie ??= (await post('/api/session', { token: server.token })).headers.getSetCookie()[0].split(';')[0]
  const answer = await post(SUBSCRIPTIONS, body, { cookie: server.cookie })
  return { status: answer.status, body: await answer.json() }
}

async function subscribe(server, browser, more = {}) {
  const { status, body } = await ask(server, { subscription: browser.subscription, kinds: KINDS, ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

test('a browser reads a test, and its push service sees who sent it', async () => {
  const [server, service] = await Promise.all([local({ args: ['--push-contact=mailto:me@example.org'] }), Receiver.start()])
  const browser = new Browser(`${service.url}/push/1`)
  const { publicKey } = (await server.rest('GET', '/api/push')).body

  const shown = await subscribe(server, browser, { label: 'phone', viewerId: 'me-1' })
  const sent = await server.rest('POST', `${SUBSCRIPTIONS}/${shown.id}/test`)

  assert.deepEqual(sent, { status: 200, body: { delivered: true, status: 201, message: '201 said' } })
  const post = await service.next()
  assert.equal(post.path, '/push/1')
  assert.equal(post.headers.ttl, '86400')
  assert.match(post.headers.topic, /^[\w-]{32}$/)
  const told = browser.read(post)
  assert.deepEqual([told.kind, told.message], ['test', 'Notifications work.'])
  const { aud, sub, exp } = claims(post, publicKey)
  assert.deepEqual([aud, sub], [service.url, 'mailto:me@example.org'])
  assert.ok(exp > Date.now() / 1000 && exp < Date.now() / 1000 + 86_400)
  const [listed] = (await server.rest('GET', SUBSCRIPTIONS)).body.items
  const { createdAt, lastDeliveredAt, ...rest } = listed
  assert.deepEqual(rest, { id: shown.id, label: 'phone', kinds: KINDS, private: false, viewerId: 'me-1' })
  assert.ok(createdAt <= lastDeliveredAt)
})

test('the key and the subscriptions outlive a restart', async () => {
  const dataDir = temporary()
  const before = await local({ dataDir })
  const browser = new Browser('http://127.0.0.1:1/x')
  const { publicKey } = (await before.rest('GET', '/api/push')).body
  const { id } = await subscribe(before, browser)
  await before.kill()

  const after = await local({ dataDir })

  assert.equal((await after.rest('GET', '/api/push')).body.publicKey, publicKey)
  assert.equal(Buffer.from(publicKey, 'base64url').length, 65)
  const again = await subscribe(after, browser, { kinds: ['done', 'done'], label: 'laptop' })
  assert.deepEqual([again.id, again.kinds], [id, ['done']], 'the same browser is the same subscription')
  assert.equal((await after.rest('GET', SUBSCRIPTIONS)).body.items.length, 1)
})

test('what came of a push is kept, and a browser that is gone is forgotten', async () => {
  const [server, service] = await Promise.all([local(), Receiver.start()])
  const { id } = await subscribe(server, new Browser(service.url), { private: true })
  const attempt = async (status) => {
    service.status = status
    return (await server.rest('POST', `${SUBSCRIPTIONS}/${id}/test`)).body
  }
  const items = async () => (await server.rest('GET', SUBSCRIPTIONS)).body.items

  assert.deepEqual(await attempt(403), { delivered: false, status: 403, message: '403 said' })
  assert.equal((await items())[0].lastError, '403 said')
  assert.deepEqual(await attempt(410), { delivered: false, status: 410, message: '410 said' })
  assert.deepEqual(await items(), [])
  const gone = await server.rest('POST', `${SUBSCRIPTIONS}/${id}/test`)
  assert.deepEqual([gone.status, gone.body.error.code], [404, 'SUBSCRIPTION_NOT_FOUND'])
})

test('a subscription is changed, seen to be looked at, and deleted more than once', async () => {
  const server = await local()
  const { id } = await subscribe(server, new Browser('http://127.0.0.1:1/x'))
  const at = `${SUBSCRIPTIONS}/${id}`

  const changed = await server.rest('PATCH', at, { label: 'laptop', kinds: ['failed'], private: true })
  assert.equal(changed.status, 200)
  assert.deepEqual([changed.body.label, changed.body.kinds, changed.body.private], ['laptop', ['failed'], true])
  assert.equal((await server.rest('PATCH', at, {})).body.label, 'laptop')
  for (const visible of [true, true, false]) assert.equal((await server.rest('PUT', `${at}/presence`, { visible })).status, 204)
  for (const wrong of [{ kinds: [] }, { kinds: ['blocked'] }, { label: ' ' }, { label: 'x'.repeat(129) }, { private: 1 }, { user: 'x' }]) {
    const { status, body } = await server.rest('PATCH', at, wrong)
    assert.deepEqual([status, body.error.code], [400, 'INVALID_PAYLOAD'], JSON.stringify(wrong))
  }
  assert.equal((await server.rest('PUT', `${at}/presence`, { visible: 'yes' })).status, 400)
  for (const _ of [1, 2]) assert.equal((await server.rest('DELETE', at)).status, 204)
  for (const [method, target, body] of [
    ['PATCH', at, {}],
    ['POST', `${at}/test`],
    ['PUT', `${at}/presence`, { visible: true }],
    ['PATCH', `${SUBSCRIPTIONS}/%20`, {}],
  ]) {
    const answer = await server.rest(method, target, body)
    assert.deepEqual([answer.status, answer.body.error.code], [404, 'SUBSCRIPTION_NOT_FOUND'], target)
  }
})

test('what cannot be pushed to is refused and changes nothing', async () => {
  const server = await up()
  const good = new Browser('https://push.example.com/x').subscription
  const at = (endpoint) => ({ ...good, endpoint })
  const keys = (changes) => ({ ...good, keys: { ...good.keys, ...changes } })
  const wrong = [
    at('http://push.example.com/x'),
    at('https://127.0.0.1/x'),
    at('https://localhost/x'),
    at('https://[::1]/x'),
    at('https://2130706433/x'),
    at('https://user@push.example.com/'),
    at('https:///x'),
    at('push.example.com'),
    at(7),
    keys({ p256dh: 'AAAA' }),
    keys({ p256dh: Buffer.alloc(65, 4).toString('base64url') }),
    keys({ auth: 'AAAA' }),
    keys({ auth: undefined }),
    'nonsense',
  ]
  for (const subscription of wrong) {
    const { status, body } = await ask(server, { subscription, kinds: KINDS })
    assert.deepEqual([status, body.error.code], [400, 'INVALID_PAYLOAD'], JSON.stringify(subscription))
  }
  for (const more of [{ kinds: [] }, { kinds: undefined }, { label: '' }, { viewerId: 'a b' }, { other: 1 }]) {
    const { status } = await ask(server, { subscription: good, kinds: KINDS, ...more })
    assert.equal(status, 400, JSON.stringify(more))
  }
  assert.deepEqual((await server.rest('GET', SUBSCRIPTIONS)).body.items, [])
  for (const target of ['/api/push', SUBSCRIPTIONS]) assert.equal((await server.rest('GET', target, undefined, 'ls_wrong')).status, 401)
})

test('who asked for it is told when an agent asks, is done, or fails, with nobody there', async () => {
  const [service, hook] = await Promise.all([Receiver.start(), Receiver.start()])
  const secret = path.join(temporary(), 'secret')
  writeFileSync(secret, 's3cret\n')
  const args = [`--webhook=${hook.url}/hook`, `--webhook-secret-file=${secret}`, '--webhook-kinds=done,failed']
  const server = await local({ args })
  const [phone, quiet] = ['phone', 'quiet'].map((name) => new Browser(`${service.url}/${name}`))
  const { id } = await subscribe(server, phone)
  await subscribe(server, quiet, { kinds: ['needs_you'], private: true })
  const agentId = server.agent('echo')
  const viewer = new Viewer(server.controller, { token: server.token })
  await viewer.follow(server.info.clientId, agentId)
  const say = (message) => viewer.chat(agentId, message)
  const posted = async (count) => {
    const posts = []
    for (let n = 0; n < count; n += 1) posts.push(await service.next())
    return Object.fromEntries(posts.map((post) => [post.path.slice(1), post]))
  }

  const { runId } = await say('/ask red green')
  const asked = await posted(2)
  const { interactionId } = await viewer.tells('interactionRequest', { runId })
  await viewer.forward('respondInteraction', agentId, { agentId, interactionId, value: 'red' })
  const answered = await posted(1)
  await say('/crash')
  const crashed = await posted(1)

  const needsYou = phone.read(asked.phone)
  const { clientId } = server.info
  const where = { clientId, clientName: 'local', agentId, agentName: 'echo', conversationName: 'default' }
  const { message, time, conversationId, ...rest } = needsYou
  assert.deepEqual(rest, { kind: 'needs_you', ...where, runId, interactionId })
  assert.ok(message && conversationId && Date.parse(time))
  assert.equal(asked.phone.headers.urgency, 'high')
  assert.deepEqual(quiet.read(asked.quiet), { ...rest, conversationId, time })
  const done = phone.read(answered.phone)
  assert.deepEqual([done.kind, done.runId, answered.phone.headers.urgency], ['done', runId, 'normal'])
  assert.equal(answered.phone.headers.topic, asked.phone.headers.topic, 'the newer state takes the place of the older')
  const failed = phone.read(crashed.phone)
  assert.equal(failed.kind, 'failed')
  for (const expected of [done, failed]) {
    const post = await hook.next()
    const mac = createHmac('sha256', 's3cret').update(post.body).digest('hex')
    assert.equal(post.headers['x-longshore-signature'], `sha256=${mac}`)
    assert.equal(post.headers['x-longshore-event'], expected.kind)
    assert.match(post.headers['x-longshore-delivery'], /^dl_[\w-]+$/)
    assert.deepEqual([post.path, JSON.parse(post.body)], ['/hook', expected])
  }

  await server.rest('PUT', `${SUBSCRIPTIONS}/${id}/presence`, { visible: true })
  await say('seen')
  await hook.next()
  await server.rest('PUT', `${SUBSCRIPTIONS}/${id}/presence`, { visible: false })
  await say('not seen')
  const next = phone.read((await posted(1)).phone)
  assert.match(next.message, /not seen/, 'nothing was pushed while the page was looked at')
})

test('what a browser is pushed ends with its session', async () => {
  const server = await local()
  const browser = new Browser('http://127.0.0.1:1/x')
  const body = { subscription: browser.subscription, kinds: KINDS }
  const shown = await server.rest('POST', SUBSCRIPTIONS, body)
  assert.deepEqual([shown.status, shown.body.error.code], [403, 'FORBIDDEN'], 'a token is no session')
  await subscribe(server, browser)
  const count = async () => (await server.rest('GET', SUBSCRIPTIONS)).body.items.length
  assert.equal(await count(), 1)

  await fetch(`${server.controller}/api/session`, { method: 'DELETE', headers: { cookie: server.cookie } })

  assert.equal(await count(), 0)
})

test('twenty browsers are enough', async () => {
  const server = await up()
  const browsers = Array.from({ length: 21 }, (_, n) => new Browser(`https://push.example.com/${n}`))
  for (const browser of browsers.slice(0, 20)) await subscribe(server, browser)

  const { status, body } = await ask(server, { subscription: browsers[20].subscription, kinds: KINDS })

  assert.deepEqual([status, body.error.code], [409, 'LIMIT_REACHED'])
  await subscribe(server, browsers[0], { label: 'again' })
  assert.equal((await server.rest('GET', SUBSCRIPTIONS)).body.items.length, 20)
})

test('settings that make no sense are told at the start', async () => {
  const args = ['controller', `--data-dir=${temporary()}`, '--port=0']
  for (const [more, expected] of [
    [['--webhook=ftp://x'], /the address of the webhook/],
    [['--webhook=http://x', '--webhook-kinds=blocked'], /needs_you, done or failed/],
    [['--webhook-kinds=done'], /--webhook-kinds needs --webhook/],
    [['--webhook-secret-file=x'], /--webhook-secret-file needs --webhook/],
    [['--push-contact=me'], /mailto:/],
  ]) {
    await assert.rejects(Server.start([...args, ...more]), expected)
  }
})
