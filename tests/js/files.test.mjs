// Files in an agent's workspace, as two browsers work with them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { Scene } from './lib/scene.mjs'
import { script } from './lib/server.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** An agent, its workspace, and browsers that are logged in to it. */
async function workspace(count = 1) {
  const { codec, host } = script('x', 'cat')
  const agentId = await scene.agent({ codec, host })
  const viewers = await Promise.all(Array.from({ length: count }, () => scene.viewer()))
  for (const v of viewers) await v.forward('login', agentId)
  const directory = path.join(scene.server.dataDir, 'agents', agentId)
  mkdirSync(directory, { recursive: true })
  const ask = (v, event, payload) => v.forward(event, agentId, { agentId, ...payload })
  const deny = (v, event, payload) => v.denied(event, agentId, { agentId, ...payload })
  return { agentId, viewers, directory, ask, deny }
}

test('a file is made, read, written, moved and removed, and the others hear of each', async () => {
  const { agentId, viewers: [a, b], directory, ask } = await workspace(2)

  await ask(a, 'createDirectory', { path: 'src' })
  const made = await ask(a, 'createFile', { path: 'src/a.txt', content: 'héllo' })
  const read = await ask(b, 'readFile', { path: 'src/a.txt' })
  const written = await ask(b, 'writeFile', { path: 'src/a.txt', content: 'bye', expectedVersion: read.version })
  await ask(a, 'moveFile', { from: 'src/a.txt', to: 'b.txt' })
  const { files } = await ask(b, 'listFiles', {})
  await ask(b, 'deleteFile', { path: 'src', recursive: true })
  await ask(b, 'fileUpdate', { filePath: 'by/hand.txt' })
  await a.tells('fileUpdateNotification', { filePath: 'by/hand.txt' })
  await b.tells('fileUpdateNotification', { filePath: 'b.txt' })

  assert.deepEqual([read.content, read.encoding, read.size, read.version, read.hasMore], ['héllo', 'text', 6, made.version, false])
  assert.notEqual(written.version, made.version)
  assert.equal(readFileSync(path.join(directory, 'b.txt'), 'utf8'), 'bye')
  assert.deepEqual(files.map((f) => [f.name, f.kind]), [['b.txt', 'file'], ['src', 'directory']])
  const told = (v) => v.told('fileUpdateNotification', { agentId }).map((n) => n.filePath)
  assert.deepEqual(told(a), ['src/a.txt', 'src', 'by/hand.txt'])
  assert.deepEqual(told(b), ['src', 'src/a.txt', 'src/a.txt', 'b.txt'])
  const [{ viewerId, timestamp }] = b.told('fileUpdateNotification')
  assert.equal(viewerId, a.events.find((e) => e.event === 'connected').payload.viewerId)
  assert.ok(!Number.isNaN(Date.parse(timestamp)))
})

test('two editors do not overwrite each other', async () => {
  const { viewers: [a, b], ask, deny } = await workspace(2)
  const { version } = await ask(a, 'createFile', { path: 'f', content: 'one' })

  const attempts = await Promise.all(
    [a, b].map((v, i) => v.call('forward', { event: 'writeFile', payload: { path: 'f', content: `by ${i}`, expectedVersion: version } })),
  )
  const winner = attempts.findIndex((answer) => answer.success)

  assert.deepEqual(attempts.map((answer) => answer.error?.code).sort(), ['FILE_CHANGED', undefined])
  assert.equal((await ask(a, 'readFile', { path: 'f' })).content, `by ${winner}`)
  assert.equal((await deny(a, 'createFile', { path: 'f' })).code, 'FILE_EXISTS')
  assert.equal((await deny(a, 'writeFile', { path: 'g', content: '', expectedVersion: version })).code, 'FILE_CHANGED')
})

test('large files in parts, bytes as base64, and a directory in pages', async () => {
  const { viewers: [v], directory, ask, deny } = await workspace()
  const bytes = Buffer.alloc(3 << 20, 'x').fill(0xff, 0, 1)
  const content = bytes.toString('base64')
  await ask(v, 'writeFile', { path: 'large', content, encoding: 'base64' })
  for (let i = 0; i < 25; i += 1) writeFileSync(path.join(directory, `f${i}`), '')

  const parts = []
  for (let offset = 0, more = true; more; ) {
    const part = await ask(v, 'readFile', { path: 'large', offset, encoding: 'base64' })
    parts.push(Buffer.from(part.content, 'base64'))
    offset += part.bytes
    more = part.hasMore
  }
  const names = []
  for (let after; ; ) {
    const page = await ask(v, 'listFiles', { limit: 10, ...(after && { after }) })
    names.push(...page.files.map((f) => f.name))
    after = page.next
    if (!after) break
  }

  assert.ok(Buffer.concat(parts).equals(bytes))
  assert.deepEqual(parts.map((part) => part.length), [1 << 20, 1 << 20, 1 << 20])
  assert.equal(names.length, 26)
  assert.equal(new Set(names).size, 26)
  const tooLarge = Buffer.alloc((4 << 20) + 1).toString('base64')
  assert.equal((await deny(v, 'writeFile', { path: 'l', content: tooLarge, encoding: 'base64' })).code, 'PAYLOAD_TOO_LARGE')
  assert.equal((await deny(v, 'writeFile', { path: 'l', content: '*', encoding: 'base64' })).code, 'INVALID_PAYLOAD')
  assert.equal((await deny(v, 'readFile', { path: 'large', limit: (1 << 20) + 1 })).code, 'INVALID_PAYLOAD')
})

test('no path leads out of the workspace', async () => {
  const { viewers: [v], directory, ask, deny } = await workspace()
  const secret = path.join(directory, '../secret')
  writeFileSync(secret, 'secret')
  symlinkSync('..', path.join(directory, 'up'))
  symlinkSync('../secret', path.join(directory, 'link'))
  await ask(v, 'createFile', { path: 'mine', content: 'mine' })

  const codes = new Set(['FORBIDDEN', 'INVALID_PAYLOAD', 'FILE_NOT_FOUND'])
  for (const bad of ['../secret', 'up/secret', '/etc/passwd', secret, 'x/../../secret', '..', '', 'a\0b', 'x'.repeat(1e6), 'y'.repeat(300)]) {
    for (const [event, payload] of [
      ['readFile', { path: bad }],
      ['writeFile', { path: bad, content: 'x' }],
      ['createFile', { path: bad }],
      ['createDirectory', { path: bad }],
      ['deleteFile', { path: bad, recursive: true }],
      ['moveFile', { from: 'mine', to: bad, overwrite: true }],
      ['moveFile', { from: bad, to: 'theirs' }],
    ]) {
      const { code } = await deny(v, event, payload)
      assert.ok(codes.has(code), `${event} ${bad.slice(0, 50)}: ${code}`)
    }
  }
  assert.equal((await deny(v, 'readFile', { path: 'link' })).code, 'FORBIDDEN')
  assert.equal((await deny(v, 'listFiles', { path: 'up' })).code, 'FORBIDDEN')
  assert.equal(readFileSync(secret, 'utf8'), 'secret')
  assert.equal((await ask(v, 'readFile', { path: 'mine' })).content, 'mine')
})

test('a link that is put in the place of a directory meanwhile leads nowhere', async () => {
  const { viewers: [v], directory, ask } = await workspace()
  const secret = path.join(directory, '../racy')
  writeFileSync(secret, 'secret')
  mkdirSync(path.join(directory, 'real'))
  const swap = (target) => {
    symlinkSync(target, path.join(directory, 'aside'))
    renameSync(path.join(directory, 'aside'), path.join(directory, 'd'))
  }

  for (let i = 0; i < 200; i += 1) {
    swap(i % 2 ? '..' : 'real')
    const call = v.call('forward', { event: 'writeFile', payload: { path: 'd/racy', content: 'ours' } })
    swap(i % 2 ? 'real' : '..')
    await call
  }

  assert.equal(readFileSync(secret, 'utf8'), 'secret')
  await ask(v, 'listFiles', {})
})

test('what is no file is refused at once', async () => {
  const { viewers: [v], directory, ask, deny } = await workspace()
  execFileSync('mkfifo', [path.join(directory, 'fifo')])
  mkdirSync(path.join(directory, 'dir'))

  assert.equal((await deny(v, 'readFile', { path: 'fifo' })).code, 'FORBIDDEN')
  assert.equal((await deny(v, 'writeFile', { path: 'fifo', content: 'x' })).code, 'FORBIDDEN')
  assert.equal((await deny(v, 'writeFile', { path: 'dir', content: 'x' })).code, 'INVALID_PAYLOAD')
  assert.equal((await deny(v, 'readFile', { path: 'dir' })).code, 'INVALID_PAYLOAD')
  assert.equal((await deny(v, 'readFile', { path: 'none' })).code, 'FILE_NOT_FOUND')
  const { files } = await ask(v, 'listFiles', {})
  assert.deepEqual(files.map((f) => [f.name, f.kind]), [['dir', 'directory'], ['fifo', 'other']])
})

test('an agent that is built in has no files, and too many changes are refused', async () => {
  const { agentId, viewers: [v, other] } = await workspace(2)
  const echo = await scene.agent()

  assert.equal((await v.denied('listFiles', echo)).code, 'UNSUPPORTED')
  const flood = Array.from({ length: 1_000 }, () => v.call('forward', { event: 'fileUpdate', agentId, payload: { filePath: 'f' } }))
  const answers = await Promise.all(flood)
  const done = answers.filter((answer) => answer.success).length

  assert.ok(done >= 500 && done < 1_000, `${done}`)
  assert.ok(answers.every((answer) => answer.success || answer.error.code === 'RATE_LIMITED'))
  await other.until((x) => x.told('fileUpdateNotification').length === done)
})
