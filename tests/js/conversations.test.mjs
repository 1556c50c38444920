// Conversations: made, listed, renamed, deleted; names and ids that are not allowed.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse, say } from './lib/scene.mjs'
import { up } from './lib/server.mjs'
import { assertOrderly } from './lib/viewer.mjs'

let scene
before(async () => (scene = await Scene.open()))

const having = (...names) => scene.having(...names)

const list = (v, agentId, more = {}) => v.forward('listConversations', agentId, { agentId, ...more })

/** What they are called, without the one that every agent has. */
const names = ({ conversations }) => conversations.map(({ name }) => name).filter((name) => name !== 'default')

test('a new conversation is empty and says so', async () => {
  const { infos, agentId } = await having('Plans')

  const { createdAt, lastActivityAt, conversationId, ...rest } = infos[0]

  assert.match(conversationId, /^cv_/)
  assert.match(createdAt, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/)
  assert.equal(lastActivityAt, createdAt)
  assert.deepEqual(rest, { agentId, name: 'Plans', clientCount: 0, messageCount: 0, running: false, ephemeral: false })
})

test('without a name it is called after the time', async () => {
  const { create } = await having()

  const [first, second] = [await create(undefined), await create(undefined, { onNameCollision: 'appendNumber' })]

  assert.match(first.name, /^Conversation \d{4}-\d\d-\d\d \d\d:\d\d( \(\d+\))?$/)
  assert.notEqual(second.name, first.name)
})

test('a name is trimmed, and taken whatever the case', async () => {
  const { v, agentId, create, infos } = await having('  Plans  ')
  const other = await having('plans')

  const taken = await v.denied('createConversation', agentId, { agentId, name: 'PLANS ' })
  const second = await create('plans', { onNameCollision: 'appendNumber' })
  const third = await create('Plans', { onNameCollision: 'appendNumber' })

  assert.equal(infos[0].name, 'Plans')
  assert.equal(other.infos[0].name, 'plans', 'another agent’s names are its own')
  assert.equal(taken.code, 'NAME_TAKEN')
  assert.deepEqual([second.name, third.name], ['plans (2)', 'Plans (3)'])
})

test('names that are none', async () => {
  const { v, agentId, ids, create } = await having('fine')
  const bad = ['', '   ', 'x'.repeat(257), 'x'.repeat(1_000_000), 'a\nb', 'a\u0000b', '\u001b[31mred', 'a\u007fb', 'a\u0085b', 7, {}]

  for (const name of bad) {
    const created = await v.denied('createConversation', agentId, { agentId, name })
    const renamed = await v.denied('renameConversation', agentId, { agentId, conversationId: ids[0], newName: name })
    assert.deepEqual([created.code, renamed.code], ['INVALID_PAYLOAD', 'INVALID_PAYLOAD'], JSON.stringify(name).slice(0, 40))
  }
  const longest = '🛶'.repeat(256)
  assert.equal((await create(longest)).name, longest)
  assert.deepEqual(names(await list(v, agentId)).sort(), ['fine', longest].sort())
})

test('the longest name finds another one when it is taken', async () => {
  const { create } = await having('n'.repeat(256))

  const second = await create('n'.repeat(256), { onNameCollision: 'appendNumber' })

  assert.ok(second.name.endsWith(' (2)') && [...second.name].length <= 256, second.name)
})

test('everybody who joins without a name at once is in one conversation', async () => {
  const agentId = await scene.agent()
  const viewers = await Promise.all([1, 2, 3, 4].map(() => scene.viewer()))

  const joined = await Promise.all(viewers.map((v) => v.join(agentId)))

  assert.equal(new Set(joined.map((j) => j.conversationId)).size, 1)
  assert.deepEqual([joined[0].name, joined[0].headSeq, joined[0].interactions], ['default', 0, []])
  assert.deepEqual([joined[0].queue.running, joined[0].queue.queued], [[], []])
  const { conversations } = await list(viewers[0], agentId)
  assert.deepEqual(conversations.map((c) => [c.name, c.clientCount]), [['default', 4]])
})

test('join twice, leave twice', async () => {
  const { v, agentId, ids } = await having('here')
  const [conversationId] = ids
  const here = { agentId, conversationId }

  const before = await v.denied('leaveConversation', agentId, here)
  await v.join(agentId, { conversationId })
  const twice = await v.denied('joinConversation', agentId, here)
  await v.forward('leaveConversation', agentId, here)
  const after = await v.denied('leaveConversation', agentId, here)
  await v.join(agentId, { conversationId })

  assert.equal(twice.code, 'ALREADY_JOINED')
  for (const error of [before, after]) {
    assert.deepEqual([error.code, error.message], ['NOT_JOINED', `Not joined to conversation: ${conversationId}`])
  }
})

test('ids that are none, and ids of nobody', async () => {
  const { v, agentId } = await having()
  const commands = {
    joinConversation: {},
    leaveConversation: {},
    deleteConversation: {},
    clearHistory: {},
    getHistory: {},
    renameConversation: { newName: 'x' },
    insertHistory: { messages: [{ from: 'user', text: 'x' }] },
    chat: { message: 'x' },
    startRun: { message: 'x', runId: 'run_1' },
  }

  for (const [event, more] of Object.entries(commands)) {
    for (const conversationId of ['../../etc/passwd', 'a/../b', '', 'a b', 'c'.repeat(129), 7, {}]) {
      const error = await v.denied(event, agentId, { agentId, conversationId, ...more })
      assert.equal(error.code, 'INVALID_PAYLOAD', `${event} ${JSON.stringify(conversationId)} ${JSON.stringify(error)}`)
    }
    const error = await v.denied(event, agentId, { agentId, conversationId: 'cv_..', ...more })
    const expected = event === 'leaveConversation' ? /^(NOT_JOINED|CONVERSATION_NOT_FOUND)$/ : /^CONVERSATION_NOT_FOUND$/
    assert.match(error.code, expected, event)
    if (event === 'joinConversation') assert.equal(error.message, 'Conversation not found: cv_..')
  }
  await v.join(agentId)
})

test('a conversation of another agent is not this agent’s', async () => {
  const [mine, other] = [await having('mine'), await having('other')]
  const [conversationId] = other.ids

  const error = await mine.v.denied('joinConversation', mine.agentId, { agentId: mine.agentId, conversationId })

  assert.equal(error.code, 'CONVERSATION_NOT_FOUND')
})

test('a list: newest activity first, by part of the name, page by page', async () => {
  const { v, agentId, ids } = await having('Alpha', 'beta', 'ALPHABET', 'gamma')
  const others = await having('alpha of another')
  await v.join(agentId, { conversationId: ids[1] })
  await converse(v, agentId, ids[1], 'hello')

  const all = await list(v, agentId)
  const some = await list(v, agentId, { name: 'aLPha' })
  const pages = []
  for (let cursor; ; ) {
    const page = await list(v, agentId, { limit: 3, cursor })
    pages.push(page.conversations.map(({ name }) => name))
    cursor = page.next
    if (!cursor) break
  }

  assert.deepEqual(names(all), ['beta', 'gamma', 'ALPHABET', 'Alpha'])
  assert.equal(all.next, undefined)
  assert.deepEqual(names(some), ['ALPHABET', 'Alpha'])
  assert.deepEqual(pages, [['beta', 'gamma', 'ALPHABET'], ['Alpha', 'default']])
  assert.equal(names(all).includes('alpha of another'), false, others.agentId)
  const beta = all.conversations[0]
  assert.deepEqual([beta.clientCount, beta.messageCount, beta.running], [1, 2, false])
  for (const wrong of [{ limit: 0 }, { limit: 1_001 }, { cursor: 'nonsense' }, { name: 7 }]) {
    assert.equal((await v.denied('listConversations', agentId, { agentId, ...wrong })).code, 'INVALID_PAYLOAD', JSON.stringify(wrong))
  }
})

test('a list shows that a run is open', async () => {
  const { v, agentId, ids } = await having('busy')
  await v.join(agentId, { conversationId: ids[0] })
  const { runId } = await say(v, agentId, ids[0], '/stall')

  const open = await list(v, agentId)
  await v.forward('cancelRun', agentId, { agentId, runId })
  await v.ended(runId)

  assert.equal(open.conversations[0].running, true)
  assert.equal((await list(v, agentId)).conversations[0].running, false)
})

test('all who are logged in to the agent see what becomes of its conversations', async () => {
  const { v, agentId, ids, create } = await having('first')
  const other = await scene.viewer()
  const elsewhere = await scene.viewer()
  await Promise.all([v.follow(scene.clientId, agentId), other.follow(scene.clientId, agentId), elsewhere.join(await scene.agent())])
  const [conversationId] = ids
  const { viewerId } = (await v.event('connected')).payload
  const from = new Map([v, other].map((x) => [x, x.events.length]))

  const made = await create('second')
  await v.forward('renameConversation', agentId, { agentId, conversationId, newName: 'FIRST' })
  await v.forward('clearHistory', agentId, { agentId, conversationId })
  await v.forward('deleteConversation', agentId, { agentId, conversationId })

  for (const seen of [v, other]) {
    await seen.tells('conversationUpdate', { action: 'deleted' })
    const since = seen.events.slice(from.get(seen)).filter((e) => e.event === 'conversationUpdate')
    const updates = since.map((e) => e.payload).filter((u) => !['joined', 'left'].includes(u.action))
    assert.deepEqual(
      updates.map((u) => [u.action, u.conversationId, u.conversation?.name, u.viewerId]),
      [
        ['created', made.conversationId, 'second', viewerId],
        ['renamed', conversationId, 'FIRST', viewerId],
        ['cleared', conversationId, 'FIRST', viewerId],
        ['deleted', conversationId, undefined, viewerId],
      ],
    )
  }
  assert.deepEqual(elsewhere.told('conversationUpdate', { agentId }), [])
  assert.deepEqual(names(await list(v, agentId)), ['second'])
})

test('renaming to a taken name is refused or numbered', async () => {
  const { v, agentId, ids } = await having('one', 'two')
  const rename = { agentId, conversationId: ids[1], newName: 'ONE' }

  const error = await v.denied('renameConversation', agentId, rename)
  const numbered = await v.forward('renameConversation', agentId, { ...rename, onNameCollision: 'appendNumber' })

  assert.equal(error.code, 'NAME_TAKEN')
  assert.equal(numbered.name, 'ONE (2)')
})

test('deleting takes the runs along, and a stale client is told', async () => {
  const { agentId, conversationId, viewers } = await scene.room(2)
  const [v, stale] = viewers
  const running = await say(v, agentId, conversationId, '/stall')
  const waiting = await say(v, agentId, conversationId, 'never')

  await v.forward('deleteConversation', agentId, { agentId, conversationId })
  await stale.tells('conversationUpdate', { action: 'deleted', conversationId })

  for (const event of ['deleteConversation', 'joinConversation', 'getHistory', 'clearHistory']) {
    const error = await stale.denied(event, agentId, { agentId, conversationId })
    assert.equal(error.code, 'CONVERSATION_NOT_FOUND', event)
  }
  assert.equal((await stale.denied('chat', agentId, { agentId, conversationId, message: 'x' })).code, 'CONVERSATION_NOT_FOUND')
  for (const { runId } of [running, waiting]) {
    assert.equal((await v.denied('cancelRun', agentId, { agentId, runId })).code, 'RUN_NOT_FOUND')
  }
  assert.deepEqual(names(await list(v, agentId)), [])
  const { conversationId: anew } = await v.join(agentId)
  assert.equal((await converse(v, agentId, anew, 'still here')).end.state, 'done')
})

test('the default conversation is always there, under that name', async () => {
  const agentId = await scene.agent()
  const v = await scene.viewer()
  const { conversationId } = await v.join(agentId)

  const errors = [
    await v.denied('deleteConversation', agentId, { agentId, conversationId }),
    await v.denied('renameConversation', agentId, { agentId, conversationId, newName: 'other' }),
    await v.denied('createConversation', agentId, { agentId, name: 'Default' }),
  ]

  assert.deepEqual(errors.map((e) => e.code), ['FORBIDDEN', 'FORBIDDEN', 'NAME_TAKEN'])
  assert.equal((await converse(v, agentId, conversationId, 'still here')).end.state, 'done')
})

test('a read-only conversation takes what is imported and nothing else', async () => {
  const { agentId, conversationId, viewers } = await scene.room(1, { create: { name: 'imported', readOnly: true } })
  const [v] = viewers

  for (const [event, more] of [['chat', {}], ['startRun', { runId: 'run_1' }]]) {
    const error = await v.denied(event, agentId, { agentId, conversationId, message: 'x', ...more })
    assert.equal(error.code, 'READ_ONLY', event)
  }
  await v.forward('insertHistory', agentId, { agentId, conversationId, messages: [{ from: 'user', text: 'once said' }] })
  await v.until((x) => x.messages(conversationId).some((m) => m.text === 'once said'))
  const other = await scene.viewer()

  assert.equal((await other.join(agentId, { conversationId })).readOnly, true)
  assert.equal((await list(v, agentId)).conversations[0].readOnly, true)
})

test('what there was is there after a restart, except what was to end with its maker', async () => {
  const first = await Scene.open()
  const agentId = await first.agent()
  const v = await first.viewer({ reconnection: false })
  const create = (more) => v.forward('createConversation', agentId, { agentId, ...more })
  const [kept, ephemeral] = [await create({ name: 'kept' }), await create({ name: 'fleeting', ephemeral: true })]
  for (const { conversationId } of [kept, ephemeral]) {
    await v.join(agentId, { conversationId })
    await converse(v, agentId, conversationId, `hello ${conversationId}`)
  }
  assert.equal(ephemeral.ephemeral, true)
  await first.server.kill()

  const second = new Scene(await up({ dataDir: first.server.dataDir }))
  const late = await second.viewer()
  const { end } = await late.join(agentId, { conversationId: kept.conversationId })

  assert.deepEqual(names(await list(late, agentId)), ['kept'])
  assert.deepEqual(late.entries(kept.conversationId), v.entries(kept.conversationId))
  assert.equal(end.count, 4)
  assertOrderly(late, kept.conversationId)
  const error = await late.denied('joinConversation', agentId, { agentId, conversationId: ephemeral.conversationId })
  assert.equal(error.code, 'CONVERSATION_NOT_FOUND')
})
