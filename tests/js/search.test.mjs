// Search in names and in what was said.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene, converse } from './lib/scene.mjs'

let scene
before(async () => (scene = await Scene.open()))

const having = (...names) => scene.having(...names)

test('search: names and content, best first, of this agent alone', async () => {
  const { v, agentId, ids, create } = await having('Pelican facts', 'other')
  await v.join(agentId, { conversationId: ids[1] })
  await converse(v, agentId, ids[1], 'the albatross sleeps in flight, said the pelican')
  const elsewhere = await having('pelican of another agent')
  const search = async (query, more = {}) =>
    (await v.forward('searchConversations', agentId, { agentId, query, ...more })).results

  const both = await search('pelican')
  const words = await search('flight albatross')
  const prefix = await search('albat')
  const one = await search('PELICAN', { limit: 1 })

  assert.deepEqual(both.map((r) => r.conversation.name).sort(), ['Pelican facts', 'other'], elsewhere.agentId)
  assert.ok(both[0].score >= both[1].score)
  assert.deepEqual(words.map((r) => r.conversation.conversationId), [ids[1]])
  assert.match(words[0].snippets[0].text, /albatross/)
  assert.ok(words[0].snippets[0].seq >= 1 && words[0].snippets.length <= 3)
  assert.equal(prefix.length, 1)
  assert.equal(one.length, 1)
  assert.deepEqual(await search('kingfisher'), [])

  await v.forward('deleteConversation', agentId, { agentId, conversationId: ids[1] })
  assert.deepEqual((await search('albatross')).length, 0)
  await create('albatross')
  assert.equal((await search('albatross')).length, 1)
})

test('nothing in a search is an operator', async () => {
  const { v, agentId, ids } = await having('quotes "and" NOT')
  await v.join(agentId, { conversationId: ids[0] })
  await converse(v, agentId, ids[0], 'she said "hello OR goodbye" (twice), not once')
  const search = (query) => v.forward('searchConversations', agentId, { agentId, query })
  const hostile = [
    '"', '""', '"hello', 'hello"', '(', ')', '*', 'hello*', 'NOT', 'AND', 'OR', 'NEAR(hello goodbye)', 'text:hello', '-hello', '^hello',
    'hello AND', '{a b}: x', "'; DROP TABLE entries; --", '\\', '%', '_', '🛶', '+', ':', ',', 'hello\u0000goodbye',
  ]

  for (const query of hostile) assert.ok(Array.isArray((await search(query)).results), query)

  assert.equal((await search('"hello OR goodbye"')).results.length, 1)
  assert.equal((await search('hello NOT goodbye')).results.length, 1, 'all three are words')
  for (const query of ['', 'x'.repeat(257), 7]) {
    assert.equal((await v.denied('searchConversations', agentId, { agentId, query })).code, 'INVALID_PAYLOAD', String(query).slice(0, 9))
  }
})
