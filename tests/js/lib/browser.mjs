// A browser as push services see it, and a server that takes posts: what is sent is decrypted and verified with Node's own
// cryptography.

import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after } from 'node:test'

import { PATIENCE } from './server.mjs'

const open = new Set()
after(() => {
  for (const server of open) {
    server.closeAllConnections()
    server.close()
  }
})

/** A push service or a webhook. Answers with `status`, which a test may change. */
export class Receiver {
  status = 201
  posts = []
  #waiting = []

  static async start() {
    const receiver = new Receiver()
    receiver.server = createServer(async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      receiver.#received({ path: request.url, headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(receiver.status, { 'retry-after': '0' }).end('said')
    })
    open.add(receiver.server)
    receiver.server.listen(0, '127.0.0.1')
    await once(receiver.server, 'listening')
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`
    return receiver
  }

  #received(post) {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(post)
    else this.posts.push(post)
  }

  /** The next post. */
  async next() {
    if (this.posts.length) return this.posts.shift()
    let timer
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('nothing was posted')), PATIENCE)))
    return Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), late]).finally(() => clearTimeout(timer))
  }
}

export class Browser {
  #keys = createECDH('prime256v1')
  #auth = randomBytes(16)

  constructor(endpoint) {
    this.#keys.generateKeys()
    this.endpoint = endpoint
  }

  /** As `PushSubscription.toJSON()`. */
  get subscription() {
    const keys = { p256dh: this.#keys.getPublicKey('base64url'), auth: this.#auth.toString('base64url') }
    return { endpoint: this.endpoint, expirationTime: null, keys }
  }

  /** What a service worker is given of a post. */
  read({ headers, body }) {
    if (headers['content-encoding'] !== 'aes128gcm') throw new Error('not encrypted')
    const salt = body.subarray(0, 16)
    const sender = body.subarray(21, 21 + body[20])
    const sealed = body.subarray(21 + body[20])
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#keys.getPublicKey(), sender])
    const derive = (ikm, by, about, length) => Buffer.from(hkdfSync('sha256', ikm, by, about, length))
    const ikm = derive(this.#keys.computeSecret(sender), this.#auth, info, 32)
    const key = derive(ikm, salt, 'Content-Encoding: aes128gcm\0', 16)
    const nonce = derive(ikm, salt, 'Content-Encoding: nonce\0', 12)
    const cipher = createDecipheriv('aes-128-gcm', key, nonce)
    cipher.setAuthTag(sealed.subarray(-16))
    const plain = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()])
    return JSON.parse(plain.subarray(0, plain.lastIndexOf(2)).toString())
  }
}

/** What a push service checks: the claims of a post that `publicKey` signed. */
export function claims({ headers }, publicKey) {
  const [, token, key] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(headers.authorization)
  if (key !== publicKey) throw new Error('another key')
  const point = Buffer.from(key, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  const jwk = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } })
  const [head, body, signature] = token.split('.')
  const given = { key: jwk, dsaEncoding: 'ieee-p1363' }
  if (!verify('sha256', Buffer.from(`${head}.${body}`), given, Buffer.from(signature, 'base64url'))) throw new Error('forged')
  return JSON.parse(Buffer.from(body, 'base64url').toString())
}
