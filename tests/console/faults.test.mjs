// Whatever dies, and whatever is cut: it is told, nothing that was said is lost, nothing is said twice, the order stays.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Proxy } from '../js/lib/proxy.mjs'
import { Scene } from '../js/lib/scene.mjs'
import { apart, controller, manager } from '../js/lib/server.mjs'
import { CUT_OFF, Desk, counted, holds } from './lib/page.mjs'
import { conversation, entries, messages, room } from './lib/room.mjs'

/** Whoever comes while it is away gets this of the REST interface. */
const AWAY = [...CUT_OFF, /status of 503/]

/** All that is said in a test is in view, as only what is in view has rows. */
const TALL = { width: 1280, height: 4000 }

let scene
before(async () => (scene = await Scene.open()))

/** Both tiers in processes of their own, and a person in a conversation with an agent that echoes. */
async function sit(t) {
  const tiers = await apart()
  const { clientId, agentId } = tiers
  const place = async () => ({ ...(await at(tiers.controller, clientId)), agentId, conversationId })
  const { conversationId } = await conversation((await at(tiers.controller, clientId)).v, agentId, 'talk')
  const desk = await Desk.open(t, tiers.controller, { expected: AWAY, login: false, viewport: TALL })
  // The pauses between two attempts are as long as they can be, so that one sees them.
  await desk.context.addInitScript(() => (Math.random = () => 0.999))
  await desk.login()
  await desk.visit(agentId, conversationId, clientId)
  return { ...tiers, desk, page: desk.page, place }
}

/** The official client at a controller that may be a new one by now. */
async function at(server, clientId) {
  return { v: await new Scene(server, clientId).viewer() }
}

const again = {
  controller: async ({ controller: { dataDir, port } }) => controller({ dataDir, port }),
  manager: async ({ manager: { dataDir, port } }) => manager({ dataDir, port }),
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => `message ${from + n}`)

async function sayAll(desk, texts) {
  for (const text of texts) await desk.say(text)
}

/** All of it was said once, in this order, is answered, and is shown as the log has it, entry by entry. */
async function assertAllSaid(desk, place, texts) {
  await counted(desk.outgoing, 0)
  await counted(desk.log.locator('article.agent'), texts.length)
  await counted(desk.log.locator('article.user').getByRole('img', { name: 'delivered' }), texts.length)
  const log = await entries(place)
  const said = log.filter(({ event, payload }) => event === 'chatMessage' && payload.from === 'user')
  assert.deepEqual(said.map(({ payload }) => payload.text), texts)
  assert.equal(new Set(said.map(({ payload }) => payload.messageId)).size, texts.length)
  assert.deepEqual(log.map(({ payload }) => payload.seq), log.map((_, n) => n + 1))
  const logged = log
    .filter(({ event }) => event === 'chatMessage')
    .map(({ payload }) => [payload.from, payload.from === 'user' ? payload.text : payload.response.result])
  await holds(async () => assert.deepEqual(await shown(desk), logged))
}

/** Who said what, as one sees it. */
const shown = (desk) =>
  desk.log.locator('article').evaluateAll((all) => all.map((row) => [row.classList[0], row.querySelector('.bubble, .markdown').innerText.trim()]))

const countdown = /attempt \d+, (next try in \d+ s|trying…)/

test('the controller is killed and comes back while somebody types', async (t) => {
  const tiers = await sit(t)
  const { desk, page, place } = tiers
  await sayAll(desk, numbered(1, 5))

  await tiers.controller.kill()
  await sayAll(desk, numbered(6, 10))
  await desk.banner.getByText('Connection lost').waitFor()
  await desk.banner.getByText(countdown).waitFor()
  await desk.outgoing.filter({ hasText: 'message 10' }).getByText('not sent yet').waitFor()
  // Each attempt that is asked for is made, and the pause after it is longer.
  await holds(async () => {
    await page.getByRole('button', { name: 'Try now' }).click()
    assert.match(await desk.banner.innerText(), /next try in (1[5-9]|2\d) s/)
  })
  await desk.say('message 11')

  await again.controller(tiers)
  await page.getByRole('button', { name: 'Try now' }).click()
  await sayAll(desk, numbered(12, 15))
  await counted(desk.banner.getByText('Connection lost'), 0)

  await assertAllSaid(desk, await place(), numbered(1, 15))
})

test('both are killed, the controller comes back first, and the page is opened anew before the manager does', async (t) => {
  const tiers = await sit(t)
  const { desk, page, place } = tiers
  await sayAll(desk, numbered(1, 3))
  await desk.answered('message 3').waitFor()

  await Promise.all([tiers.controller.kill(), tiers.manager.kill()])
  await sayAll(desk, numbered(4, 6))
  await desk.banner.getByText('Connection lost').waitFor()
  await again.controller(tiers)
  await desk.banner.getByText(/cannot be reached/).waitFor()
  await page.reload()
  await desk.banner.getByText(/cannot be reached/).waitFor()
  await desk.composer.waitFor()
  await sayAll(desk, numbered(7, 9))

  await again.manager(tiers)
  await assertAllSaid(desk, await place(), numbered(1, 9))
})

test('what is refused says why: sent again, edited, discarded', async (t) => {
  const place = await room(scene)
  const { agentId } = place
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const refused = (text) => desk.outgoing.filter({ hasText: text })
  const press = (text, name) => refused(text).getByRole('button', { name }).click()

  const agent = (action) => scene.server.rest('POST', `/api/clients/${scene.clientId}/agents/${agentId}/${action}`)
  assert.ok((await agent('stop')).status < 300)
  for (const text of ['one', 'two', 'three']) await desk.say(text)
  for (const text of ['one', 'two', 'three']) await refused(text).getByText('not sent', { exact: true }).waitFor()
  assert.match(await refused('one').locator('.error').innerText(), /stopped/)
  await desk.page.reload()
  await desk.ready()
  await counted(desk.outgoing, 3)

  await press('one', 'Send again')
  await refused('one').getByText('not sent', { exact: true }).waitFor()
  assert.ok((await agent('start')).status < 300)
  await press('three', 'Discard')
  await press('two', 'Edit')
  assert.equal(await desk.composer.inputValue(), 'two')
  await press('one', 'Send again')
  await desk.answered('one').waitFor()
  await desk.composer.press('Enter')
  await desk.answered('two').waitFor()

  await counted(desk.outgoing, 0)
  await desk.page.reload()
  await desk.ready()
  await desk.answered('two').waitFor()
  await counted(desk.outgoing, 0)
  assert.deepEqual(await messages(place), ['you: one', 'agent: one', 'you: two', 'agent: two'])
})

test('a conversation that takes no messages, and one that is deleted while one is away', async (t) => {
  const place = await room(scene)
  const { v, agentId } = place
  const { conversationId } = await v.forward('createConversation', agentId, { agentId, name: 'imported', readOnly: true })
  const desk = await Desk.open(t, scene.server, { expected: CUT_OFF })
  await desk.page.goto(desk.origin + desk.place(agentId, conversationId))
  await desk.see('This conversation takes no messages.')
  assert.equal(await desk.page.getByRole('button', { name: 'Send' }).isEnabled(), false)

  await desk.visit(...place.at)
  await desk.context.setOffline(true)
  await desk.say('into nothing')
  await desk.outgoing.getByText('not sent yet').waitFor()
  await v.forward('deleteConversation', agentId, { agentId, conversationId: place.conversationId })
  await desk.context.setOffline(false)

  await desk.see('This conversation does not exist any more.')
})

test('offline and back', async (t) => {
  const place = await room(scene)
  const desk = await Desk.open(t, scene.server, { expected: CUT_OFF, viewport: TALL })
  await desk.visit(...place.at)
  await sayAll(desk, numbered(1, 2))
  await desk.answered('message 2').waitFor()

  await desk.context.setOffline(true)
  await desk.banner.getByText('You are offline').waitFor()
  await sayAll(desk, numbered(3, 4))
  await counted(desk.outgoing.getByText('not sent yet'), 2)
  await desk.context.setOffline(false)

  await counted(desk.banner.getByText('You are offline'), 0)
  await assertAllSaid(desk, place, numbered(1, 4))
})

test('connections that swallow what the server says are found within 30 seconds, and made anew', async (t) => {
  const proxy = await Proxy.before(scene.server.controller)
  const place = await room(scene)
  const desk = await Desk.open(t, { ...scene.server, controller: proxy.url, token: scene.server.token }, { viewport: TALL, expected: CUT_OFF })
  await desk.visit(...place.at, scene.clientId)
  await sayAll(desk, numbered(1, 2))
  await desk.answered('message 2').waitFor()

  proxy.mute()
  const before = proxy.accepted
  await sayAll(desk, numbered(3, 4))
  await holds(async () => assert.ok(proxy.accepted > before))

  await assertAllSaid(desk, place, numbered(1, 4))
  await sayAll(desk, numbered(5, 6))
  await assertAllSaid(desk, place, numbered(1, 6))
})
