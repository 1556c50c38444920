// What attackers do, each time against the real binary and with somebody who chats meanwhile: it is refused, written down, and without effect on
// others. docs/security.md names these tests.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'

import { io } from 'socket.io-client'

import { lines, meanwhile, raw, say, status } from './lib/attacker.mjs'
import { ask } from './lib/http.mjs'
import { eventually, temporary, up } from './lib/server.mjs'

const server = await up({ args: ['--log=info'] })
const host = new URL(server.controller).host
const polling = '/socket.io/?EIO=4&transport=polling'
const servers = []
after(() => servers.forEach((open) => open.close()))

/** Waits until the log has it. */
const logged = (pattern, of = server) => eventually(() => assert.match(of.stderr, pattern))

/** What comes of a handshake with the official client. */
function handshake(auth, options = {}) {
  return new Promise((resolve) => {
    const socket = io(`${server.controller}/clients`, { auth, transports: ['websocket'], forceNew: true, reconnection: false, ...options })
    const end = (what) => resolve([what, socket.close()][0])
    socket.on('connect', () => end('connected')).on('connect_error', (error) => end(error.message))
  })
}

describe('who has no token', () => {
  test('no token and a wrong one are refused everywhere, and written down', () =>
    meanwhile(server, async () => {
      assert.equal(await handshake({}), 'Unauthorized')
      assert.equal(await handshake({ token: `ls_${'x'.repeat(43)}` }), 'Unauthorized')
      for (const path of ['/api/clients', '/api/server', '/api/presets', '/api/push']) {
        assert.equal((await ask(server.controller, 'GET', path)).status, 401, path)
        const headers = { authorization: 'Bearer ls_wrong' }
        assert.equal((await ask(server.controller, 'GET', path, { headers })).status, 401, path)
      }
      await logged(/"target":"audit".*UNAUTHORIZED|audit.*(refused|UNAUTHORIZED)/i)
    }))

  test('a thousand guesses a second lock their address out and nobody else', async () => {
    const own = await up({ args: ['--log=info'] })
    await meanwhile(own, async () => {
      const guesser = { localAddress: '127.0.0.66' }
      const { hostname, port } = new URL(own.controller)
      const { Agent, request } = await import('node:http')
      const agent = new Agent({ keepAlive: true, maxSockets: 20, ...guesser })
      const guess = (token) =>
        new Promise((resolve, reject) => {
          const headers = { authorization: `Bearer ${token}` }
          request({ hostname, port, path: '/api/clients', headers, agent }, (answer) => {
            const all = []
            answer.on('data', (data) => all.push(data)).on('end', () => resolve({ answer, text: all.join('') }))
          })
            .on('error', reject)
            .end()
        })
      const counts = {}
      let last
      for (let second = 0; second < 2; second += 1) {
        const next = new Promise((resolve) => setTimeout(resolve, 1_000))
        const guesses = Array.from({ length: 1_000 }, (_, nth) => guess(`ls_guess_${second}_${nth}`))
        for (const { answer, text } of await Promise.all(guesses)) {
          counts[answer.statusCode] = (counts[answer.statusCode] ?? 0) + 1
          if (answer.statusCode === 429) last = { answer, text }
        }
        await next
      }
      // Ten are free; those that were under way together with the eleventh, and one after each lock, are looked at, too.
      assert.ok(counts[401] >= 10 && counts[401] < 60, JSON.stringify(counts))
      assert.equal(counts[401] + counts[429], 2_000)
      assert.equal(JSON.parse(last.text).error.code, 'RATE_LIMITED')
      assert.ok(Number(last.answer.headers['retry-after']) >= 1)
      // A token that was right before counts from there, too: who shares the address is not locked out with the guesser.
      assert.equal((await guess(own.token)).answer.statusCode, 200)
      agent.destroy()
      assert.equal((await own.rest('GET', '/api/clients')).status, 200)
    })
    await logged(/locked out after too many failed logins/, own)
  })

  test('guesses of the API key lock out, and the link of the controller goes on', async () => {
    const own = await up({ args: ['--log=info'] })
    await meanwhile(own, async () => {
      const answers = []
      for (let nth = 0; nth < 15; nth += 1) {
        const socket = io(`${own.info.manager}/agents`, { auth: { token: `lsm_${nth}` }, transports: ['websocket'], forceNew: true, reconnection: false })
        answers.push((await once(socket, 'connect_error'))[0].message)
        socket.close()
      }
      assert.equal(answers[0], 'Unauthorized')
      assert.match(answers.at(-1), /Too many failed logins/)
    })
  })

  test('metrics are no way round', async () => {
    const own = await up()
    for (const base of [own.controller, own.info.manager]) {
      const answers = []
      for (let nth = 0; nth < 15; nth += 1) {
        const headers = { authorization: `Bearer ls_guess_${nth}` }
        answers.push((await ask(base, 'GET', '/metrics', { headers })).status)
      }
      assert.deepEqual([answers[0], answers.at(-1)], [401, 429], base)
    }
  })

  test('who shares an address with a guesser can log in, whatever cookies are logged out there', async () => {
    const own = await up()
    const login = (token) => ask(own.controller, 'POST', '/api/session', { headers: { origin: own.controller }, body: { token } })
    for (let nth = 0; nth < 30; nth += 1) assert.equal((await login('ls_forgotten')).status, 401)
    assert.equal((await login(own.token)).status, 200)
    const name = `longshore_${new URL(own.controller).port}`
    for (let hundred = 0; hundred < 42; hundred += 1) {
      const out = (nth) => ask(own.controller, 'DELETE', '/api/session', { headers: { cookie: `${name}=lss_${hundred}_${nth}` } })
      for (const { status } of await Promise.all(Array.from({ length: 100 }, (_, nth) => out(nth)))) assert.equal(status, 204)
    }
    const answers = []
    for (let nth = 0; nth < 15; nth += 1) answers.push((await login(`ls_guess_${nth}`)).status)
    assert.equal(answers.at(-1), 429)
    assert.equal((await login(own.token)).status, 200)
  })

  test('the same wrong token for ever locks nobody out', () =>
    meanwhile(server, async () => {
      for (let nth = 0; nth < 50; nth += 1) {
        const headers = { authorization: 'Bearer ls_forgotten_tab' }
        assert.equal((await ask(server.controller, 'GET', '/api/clients', { headers })).status, 401)
      }
      assert.equal((await server.rest('GET', '/api/clients')).status, 200)
    }))
})

describe('malformed and oversized', () => {
  test('handshakes that are none', () =>
    meanwhile(server, async () => {
      for (const auth of [{ token: 7 }, { token: ['x'] }, { token: { a: 1 } }]) assert.equal(await handshake(auth), 'Unauthorized')
      assert.match(await handshake({ token: server.token, more: 'x'.repeat(20_000) }), /too large/)
      for (const query of ['', '?EIO=4', '?EIO=2&transport=polling', '?EIO=4&transport=carrier', '?EIO=4&transport=polling&sid=%00']) {
        assert.equal((await ask(server.controller, 'GET', `/socket.io/${query}`)).status, 400, query)
      }
      assert.equal((await ask(server.controller, 'POST', polling, { body: '40' })).status, 400)
    }))

  test('headers and addresses that are too long', () =>
    meanwhile(server, async () => {
      const large = lines('GET / HTTP/1.1', `host: ${host}`, `x: ${'x'.repeat(17_000)}`)
      assert.equal(status(await say(server.controller, large)), 431)
      const many = lines('GET / HTTP/1.1', `host: ${host}`, ...Array.from({ length: 200 }, (_, nth) => `x-${nth}: x`))
      assert.equal(status(await say(server.controller, many)), 431)
      const long = lines(`GET /${'x'.repeat(70_000)} HTTP/1.1`, `host: ${host}`)
      assert.ok([414, 431].includes(status(await say(server.controller, long))))
    }))

  test('bodies that are too large', () =>
    meanwhile(server, async () => {
      const headers = { authorization: `Bearer ${server.token}` }
      const login = await ask(server.controller, 'POST', '/api/session', { body: { token: 'x'.repeat(10_000) } })
      assert.equal(login.status, 413)
      const body = { name: 'x'.repeat(3 << 20), endpoint: 'http://x', apiKey: 'x' }
      const add = await ask(server.controller, 'POST', '/api/clients', { headers, body })
      assert.equal(add.status, 413)
      assert.equal(JSON.parse(add.text).error.code, 'PAYLOAD_TOO_LARGE')
    }))

  test('deeply nested JSON', () =>
    meanwhile(server, async () => {
      const headers = { authorization: `Bearer ${server.token}` }
      const body = `{"name":${'['.repeat(100_000)}`
      assert.equal((await ask(server.controller, 'POST', '/api/clients', { headers, body })).status, 400)
      assert.equal((await ask(server.controller, 'POST', '/api/session', { body: '['.repeat(4_000) })).status, 400)
    }))

  test('bytes that are no HTTP, no UTF-8, and requests that two servers would read differently', () =>
    meanwhile(server, async () => {
      const auth = `authorization: Bearer ${server.token}`
      const hidden = 'DELETE /api/clients/x HTTP/1.1\r\nhost: x\r\n\r\n'
      for (const bytes of [
        Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x01]),
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        Buffer.from('GET /\xff\xfe HTTP/1.1\r\n\r\n', 'latin1'),
        'GET / HTTP/9.9\r\n\r\n',
        lines('GET / HTTP/1.1', `host: ${host}`, 'bad header: x'),
        lines('GET / HTTP/1.1', `host: ${host}`, 'x: a\0b'),
        lines('POST /api/clients HTTP/1.1', `host: ${host}`, auth, 'content-length: 5', 'content-length: 6') + '12345',
        lines('POST /api/clients HTTP/1.1', `host: ${host}`, auth, 'content-length: -1'),
        lines('POST /api/clients HTTP/1.1', `host: ${host}`, auth, 'transfer-encoding: chunked, identity') + `0\r\n\r\n${hidden}`,
        lines('POST /api/clients HTTP/1.1', `host: ${host}`, auth, 'transfer-encoding : chunked') + `0\r\n\r\n${hidden}`,
      ]) {
        const said = await say(server.controller, bytes)
        assert.ok(!said || (status(said) >= 400 && status(said) < 500), `${bytes}: ${said.slice(0, 200)}`)
        assert.ok((said.match(/HTTP\/1\.1/g) ?? []).length <= 1, `${bytes}: ${said}`)
      }
      // Of both lengths, the pieces count, and the connection ends: nothing that follows is a request.
      const both = lines('POST /api/session HTTP/1.1', `host: ${host}`, 'content-length: 4', 'transfer-encoding: chunked') + `0\r\n\r\n${hidden}`
      const said = await say(server.controller, both)
      assert.ok(!/HTTP\/1\.1 20/.test(said), said)
    }))

  test('packets that are none, and namespaces without number', () =>
    meanwhile(server, async () => {
      for (const packet of ['40/clients,{', '40/clients,[', '9', '4', `40/${'n'.repeat(9_000)},`, '451-/clients,["x",{"_placeholder":true,"num":0}]']) {
        const { sid } = JSON.parse((await ask(server.controller, 'GET', polling)).text.slice(1))
        const answer = await ask(server.controller, 'POST', `${polling}&sid=${sid}`, { body: packet, headers: { 'content-type': 'text/plain' } })
        assert.ok(answer.status < 500, packet)
      }
      const { sid } = JSON.parse((await ask(server.controller, 'GET', polling)).text.slice(1))
      const thousand = Array.from({ length: 5_000 }, (_, nth) => `40/n${nth},`).join('\x1e')
      const answer = await ask(server.controller, 'POST', `${polling}&sid=${sid}`, { body: thousand, headers: { 'content-type': 'text/plain' } })
      assert.ok(answer.status < 500)
    }))
})

describe('slow', () => {
  test('200 slow-loris connections end within the time for headers', () =>
    meanwhile(server, async () => {
      const start = Date.now()
      const all = await Promise.all(Array.from({ length: 200 }, () => raw(server.controller, '127.0.0.77')))
      all.forEach((socket) => socket.write('GET / HTTP/1.1\r\n'))
      const drip = setInterval(() => all.forEach((socket) => socket.writable && socket.write('x: y\r\n')), 500)
      await Promise.all(all.map((socket) => socket.ended))
      clearInterval(drip)
      assert.ok(Date.now() - start < 25_000)
    }))

  test('a WebSocket on which nobody connects ends', () =>
    meanwhile(server, async () => {
      const socket = await raw(server.controller)
      const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='
      socket.write(lines('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `host: ${host}`, 'upgrade: websocket', 'connection: upgrade', 'sec-websocket-version: 13', key))
      await socket.ended
      assert.match(socket.said, /101 Switching/)
    }))

  test('too many connections of one address are refused, and others are let in', async () => {
    const own = await up({ args: ['--log=info', '--max-connections-per-address=50'] })
    await meanwhile(own, async () => {
      const all = await Promise.all(Array.from({ length: 60 }, () => raw(own.controller, '127.0.0.88')))
      const refused = () => all.filter((socket) => socket.closed || /^HTTP\/1\.1 429/.test(socket.said)).length
      // A fifth is for strangers.
      await eventually(() => assert.equal(refused(), 50))
      all.forEach((socket) => socket.destroy())
    })
    await logged(/connections refused.*127\.0\.0\.88/, own)
  })

  test('commands and bytes beyond the rate are refused, and counted by token', async () => {
    const own = await up({ args: ['--command-rate=5'] })
    const headers = { authorization: `Bearer ${own.token}` }
    const answers = await Promise.all(Array.from({ length: 80 }, () => ask(own.controller, 'GET', '/api/presets', { headers })))
    const refused = answers.filter((answer) => answer.status === 429)
    assert.ok(refused.length >= 20 && refused.length < 80, `${refused.length}`)
    assert.equal(JSON.parse(refused[0].text).error.code, 'RATE_LIMITED')
    assert.ok(refused[0].headers['retry-after'])
  })
})

describe('forged requests', () => {
  /** Registers a manager, and gives what was said. */
  const add = (endpoint, of = server) => of.rest('POST', '/api/clients', { name: `m${Math.random()}`, endpoint, apiKey: 'x' })

  test('metadata services and other addresses without managers are not connected to', () =>
    meanwhile(server, async () => {
      for (const endpoint of [
        'http://169.254.169.254',
        'http://[fe80::1]',
        'http://[::ffff:169.254.169.254]',
        'http://[::ffff:a9fe:a9fe]:80',
        'http://[64:ff9b::a9fe:a9fe]',
        'http://[fd00:ec2::254]',
        'http://2852039166',
        'http://0xa9fea9fe',
        'http://0.0.0.0:8080',
        'http://224.0.0.1',
        'http://255.255.255.255',
      ]) {
        const answer = await add(endpoint)
        assert.equal(answer.status, 400, endpoint)
        assert.equal(answer.body.error.code, 'INVALID_PAYLOAD', endpoint)
      }
      for (const endpoint of ['file:///etc/passwd', 'gopher://x', 'http://user:pass@h', 'http://h/path', 'http://h?q', 'http://h#f', 'http://h\r\nx: y', 'http://h:99999']) {
        assert.equal((await add(endpoint)).status, 400, endpoint)
      }
      await logged(/an endpoint was refused/)
    }))

  test('a name is what its addresses are', async () => {
    const own = await up({ args: ['--endpoint-deny=127.0.0.0/8', '--endpoint-deny=::1'] })
    assert.equal((await add('http://localhost:9', own)).status, 400)
    assert.equal((await add('http://127.0.0.1:9', own)).status, 400)
    const [local] = (await own.rest('GET', '/api/clients')).body.items
    assert.equal(local.connected, true, 'what the operator named is connected to')
  })

  test('redirects are not followed, and answers are not shown', () =>
    meanwhile(server, async () => {
      const seen = []
      const target = createServer((request, response) => response.end(String(seen.push(request.url)))).listen(0, '127.0.0.1')
      await once(target, 'listening')
      const body = 'credentials of the machine '.repeat(20)
      const evil = createServer((_, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${target.address().port}/secret` }).end(body)
      }).listen(0, '127.0.0.1')
      servers.push(target, evil)
      await once(evil, 'listening')
      const answer = await add(`http://127.0.0.1:${evil.address().port}`)
      assert.equal(answer.status, 201)
      assert.match(answer.body.lastError, /302/)
      assert.ok(!answer.body.lastError.includes('credentials') && answer.body.lastError.length <= 200)
      assert.deepEqual(seen, [])
      await server.rest('DELETE', `/api/clients/${answer.body.clientId}`)
    }))
})

describe('pages of others', () => {
  test('no page of another origin logs in, reads an answer or uses a cookie', () =>
    meanwhile(server, async () => {
      const own = { origin: server.controller, host }
      const login = await ask(server.controller, 'POST', '/api/session', { headers: own, body: { token: server.token } })
      assert.equal(login.status, 200)
      const [cookie] = login.headers['set-cookie'][0].split(';')
      assert.equal((await ask(server.controller, 'GET', '/api/clients', { headers: { ...own, cookie } })).status, 200)
      for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:1`, `${server.controller}.evil.example`, 'http://localhost']) {
        const headers = { host, origin, cookie }
        const read = await ask(server.controller, 'GET', '/api/clients', { headers })
        assert.equal(read.status, 401, origin)
        assert.equal(read.headers['access-control-allow-origin'], undefined, origin)
        assert.equal((await ask(server.controller, 'POST', '/api/session', { headers, body: { token: server.token } })).status, 403, origin)
        assert.equal(await handshake(undefined, { extraHeaders: headers }), 'Unauthorized', origin)
      }
      const fetched = { host, cookie, 'sec-fetch-site': 'cross-site' }
      assert.equal((await ask(server.controller, 'GET', '/api/clients', { headers: fetched })).status, 401)
      const framed = await ask(server.controller, 'GET', '/')
      assert.match(framed.headers['content-security-policy'], /frame-ancestors 'none'/)
    }))

  test('a session that somebody else chose is none, and sids cannot be guessed', () =>
    meanwhile(server, async () => {
      const name = `longshore_${new URL(server.controller).port}`
      const fixed = { host, cookie: `${name}=lss_chosen_by_an_attacker` }
      assert.equal((await ask(server.controller, 'GET', '/api/clients', { headers: fixed })).status, 401)
      const login = await ask(server.controller, 'POST', '/api/session', { headers: fixed, body: { token: server.token } })
      assert.ok(!login.headers['set-cookie'][0].includes('chosen_by_an_attacker'))
      const sids = new Set()
      for (let nth = 0; nth < 20; nth += 1) sids.add(JSON.parse((await ask(server.controller, 'GET', polling)).text.slice(1)).sid)
      assert.equal(sids.size, 20)
      for (const sid of ['AAAAAAAAAAAAAAAA', 'x', '../../x', '%0d%0a', '0'.repeat(5_000)]) {
        assert.equal((await ask(server.controller, 'GET', `${polling}&sid=${sid}`)).status, 400, sid)
      }
    }))
})

describe('injection', () => {
  test('paths lead nowhere else', () =>
    meanwhile(server, async () => {
      const auth = `authorization: Bearer ${server.token}`
      for (const path of ['/../../etc/passwd', '/..%2f..%2fetc/passwd', '/assets/../../../Cargo.toml', '/assets/%2e%2e/x', '//etc/passwd', '/.env', '/\\..\\x', '/api/../../etc/passwd', '/api/clients/..%2f..%2fx', '/api/clients/x/agents/y/conversations/..%2f..%2fz/export']) {
        const said = await say(server.controller, lines(`GET ${path} HTTP/1.1`, `host: ${host}`, auth, 'connection: close'))
        assert.ok(!/root:|\[workspace\]/.test(said), path)
        assert.ok(!said || status(said) < 500, `${path}: ${said.slice(0, 100)}`)
      }
    }))

  test('line breaks do not become headers', () =>
    meanwhile(server, async () => {
      for (const path of ['/%0d%0aset-cookie:%20x=y', '/api/clients/%0d%0ax', '/api/clients/x/agents/y/conversations/%0d%0aset-cookie:x/export?format=markdown']) {
        const answer = await ask(server.controller, 'GET', path, { headers: { authorization: `Bearer ${server.token}` } })
        assert.equal(answer.headers['set-cookie'], undefined, path)
        assert.equal(answer.headers.x, undefined, path)
      }
    }))

  test('what others say does not become lines of the log, nor colours', () =>
    meanwhile(server, async () => {
      const evil = 'x\nFAKE forged line\r\n\x1b[31mred\x1b[0m'
      await handshake({ token: evil, clientKey: evil })
      const body = JSON.stringify({ token: evil })
      // Not by Node's own client, which sends no such header.
      for (const origin of ['http://evil.example/\x7f', 'http://evil.example/\x1b[31mred', `http://${'x'.repeat(8_000)}`]) {
        const head = ['POST /api/session HTTP/1.1', `host: ${host}`, `origin: ${origin}`, 'content-type: application/json']
        await say(server.controller, lines(...head, `content-length: ${body.length}`, 'connection: close') + body)
      }
      assert.ok(!server.stderr.includes('x'.repeat(300)), 'headers are cut')
      await server.rest('POST', '/api/clients', { name: evil, endpoint: 'http://169.254.169.254', apiKey: evil })
      await server.rest('POST', '/api/clients', { name: 'x', endpoint: evil, apiKey: evil })
      await logged(/an endpoint was refused/)
      assert.ok(!/^FAKE/m.test(server.stderr) && !server.stderr.includes('\x1b[31m'))
    }))

  test('bodies are not unpacked, so they cannot be bombs', () =>
    meanwhile(server, async () => {
      const headers = { authorization: `Bearer ${server.token}`, 'content-encoding': 'gzip', 'content-type': 'application/json' }
      const { gzipSync } = await import('node:zlib')
      const bomb = gzipSync(Buffer.alloc(50 << 20, 0x20))
      const answer = await ask(server.controller, 'POST', '/api/clients', { headers, body: bomb })
      assert.equal(answer.status, 400)
    }))
})

test('logs of a whole session at debug have none of its secrets', async () => {
  const dataDir = temporary()
  const own = await up({ dataDir, args: ['--log=debug'] })
  let log = ''
  own.child.stderr.on('data', (data) => (log += data))
  const secrets = [own.token, 'hunter2-password', 'env-value-42', 'https://hooks.example/secret']
  await meanwhile(own, async () => {
    const client = own.info.clientId
    const made = await own.rest('POST', `/api/clients/${client}/agents`, { name: 'more', codec: { type: 'echo' }, password: 'hunter2-password' })
    if (made.body?.password) secrets.push(made.body.password)
    const agent = own.agent('echo')
    await own.rest('PATCH', `/api/clients/${client}/agents/${agent}`, { environment: { KEY: 'env-value-42' } })
    const login = await ask(own.controller, 'POST', '/api/session', { headers: { origin: own.controller }, body: { token: own.token } })
    secrets.push(login.headers['set-cookie'][0].split(/[=;]/)[1])
    await ask(own.controller, 'GET', `/api/clients?token=${own.token}`)
    await ask(own.controller, 'GET', '/api/clients', { headers: { authorization: 'Bearer ls_wrong_but_secret' } })
    secrets.push('ls_wrong_but_secret')
    secrets.push((await import('node:fs')).readFileSync(`${dataDir}/manager.key`, 'utf8').trim())
  })
  await own.stop()
  assert.ok(log.length > 0)
  for (const secret of secrets) assert.ok(!log.includes(secret), `the log has ${secret}`)
  assert.ok(!/Authorization: Bearer|lsm_|lss_/.test(log))
})
