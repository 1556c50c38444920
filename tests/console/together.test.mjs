// Two browsers on one conversation, and what everybody sees of everything in the side bar.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { Desk, counted, holds } from './lib/page.mjs'
import { acp, conversation, fill, messages, room } from './lib/room.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** Two people in a new conversation. */
async function pair(t, spec) {
  const place = await room(scene, spec)
  const desks = await Promise.all([Desk.open(t, scene.server), Desk.open(t, scene.server)])
  await Promise.all(desks.map((desk) => desk.visit(...place.at)))
  return { place, desks, a: desks[0], b: desks[1] }
}

test('both see the same in the same order, who typed, and who is there', async (t) => {
  const { a, b, place } = await pair(t, {})
  await a.page.getByRole('img', { name: '1 other is here' }).waitFor()
  await b.page.getByRole('img', { name: '1 other is here' }).waitFor()

  const said = Array.from({ length: 6 }, (_, n) => [n % 2 ? b : a, `message ${n}`])
  for (const [desk, text] of said) await desk.say(text)
  for (const desk of [a, b]) {
    await counted(desk.log.locator('article.agent'), 6)
    await counted(desk.outgoing, 0)
  }

  const of = (desk) => desk.log.locator('article').evaluateAll((all) => all.map((row) => [row.dataset.seq, row.classList[0], row.lastElementChild.innerText]))
  await holds(async () => assert.deepEqual(await of(a), await of(b)))
  assert.deepEqual((await of(a)).map(([, , text]) => text).sort(), (await messages(place)).map((m) => m.split(': ')[1]).sort())
  const who = (desk, text) => desk.said(text).locator('.who').innerText()
  assert.equal(await who(a, 'message 0'), 'you')
  assert.equal(await who(b, 'message 1'), 'you')
  const { user } = await (await b.context.request.get(`${b.origin}/api/session`)).json()
  assert.equal(await who(b, 'message 0'), user)
  assert.equal(await who(a, 'message 1'), user)

  await b.context.close()
  await counted(a.page.getByRole('img', { name: /here/ }), 0)
})

test('what one sends streams at both, and either can stop it', async (t) => {
  const { a, b } = await pair(t, acp())
  await a.say('slow')
  await b.log.locator('article.writing').getByText('tick 5 ').waitFor()

  await b.page.getByRole('button', { name: 'Stop', exact: true }).click()

  for (const desk of [a, b]) await desk.log.getByText('Cancelled: stopped by somebody').waitFor()
})

test('a question answered in one is resolved in the other at once, and says by whom', async (t) => {
  const { a, b } = await pair(t, acp())
  await a.say('ask')
  const card = (desk) => desk.log.getByRole('region')
  for (const desk of [a, b]) {
    await card(desk).getByText('Needs you').waitFor()
    await card(desk).getByText('rm -rf build').first().waitFor()
    await counted(card(desk).getByRole('button'), 4)
    await desk.sidebar.getByRole('img', { name: 'waiting for you' }).first().waitFor()
  }

  await b.page.getByRole('button', { name: 'Allow', exact: true }).click()

  await card(b).getByText('you: Allow').waitFor()
  await card(a).getByText(/^(?!you)\S+: Allow$/).waitFor()
  for (const desk of [a, b]) {
    await counted(card(desk).getByRole('button'), 0)
    await desk.answered('allowed: once').waitFor()
    await counted(desk.sidebar.getByRole('img', { name: 'waiting for you' }), 0)
  }
})

test('both answer at once: one counts, and both are told which', async (t) => {
  const { a, b } = await pair(t, {})
  await a.say('/ask left right')
  const choice = (desk, name) => desk.page.getByRole('button', { name, exact: true })
  await choice(a, 'left').waitFor()
  await choice(b, 'right').waitFor()

  const press = (desk, name) => choice(desk, name).evaluate((button) => button.click())
  await Promise.all([press(a, 'left'), press(b, 'right')])

  const outcome = async (desk) => (await desk.log.getByRole('region').locator('strong').innerText()).trim()
  await holds(async () => {
    const [first, second] = [await outcome(a), await outcome(b)]
    assert.equal(first.split(': ')[1], second.split(': ')[1])
    assert.equal([first, second].filter((text) => text.startsWith('you: ')).length, 1, `${first}, ${second}`)
  })
  const won = (await outcome(a)).split(': ')[1]
  for (const desk of [a, b]) await desk.log.locator('article.agent').getByText(won).waitFor()
})

test('somebody else was faster: it is told', async (t) => {
  const { a, b, place } = await pair(t, {})
  await a.say('/ask left right')
  await b.page.getByRole('button', { name: 'right', exact: true }).waitFor()
  // What b hears is held back, so that it answers without knowing.
  await b.page.evaluate(() => (window.held = true))
  const { payload } = (await place.v.forward('getHistory', place.agentId, { agentId: place.agentId, conversationId: place.conversationId, limit: 50 })).events.find(
    ({ event }) => event === 'interactionRequest',
  )
  await place.v.forward('respondInteraction', place.agentId, { agentId: place.agentId, interactionId: payload.interactionId, value: 'left' })

  await b.log.getByRole('region').getByText(/: left$/).waitFor()
  await a.log.getByRole('region').getByText(/: left$/).waitFor()
})

test('a question without choices, a form of none: written and declined', async (t) => {
  const { a, b } = await pair(t, {})
  await a.say('/asktext 60000')
  await b.page.getByRole('textbox', { name: 'Answer' }).fill('forty-two')
  await b.page.keyboard.press('Enter')
  await a.answered('forty-two').waitFor()

  await a.say('/ask yes no')
  await b.page.getByRole('button', { name: 'Don’t answer' }).click()
  await a.log.getByText('not answered').waitFor()
})

test('a question above is not missed: a button leads to it', async (t) => {
  const { a, place } = await pair(t, {})
  await fill(place, 200)
  await a.say('/ask yes no')
  await a.page.getByRole('button', { name: 'yes', exact: true }).waitFor()
  await a.log.hover()
  await a.page.mouse.wheel(0, -4_000)

  await a.page.getByRole('button', { name: '1 question waits for you' }).click()
  await a.page.getByRole('button', { name: 'no', exact: true }).click()
  await a.log.getByText('you: no').waitFor()
})

test('the side bar: what others do elsewhere, and what one has not read', async (t) => {
  const place = await room(scene, acp({ name: 'busy' }), 'elsewhere')
  const here = await conversation(place.v, place.agentId, 'here')
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...here.at)
  const item = desk.sidebar.getByRole('link', { name: 'elsewhere' })
  await item.waitFor()
  const agent = desk.sidebar.getByRole('link', { name: /busy$/ })

  await place.v.join(place.agentId, { conversationId: place.conversationId })
  const { runId } = await place.v.chat(place.agentId, 'slow', { conversationId: place.conversationId })
  await item.getByRole('img', { name: 'running' }).waitFor()
  await agent.getByRole('img', { name: 'running' }).waitFor()
  await item.getByLabel('1 unread message').waitFor()
  // An answer that has not begun is none.
  await place.v.tells('chatEvent', { runId, kind: 'assistantDelta' })
  await place.v.forward('cancelRun', place.agentId, { runId })
  await item.getByLabel('2 unread messages').waitFor()
  await agent.getByRole('img', { name: 'idle' }).waitFor()
  await place.v.chat(place.agentId, 'ask', { conversationId: place.conversationId })
  await item.getByRole('img', { name: 'waiting for you' }).waitFor()
  await item.getByLabel('3 unread messages').waitFor()

  await item.click()
  await desk.page.getByRole('button', { name: 'Reject' }).click()
  await desk.answered('denied').waitFor()
  await counted(desk.sidebar.getByLabel(/unread/), 0)
  await desk.page.reload()
  await desk.ready()
  await desk.sidebar.getByRole('link', { name: 'here', exact: true }).waitFor()
  await counted(desk.sidebar.getByLabel(/unread/), 0)
})

test('conversations are made, renamed, cleared, exported and deleted, for everybody at once', async (t) => {
  const { a, b, place } = await pair(t, { name: 'many' })
  const { page } = a
  const dialog = page.getByRole('dialog')
  const more = async (name) => {
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name, exact: true }).click()
  }

  await a.sidebar.getByRole('button', { name: 'New conversation with many' }).click()
  await dialog.getByRole('textbox', { name: 'Name' }).fill('plans')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'plans' }).waitFor()
  await b.sidebar.getByRole('link', { name: 'plans' }).click()
  await b.ready()

  await more('Rename')
  await dialog.getByRole('textbox', { name: 'Name' }).fill('talk')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').waitFor()
  await dialog.getByRole('textbox', { name: 'Name' }).fill('great plans')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await counted(dialog, 0)
  for (const desk of [a, b]) {
    await desk.sidebar.getByRole('link', { name: 'great plans' }).waitFor()
    await desk.page.getByRole('heading', { name: 'great plans' }).waitFor()
  }

  await a.say('keep *this*')
  await a.answered('keep this').waitFor()
  const exported = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), more(name)])
    return readFileSync(await download.path(), 'utf8')
  }
  assert.match(await exported('Export as Markdown'), /keep \*this\*/)
  const lines = (await exported('Export as JSON lines')).trim().split('\n').map((line) => JSON.parse(line))
  assert.ok(JSON.stringify(lines).includes('keep *this*'))

  await more('Clear history')
  await dialog.getByText('Clear the history of “great plans”?').waitFor()
  await dialog.getByRole('button', { name: 'Clear history' }).click()
  for (const desk of [a, b]) await desk.see('Nothing has been said here yet.')
  await b.say('a new life')
  await a.answered('a new life').waitFor()

  await more('Delete')
  await page.keyboard.press('Escape')
  await counted(dialog, 0)
  await more('Delete')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await b.see('This conversation does not exist any more.')
  await a.ready()
  for (const desk of [a, b]) await counted(desk.sidebar.getByRole('link', { name: 'great plans' }), 0)
  assert.ok(place)
})

test('the search finds what was said, with a piece of it, and names', async (t) => {
  const place = await room(scene, { name: 'searched' }, 'of boats')
  await fill(place, 20, (n) => (n === 7 ? 'the rhinoceros is in the kitchen' : `about ${n}`))
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const box = desk.sidebar.getByRole('searchbox')

  await box.fill('rhinoceros')
  const hit = desk.sidebar.getByRole('link', { name: /searched.*of boats/ })
  await hit.getByText('rhinoceros is in the kitchen').waitFor()
  await hit.click()
  await desk.ready()
  await box.fill('no such word anywhere')
  await desk.sidebar.getByText('Nothing found').waitFor()
  await box.fill('boats')
  await hit.waitFor()
})
