// `longshore conversations`: made, found, changed, exported and imported.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'

import { cli, temporary, up } from './lib/server.mjs'

let server
before(async () => (server = await up()))

const conversations = (args, options) => cli(['conversations', ...args, '--data-dir', server.dataDir], options)
const run = (...args) => cli(['run', '--data-dir', server.dataDir, ...args])
const data = async (args) => JSON.parse((await conversations([...args, '--json'])).stdout)

test('one is made, listed, renamed and deleted, by name or id', async () => {
  const made = await conversations(['create', 'Notes'])
  const [, id] = /^Created conversation 'Notes' \((\S+)\)\n$/.exec(made.stdout)

  const listed = await conversations(['list'])
  assert.match(listed.stdout, /^CONVERSATION ID +NAME +MESSAGES +CLIENTS +CREATED AT\n/)
  assert.match(listed.stdout, new RegExp(`^${id} +Notes +0 +0 +\\d{4}-`, 'm'))
  assert.deepEqual((await data(['list', '--name', 'note'])).map((c) => c.conversationId), [id])

  assert.equal((await conversations(['rename', 'NOTES', 'More notes'])).stdout, `Renamed conversation ${id} to 'More notes'\n`)
  assert.equal((await data(['rename', id, 'Notes'])).name, 'Notes')
  const asked = await conversations(['delete', 'Notes'])
  assert.equal(asked.code, 1)
  assert.match(asked.stderr, /--yes/)
  assert.deepEqual(await data(['delete', 'Notes', '-y']), { conversationId: id, deleted: true })
  const gone = await conversations(['delete', 'Notes', '-y'])
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /^error: No conversation named or matching "Notes" found\n?.*\nhint: /)
})

test('a name is unique, and without one it is CLI', async () => {
  assert.match((await conversations(['create'])).stdout, /^Created conversation 'CLI'/)
  const again = await conversations(['create', 'cli'])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /^error: A conversation named "cli" already exists/)
  const long = await conversations(['create', 'x'.repeat(257)])
  assert.equal(long.code, 1)
})

test('they are found by something like their name and by what was said', async () => {
  await conversations(['create', 'Refactoring the parser'])
  assert.equal((await run('--conversation=Refactoring the parser', 'a pelican on the quay')).code, 0)

  assert.match((await conversations(['find', 'PARSER'])).stdout, /Refactoring the parser/)
  const [found] = await data(['find', 'Refactoring teh parser'])
  assert.equal(found.conversation.name, 'Refactoring the parser')
  assert.ok(found.score > 0.6 && found.score < 1)
  const said = await conversations(['search', 'pelican'])
  assert.match(said.stdout, /^Refactoring the parser {2}\(cv_\w+\)\n {2}.*pelican/)
  assert.equal((await data(['search', 'pelican'])).length, 1)
  for (const nothing of [['find', 'zzzzzz'], ['search', 'zzzzzz'], ['list', '--name', 'zzzzzz']]) {
    assert.equal((await conversations(nothing)).stdout, 'No conversations found.\n')
  }
})

test('one is exported, and imported with its times', async () => {
  await conversations(['create', 'to export'])
  assert.equal((await run('--conversation=to export', 'grüß dich')).code, 0)
  const dir = temporary()
  const out = path.join(dir, 'exported.jsonl')

  const piped = await conversations(['export', 'to export'])
  const filed = await conversations(['export', 'to export', '--out', out])
  assert.deepEqual([piped.code, filed.code, filed.stdout], [0, 0, ''], filed.stderr)
  assert.equal(readFileSync(out, 'utf8'), piped.stdout)
  assert.deepEqual(readdirSync(dir), ['exported.jsonl'])
  assert.match((await conversations(['export', 'to export', '--format=markdown'])).stdout, /^# Conversation .*\n\n## owner · .*\n\ngrüß dich\n/)

  const imported = await data(['import', out])
  assert.deepEqual([imported.name, imported.messages, imported.leftOut, imported.readOnly], ['exported', 2, 2, true])
  const again = await conversations(['export', 'exported'])
  const messages = (text) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'chatMessage')
      .map(({ payload: { from, text, response, timestamp } }) => [from, text ?? response.result, timestamp])
  assert.deepEqual(messages(again.stdout), messages(piped.stdout))
  const refused = await run('--conversation=exported', 'more')
  assert.equal(refused.code, 1, 'the agent knows nothing of it')

  const writable = await conversations(['import', out, '--name=goes on', '--writable'])
  assert.match(writable.stdout, /^Imported 2 messages as 'goes on' \(cv_\w+\)\n$/)
  assert.equal((await run('--conversation=goes on', 'more')).stdout, 'more\n')
})

test('an array of pairs is imported, from a file or a pipe', async () => {
  const pairs = Array.from({ length: 600 }, (_, n) => ({ user: `question ${n}`, assistant: `answer ${n}` }))
  const file = path.join(temporary(), 'pairs.json')
  writeFileSync(file, JSON.stringify(pairs))

  assert.equal((await data(['import', file])).messages, 1200)
  const piped = await conversations(['import', '-', '--name=piped'], { input: JSON.stringify(pairs.slice(0, 1)) })
  assert.match(piped.stdout, /^Imported 2 messages as 'piped'/)
  assert.equal((await data(['search', 'question 599']))[0].conversation.name, 'pairs')
})

test('what cannot be imported leaves nothing behind', async () => {
  const before = (await data(['list'])).length
  for (const [text, says] of [
    ['', /it is empty/],
    ['hello', /line 1/],
    ['[]', /no messages/],
  ]) {
    const { code, stderr } = await conversations(['import', '-'], { input: text })
    assert.equal(code, 1)
    assert.match(stderr, says)
  }
  assert.equal((await conversations(['import', path.join(temporary(), 'missing')])).code, 1)
  assert.equal((await data(['list'])).length, before)
})
