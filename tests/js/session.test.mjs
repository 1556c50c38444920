// A browser: its session by cookie, the console's files, and what only the console asks for.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'

import { ask } from './lib/http.mjs'
import { eventually, up } from './lib/server.mjs'
import { Viewer } from './lib/viewer.mjs'

const DIST = fileURLToPath(new URL('../../apps/console/dist', import.meta.url))
const MONTH = 30 * 24 * 3600 * 1000

let server
before(async () => (server = await up()))

const call = (method, target, more) => ask(server.controller, method, target, more)
const port = () => new URL(server.controller).port
const json = ({ text }) => JSON.parse(text)

/** Logs in as the page does; gives the cookie. */
async function login(headers = {}) {
  const answer = await call('POST', '/api/session', { headers, body: { token: server.token } })
  assert.equal(answer.status, 200, answer.text)
  const [set] = answer.headers['set-cookie']
  return { answer, set, cookie: set.split(';')[0] }
}

const viewer = (cookie, extraHeaders = {}, transport = 'websocket') =>
  new Viewer(server.controller, { auth: {}, transport, extraHeaders: { cookie, ...extraHeaders } })

/** What becomes of a socket with these headers. */
async function knock(cookie, headers = {}, transport = 'websocket') {
  const v = viewer(cookie, headers, transport)
  const { event, payload } = await v.until((v) => v.events.find((e) => ['connected', 'connect_error'].includes(e.event)))
  v.close()
  return event === 'connected' ? event : payload.message
}

function assertUnauthorized(answer) {
  assert.equal(answer.status, 401, answer.text)
  assert.equal(json(answer).error.code, 'UNAUTHORIZED')
  assert.equal(answer.headers['set-cookie'], undefined)
}

describe('login', () => {
  test('a token is worth a session, and the page never sees its secret', async () => {
    const { answer, set, cookie } = await login()

    const { user, expiresAt, tokenId, ...rest } = json(answer)
    assert.deepEqual(rest, { role: 'admin' })
    assert.ok(user.length > 0)
    assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - MONTH) < 60_000)
    assert.match(set, new RegExp(`^longshore_${port()}=lss_[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000$`))
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.doesNotMatch(answer.text, /lss_/)

    const again = await call('GET', '/api/session', { headers: { cookie } })
    assert.equal(again.status, 200)
    assert.deepEqual(json(again), { user, role: 'admin', tokenId, expiresAt })
    assert.equal(again.headers['set-cookie'][0], set)
    assert.equal((await call('GET', '/api/clients', { headers: { cookie } })).status, 200)
  })

  test('behind https the cookie is for https', async () => {
    const { set, cookie } = await login({ host: 'longshore.example', 'x-forwarded-proto': 'https' })

    assert.match(set, /; Secure$/)
    assert.match(cookie, /^longshore_443=/)
  })

  test('a wrong token is worth nothing', async () => {
    for (const token of ['ls_wrong', '', server.token.slice(0, -1)]) {
      assertUnauthorized(await call('POST', '/api/session', { body: { token } }))
    }
  })

  test('what is no login is told so', async () => {
    for (const body of ['', '{', '[]', '{}', { token: 7 }, { token: server.token, more: 1 }]) {
      const answer = await call('POST', '/api/session', { body })
      assert.equal(answer.status, 400, JSON.stringify(body))
      assert.equal(json(answer).error.code, 'INVALID_PAYLOAD')
    }
    const large = await call('POST', '/api/session', { body: { token: 'x'.repeat(10_000) } })
    assert.equal(large.status, 413)
    assert.equal(json(large).error.code, 'PAYLOAD_TOO_LARGE')
  })

  test('no other page logs a browser in', async () => {
    const headers = { origin: 'http://127.0.0.1:1' }
    const answer = await call('POST', '/api/session', { headers, body: { token: server.token } })
    assert.deepEqual([answer.status, json(answer).error.code], [403, 'FORBIDDEN'])
    assert.match(json(answer).error.message, /Host/, 'whose proxy hides it learns why')
    assert.equal(answer.headers['set-cookie'], undefined)
  })

  test('a token shows who one is, without a session', async () => {
    const answer = await call('GET', '/api/session', { headers: { authorization: `Bearer ${server.token}` } })

    assert.deepEqual(Object.keys(json(answer)), ['user', 'role', 'tokenId'])
    assert.equal(answer.headers['set-cookie'], undefined)
  })
})

describe('the cookie', () => {
  test('counts from own pages only', async () => {
    const { cookie } = await login()
    const own = server.controller
    const cases = [
      ['connected', {}],
      ['connected', { origin: own, 'sec-fetch-site': 'same-origin' }],
      ['connected', { 'sec-fetch-site': 'none' }],
      ['Unauthorized', { origin: 'https://elsewhere.example' }],
      ['Unauthorized', { origin: `http://127.0.0.1:${Number(port()) + 1}` }],
      ['Unauthorized', { origin: 'null' }],
      ['Unauthorized', { origin: own, 'sec-fetch-site': 'same-site' }],
      ['Unauthorized', { 'sec-fetch-site': 'cross-site' }],
    ]
    for (const [outcome, headers] of cases) {
      const what = JSON.stringify(headers)
      assert.equal(await knock(cookie, headers), outcome, what)
      assert.equal(await knock(cookie, headers, 'polling'), outcome, what)
      const answer = await call('GET', '/api/clients', { headers: { cookie, ...headers } })
      if (outcome === 'connected') assert.equal(answer.status, 200, what)
      else assertUnauthorized(answer)
    }
    const forged = { cookie, origin: 'https://elsewhere.example' }
    assertUnauthorized(await call('DELETE', '/api/session', { headers: forged }))
    assertUnauthorized(await call('GET', '/api/session', { headers: forged }))
    assert.equal((await call('GET', '/api/session', { headers: { cookie } })).status, 200)
  })

  test('of another port, or one that is none, lets nobody in', async () => {
    const { cookie } = await login()
    const secret = cookie.split('=')[1]
    for (const wrong of [`longshore_1=${secret}`, `longshore=${secret}`, `longshore_${port()}=lss_x`, `longshore_${port()}=`]) {
      assert.equal(await knock(wrong), 'Unauthorized')
      assertUnauthorized(await call('GET', '/api/server', { headers: { cookie: wrong } }))
    }
    assert.equal(await knock(`a=b; longshore_1=lss_x; ${cookie}; c=d`), 'connected')
  })

  test('does not help a wrong token', async () => {
    const { cookie } = await login()
    assertUnauthorized(await call('GET', '/api/clients', { headers: { cookie, authorization: 'Bearer ls_wrong' } }))
    const v = new Viewer(server.controller, { token: 'ls_wrong', extraHeaders: { cookie } })
    await v.event('connect_error')
    v.close()
  })
})

describe('logout', () => {
  test('ends the connections of its session, and no other', async () => {
    const [ours, theirs] = [await login(), await login()]
    const own = [await viewer(ours.cookie).connected(), await viewer(ours.cookie, {}, 'polling').connected()]
    const others = [
      await viewer(theirs.cookie).connected(),
      await new Viewer(server.controller, { token: server.token }).connected(),
    ]

    const answer = await call('DELETE', '/api/session', { headers: { cookie: ours.cookie } })

    assert.equal(answer.status, 204)
    assert.match(answer.headers['set-cookie'][0], new RegExp(`^longshore_${port()}=; HttpOnly; .*Max-Age=0$`))
    for (const v of own) {
      const { payload } = await v.event('error')
      assert.deepEqual(payload, { code: 'UNAUTHORIZED', message: 'The session has ended' })
      assert.equal((await v.event('disconnect')).payload, 'io server disconnect')
    }
    assert.equal(await knock(ours.cookie), 'Unauthorized')
    assertUnauthorized(await call('GET', '/api/session', { headers: { cookie: ours.cookie } }))
    for (const v of others) {
      await v.ok('setClient', { clientId: server.info.clientId })
      assert.deepEqual(v.told('error'), [])
      v.close()
    }
    assert.equal((await call('DELETE', '/api/session', { headers: { cookie: ours.cookie } })).status, 204)
    assert.equal((await call('DELETE', '/api/session')).status, 204)
  })

  test('nothing comes behind the last words', async () => {
    const { cookie } = await login()
    const echo = server.agent('echo')
    const v = viewer(cookie)
    await v.follow(server.info.clientId, echo)
    await v.chat(echo, 'hello')

    await call('DELETE', '/api/session', { headers: { cookie } })

    await v.event('disconnect')
    const last = v.events.slice(-2).map(({ event }) => event)
    assert.deepEqual(last, ['error', 'disconnect'])
  })

  test('a session outlives a restart', async () => {
    const first = await up()
    const body = { token: first.token }
    const opened = await ask(first.controller, 'POST', '/api/session', { body })
    const headers = { cookie: opened.headers['set-cookie'][0].split(';')[0] }
    await first.stop()

    const second = await up({ dataDir: first.dataDir, ports: [Number(new URL(first.controller).port), 0] })

    const answer = await ask(second.controller, 'GET', '/api/session', { headers })
    assert.equal(answer.status, 200)
    assert.deepEqual(json(answer), json(opened))
  })
})

describe('console', () => {
  const built = existsSync(path.join(DIST, 'index.html'))
  const page = (text) => (built ? assert.equal(text, readFileSync(path.join(DIST, 'index.html'), 'utf8')) : assert.match(text, /make console/))

  test('every path of the console is its page', async () => {
    for (const target of ['/', '/c/cl_1', '/c/cl.x/a/b?x=1', '/..%2f..%2fCargo.toml', '/../../Cargo.toml', '//etc/passwd', '/%00', '/.env']) {
      const answer = await call('GET', target)
      assert.equal(answer.status, 200, target)
      assert.match(answer.headers['content-type'], /^text\/html/)
      assert.equal(answer.headers['cache-control'], 'no-cache')
      page(answer.text)
    }
  })

  test('what is somebody else’s is not', async () => {
    for (const target of ['/api', '/api/', '/api/nothing', '/assets/no-such.js', '/assets/../index.html', '/assets/..%2findex.html', '/assets/', '/ready/x']) {
      const answer = await call('GET', target, { headers: { authorization: `Bearer ${server.token}` } })
      assert.equal(answer.status, 404, target)
    }
    assert.equal((await call('POST', '/c/x')).status, 405)
    assert.equal((await call('GET', '/socket.io/')).status, 400)
  })

  test('HEAD is GET without the body', async () => {
    const [head, get] = [await call('HEAD', '/'), await call('GET', '/')]

    assert.equal(head.status, 200)
    assert.equal(head.bytes.length, 0)
    for (const name of ['content-type', 'cache-control', 'etag', 'content-length']) {
      assert.equal(head.headers[name], get.headers[name], name)
    }
  })

  test('browsers are told to trust nothing else', async () => {
    for (const target of ['/', '/c/x', '/assets/no.js', '/api/clients', '/api/session', '/health', '/asyncapi.yaml']) {
      const { headers } = await call('GET', target)
      const policy = headers['content-security-policy']
      for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
        assert.ok(policy.split('; ').includes(part), `${target}: ${part}`)
      }
      assert.doesNotMatch(policy, /unsafe|\*/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
      assert.match(headers['permissions-policy'], /camera=\(\).*microphone=\(\).*geolocation=\(\).*payment=\(\)/)
    }
  })

  test('files come with a tag, compressed, and once', { skip: !built && 'the console was not built' }, async () => {
    const assets = readdirSync(path.join(DIST, 'assets'))
    const script = `assets/${assets.find((name) => name.endsWith('.js'))}`
    for (const [target, keep] of [['index.html', 'no-cache'], [script, 'public, max-age=31536000, immutable']]) {
      const content = readFileSync(path.join(DIST, target))
      const plain = await call('GET', `/${target}`)
      assert.equal(plain.headers['cache-control'], keep)
      assert.deepEqual(plain.bytes, content)
      const { etag } = plain.headers
      const known = await call('GET', `/${target}`, { headers: { 'if-none-match': `"x", ${etag}` } })
      assert.equal(known.status, 304)
      assert.equal(known.bytes.length, 0)
      assert.equal(known.headers.etag, etag)
      assert.equal((await call('GET', `/${target}`, { headers: { 'if-none-match': '"x"' } })).status, 200)
      if (content.length < 1_000) continue
      for (const [encoding, read] of [['gzip', gunzipSync], ['br', brotliDecompressSync]]) {
        const small = await call('GET', `/${target}`, { headers: { 'accept-encoding': encoding } })
        assert.equal(small.headers['content-encoding'], encoding)
        assert.match(small.headers.vary, /accept-encoding/i)
        assert.ok(small.bytes.length < content.length)
        assert.deepEqual(read(small.bytes), content)
      }
    }
    if (existsSync(path.join(DIST, 'sw.js'))) {
      const worker = await call('GET', '/sw.js')
      assert.match(worker.headers['content-type'], /javascript/)
      assert.equal(worker.headers['cache-control'], 'no-cache')
    }
  })

  test('REST is not compressed', async () => {
    const headers = { authorization: `Bearer ${server.token}`, 'accept-encoding': 'gzip, br' }
    assert.equal((await call('GET', '/api/presets', { headers })).headers['content-encoding'], undefined)
  })
})

describe('what the console asks for', () => {
  test('presets are agents that can be made', async () => {
    const { status, body } = await server.rest('GET', '/api/presets')

    assert.equal(status, 200)
    const names = body.items.map((preset) => preset.name)
    assert.deepEqual(names, ['claude', 'codex', 'gemini', 'opencode', 'aider', 'bash', 'python', 'node'])
    for (const { name, title, spec } of body.items) {
      assert.ok(title)
      assert.equal(spec.name, name)
    }
    const { spec } = body.items.find((preset) => preset.name === 'bash')
    const made = await server.rest('POST', `/api/clients/${server.info.clientId}/agents`, spec)
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assertUnauthorized(await call('GET', '/api/presets'))
  })

  test('the server says how it is', async () => {
    const v = await new Viewer(server.controller, { token: server.token }).connected()
    await v.event('connected')
    const { cookie } = await login()
    const { body } = await server.rest('GET', '/api/server')

    assert.match(body.version, /^\d+\.\d+\.\d+/)
    assert.ok(Math.abs(Date.now() - Date.parse(body.startedAt) - body.uptimeSecs * 1000) < 5_000)
    assert.ok(body.connections >= 1 && body.viewers >= 1 && body.viewers <= body.connections)
    assert.ok(body.sessions >= 1)
    assert.ok(body.memoryBytes > 1_000_000)
    const [local] = body.clients
    assert.equal(local.clientId, server.info.clientId)
    assert.equal(local.connected, true)
    assert.ok(Date.parse(local.since) >= Date.parse(body.startedAt) - 1_000)
    assert.ok(local.agents >= 1)
    assert.equal(local.apiKey, undefined)
    await call('DELETE', '/api/session', { headers: { cookie } })
    assert.equal((await server.rest('GET', '/api/server')).body.sessions, body.sessions - 1)
    v.close()
  })

  test('why a manager is away is told', async () => {
    const away = { name: 'away', endpoint: 'http://127.0.0.1:1', apiKey: 'lsm_x' }
    const added = await server.rest('POST', '/api/clients', away)
    assert.equal(added.status, 201)
    assert.equal(added.body.connected, false)
    assert.ok(added.body.lastError.length > 0)
    const of = async () => (await server.rest('GET', '/api/server')).body.clients.find((client) => client.name === 'away')
    const status = await of()
    assert.equal(status.lastError, (await server.rest('GET', `/api/clients/${added.body.clientId}`)).body.lastError)
    assert.ok(Date.parse(status.lastErrorAt))
    await eventually(async () => {
      const { attempt, retryAt } = await of()
      assert.ok(attempt >= 1 && Date.parse(retryAt))
    })

    const endpoint = server.info.manager
    const wrong = await server.rest('PATCH', `/api/clients/${added.body.clientId}`, { endpoint })
    assert.equal(wrong.status, 200)
    const refused = await eventually(async () => {
      const { body } = await server.rest('GET', `/api/clients/${added.body.clientId}`)
      assert.ok(body.lastError)
      return body
    })
    assert.equal(refused.connected, false)
    assert.equal((await server.rest('GET', `/api/clients/${server.info.clientId}`)).body.lastError, undefined)
    await server.rest('DELETE', `/api/clients/${added.body.clientId}`)
  })
})
