// Backups of a store that is in use, and what becomes of viewers when one is put back.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, copyFileSync, existsSync, lstatSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { BINARY, cli, environment, temporary, up } from './lib/server.mjs'
import { Viewer, assertOrderly, assertRunsEnded } from './lib/viewer.mjs'

async function follow(server, agentId, login) {
  const v = new Viewer(server.controller, { token: server.token, reconnection: false })
  return Object.assign(await v.follow(server.info.clientId, agentId, login), { v })
}

/** A server that was talked to, and a backup of it. */
async function backedUp(messages = ['one', 'two']) {
  const server = await up()
  const echo = server.agent('echo')
  const { v } = await follow(server, echo)
  for (const message of messages) await v.ended((await v.chat(echo, message)).runId)
  const file = path.join(temporary(), 'backup.tar')
  const made = await cli(['backup', file, '--data-dir', server.dataDir])
  assert.deepEqual(made, { stdout: `${file}\n`, stderr: '', code: 0, signal: null })
  return { server, echo, v, file }
}

const restore = (file, dataDir, ...more) => cli(['restore', file, '--data-dir', dataDir, ...more])

/** What a directory has, as far as a restore may touch it. */
const contents = (dir) => readdirSync(dir, { recursive: true }).filter((name) => !name.endsWith('.lock')).sort()

test('a backup under load has every message that was acknowledged before it began', async () => {
  const server = await up()
  const echo = server.agent('echo')
  const talkers = await Promise.all([1, 2, 3, 4].map(() => follow(server, echo)))
  const acknowledged = []
  let stopped = false
  const talking = talkers.map(async ({ v }, who) => {
    for (let n = 0; !stopped; n += 1) {
      const { runId } = await v.chat(echo, `${who}-${n}`)
      acknowledged.push(`${who}-${n}`)
      await v.ended(runId)
    }
  })
  await talkers[0].v.until((v) => v.answers(echo).length > 20)

  const before = [...acknowledged]
  const dir = temporary()
  const made = await cli(['backup', dir, '--json', '--data-dir', server.dataDir])
  const after = acknowledged.length
  stopped = true
  await Promise.all(talking)
  await server.stop()

  assert.equal(made.code, 0, made.stderr)
  const { file, manifest } = JSON.parse(made.stdout)
  assert.ok(before.length >= 5 && after >= before.length)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(dir), [path.basename(file)])
  assert.deepEqual(manifest.databases.map(({ tier }) => tier), ['manager', 'controller'])
  assert.equal((await cli(['backup', 'verify', file])).code, 0)

  const dataDir = path.join(temporary(), 'new')
  const restored = await restore(file, dataDir)
  assert.equal(restored.code, 0, restored.stderr)
  const again = await up({ dataDir })
  assert.equal(again.agent('echo'), echo)
  const { v } = await follow(again, echo)
  const messages = v.messages(echo).filter((m) => m.from === 'user').map((m) => m.text)
  assert.deepEqual(before.filter((text) => !messages.includes(text)), [])
  assertOrderly(v, echo)
  assertRunsEnded(v, echo)
  // Passwords sealed before are opened, and the store takes more.
  await v.ended((await v.chat(echo, 'after')).runId)
})

test('whoever has seen more than the backup has starts over, and whoever has seen the same, too', async () => {
  const { server, echo, v, file } = await backedUp()
  const early = v.cursors.get(echo)
  const seen = { epoch: early.epoch, afterSeq: early.seq }
  await v.ended((await v.chat(echo, 'lost')).runId)
  const late = { epoch: early.epoch, afterSeq: v.cursors.get(echo).seq }
  await server.stop()

  const done = await restore(file, server.dataDir, '--force')
  assert.equal(done.code, 0, done.stderr)
  const again = await up({ dataDir: server.dataDir })

  for (const cursor of [seen, late]) {
    const other = await follow(again, echo, cursor)
    assert.equal(other.end.recovered, false)
    assert.notEqual(other.end.epoch, early.epoch)
    assert.deepEqual(other.v.answers(echo), ['one', 'two'])
  }
})

test('a backup that is cut or has a flipped bit is refused, and nothing is changed', async () => {
  const { server, file } = await backedUp()
  await server.stop()
  const whole = readFileSync(file)
  const before = contents(server.dataDir)
  const bad = path.join(temporary(), 'bad.tar')
  const flipped = (at) => {
    const bytes = Buffer.from(whole)
    bytes[at] ^= 0x10
    return bytes
  }
  const places = [0, 300, 600, Math.floor(whole.length / 2), whole.length - 3_000, whole.length - 1_500, whole.length - 1]

  for (const bytes of [...places.map(flipped), whole.subarray(0, 5_000), whole.subarray(0, -512), Buffer.alloc(0)]) {
    writeFileSync(bad, bytes)
    for (const args of [['restore', bad, '--force', '--data-dir', server.dataDir], ['backup', 'verify', bad]]) {
      const { code, stderr } = await cli(args)
      assert.equal(code, 1, args.join(' '))
      assert.match(stderr, /^error: backup .*(damaged|too short)/)
    }
    const fresh = path.join(temporary(), 'fresh')
    assert.equal((await restore(bad, fresh)).code, 1)
    assert.equal(existsSync(fresh), false)
  }
  assert.deepEqual(contents(server.dataDir), before)
})

test('a store that is in use or there already is not written over', async () => {
  const { server, file } = await backedUp()

  const running = await restore(file, server.dataDir, '--force')
  assert.equal(running.code, 1)
  assert.match(running.stderr, /error: a server runs on .*\nhint: stop it first\n/)
  await server.stop()
  const refused = await restore(file, server.dataDir)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /has a store already\nhint: --force moves it aside/)
  const again = await cli(['backup', file, '--data-dir', server.dataDir])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /exists already/)

  const key = readFileSync(path.join(server.dataDir, 'secret.key'), 'utf8')
  const forced = await restore(file, server.dataDir, '--force', '--json')
  assert.equal(forced.code, 0, forced.stderr)
  const { movedAside, conversations } = JSON.parse(forced.stdout)
  assert.equal(conversations, 1)
  assert.equal(readFileSync(path.join(movedAside, 'secret.key'), 'utf8'), key)
  assert.ok(existsSync(path.join(movedAside, 'manager.db')))
})

test('what root restores is of the user who owns the data directory', { skip: process.getuid() !== 0 }, async () => {
  const { server, file } = await backedUp()
  await server.stop()
  const dataDir = temporary()
  chownSync(dataDir, 65534, 65534)

  const owners = () => readdirSync(dataDir, { recursive: true }).filter((name) => lstatSync(path.join(dataDir, name)).uid !== 65534)
  assert.equal((await restore(file, dataDir)).code, 0)
  assert.deepEqual(owners(), [])
  assert.equal((await restore(file, dataDir)).code, 1)
  assert.equal((await restore(file, dataDir, '--force')).code, 0)
  assert.deepEqual(owners(), [])
})

test('keys can be left out, and are needed again', async () => {
  const { server, v } = await backedUp()
  v.close()
  const file = path.join(temporary(), 'keyless.tar')
  const made = await cli(['backup', file, '--without-keys', '--data-dir', server.dataDir])
  assert.equal(made.code, 0)
  assert.match(made.stderr, /note: .*secret\.key/)
  const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(names, ['manifest.json', 'manager.db', 'controller.db', 'checksum.sha256'])
  await server.stop()

  const dataDir = temporary()
  const restored = await restore(file, dataDir)
  assert.equal(restored.code, 0, restored.stderr)
  assert.match(restored.stderr, /note: before the start put the secret\.key/)
  for (const key of ['secret.key', 'manager.key']) copyFileSync(path.join(server.dataDir, key), path.join(dataDir, key))
  const again = await up({ dataDir })
  const { v: late } = await follow(again, again.agent('echo'))
  assert.deepEqual(late.answers(again.agent('echo')), ['one', 'two'])
})

test('settings come with it, the newest are kept, and nothing else is removed', async () => {
  const { server } = await backedUp([])
  const dir = temporary()
  const config = path.join(temporary(), 'longshore.toml')
  writeFileSync(config, 'no-detect = true\n')
  writeFileSync(path.join(dir, 'longshore-backup-of-mine.tar'), 'x')
  writeFileSync(path.join(dir, 'longshore-backup-20200101-000000-000.tar'), 'x')

  const files = []
  for (let n = 0; n < 3; n += 1) {
    const { stdout, code } = await cli(['backup', dir, '--keep', '2', '--json', '--config', config, '--data-dir', server.dataDir])
    assert.equal(code, 0)
    files.push(JSON.parse(stdout).file)
  }

  assert.deepEqual(readdirSync(dir).sort(), [...files.slice(1).map((file) => path.basename(file)), 'longshore-backup-of-mine.tar'].sort())
  const text = execFileSync('tar', ['xfO', files[2], 'longshore.toml'], { encoding: 'utf8' })
  assert.equal(text, 'no-detect = true\n')
  const given = await cli(['backup', path.join(dir, 'x.tar'), '--keep', '2', '--data-dir', server.dataDir])
  assert.equal(given.code, 1)
  assert.match((await cli(['backup', '--data-dir', temporary()])).stderr, /has no databases\nhint: .*--data-dir/)
})

test('a backup that is told to stop leaves nothing', async () => {
  const { server } = await backedUp([])
  const dir = temporary()
  const child = spawn(BINARY, ['backup', dir, '--data-dir', server.dataDir], { env: environment() })
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'close')

  // It may have been told before it could hear, or too late.
  assert.ok(code === 130 || code === 0 || signal === 'SIGTERM')
  if (code !== 0) assert.deepEqual(readdirSync(dir), [])
})
