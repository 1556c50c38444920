// A TCP proxy whose connections can be cut while both ends live.

import { once } from 'node:events'
import net from 'node:net'
import { after } from 'node:test'

const proxies = new Set()
after(() => proxies.forEach((proxy) => proxy.close()))

export class Proxy {
  /** A proxy before `url`. */
  static async before(url) {
    const proxy = new Proxy(new URL(url))
    await once(proxy.server.listen(0, '127.0.0.1'), 'listening')
    proxies.add(proxy)
    return proxy
  }

  constructor(target) {
    this.pairs = new Set()
    this.accepted = 0
    this.server = net.createServer((near) => {
      this.accepted += 1
      const far = net.connect(Number(target.port), target.hostname)
      const pair = [near, far]
      this.pairs.add(pair)
      near.pipe(far).pipe(near)
      for (const end of pair) {
        end.on('error', () => {})
        end.on('close', () => {
          this.pairs.delete(pair)
          pair.forEach((other) => other.destroy())
        })
      }
    })
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`
  }

  /** Cuts every connection that is open now; new ones are accepted. */
  cut() {
    for (const pair of this.pairs) pair.forEach((end) => end.resetAndDestroy())
  }

  /** Loses what the target says from now on, on the connections that are open now; what it is told still arrives. */
  mute() {
    for (const [near, far] of this.pairs) far.unpipe(near).resume()
  }

  close() {
    proxies.delete(this)
    this.server.close()
    this.cut()
  }
}
