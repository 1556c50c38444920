// Without a mouse: from the login to an answered question, and where the focus is all the while.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { Desk, NOT_LET_IN, holds } from './lib/page.mjs'
import { acp, conversation, room } from './lib/room.mjs'

let scene
before(async () => (scene = await Scene.open()))

/** What has the focus, which can be seen. */
async function focused(page) {
  return page.evaluate(() => {
    const { activeElement: element } = document
    if (!element || element === document.body) return undefined
    const { outlineStyle, boxShadow } = getComputedStyle(element)
    const around = element.closest('.box, .search')
    const isSeen = outlineStyle !== 'none' || boxShadow !== 'none' || (around && getComputedStyle(around).borderColor !== '')
    return { name: element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '', tag: element.tagName, isSeen: Boolean(isSeen) }
  })
}

/** Presses Tab until something of that name has the focus. */
async function tabTo(page, name, most = 60) {
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    if (now) assert.ok(now.isSeen, `the focus on ${JSON.stringify(now)} cannot be seen`)
    if (now && name.test(now.name)) return
  }
  assert.fail(`${most} times Tab, and no ${name}`)
}

test('from the login to an answer', async (t) => {
  await room(scene, { name: 'keys' })
  const desk = await Desk.open(t, scene.server, { login: false, expected: NOT_LET_IN })
  const { page } = desk
  await page.goto(scene.server.controller)
  await page.getByLabel('Access token').waitFor()
  await tabTo(page, /^$/)
  await page.keyboard.type(scene.server.token)
  await page.keyboard.press('Enter')
  await desk.sidebar.getByRole('link', { name: /keys$/ }).waitFor()

  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.type('keys')
  await page.keyboard.press('Enter')
  await desk.ready()
  await holds(async () => assert.match((await focused(page))?.name ?? '', /^Message to keys/))
  await page.keyboard.type('typed')
  await page.keyboard.press('Enter')
  await desk.answered('typed').waitFor()
  assert.match((await focused(page)).name, /^Message to keys/)
})

test('to the next conversation and back', async (t) => {
  const place = await room(scene, { name: 'steps' }, 'first')
  const second = await conversation(place.v, place.agentId, 'second')
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  await desk.sidebar.getByRole('link', { name: 'second' }).waitFor()
  const at = ({ conversationId }) => holds(async () => assert.ok(desk.page.url().endsWith(conversationId), desk.page.url()))

  const links = await desk.sidebar.locator('a[aria-current], a[data-nav]').evaluateAll((all) => all.map((a) => a.pathname.split('/').at(-1)))
  const isBelow = links.indexOf(second.conversationId) > links.indexOf(place.conversationId)
  await desk.page.keyboard.press(isBelow ? 'Alt+ArrowDown' : 'Alt+ArrowUp')
  await at(second)
  await desk.page.keyboard.press(isBelow ? 'Alt+ArrowUp' : 'Alt+ArrowDown')
  await at(place)
})

test('a question is answered, a menu and a dialog are used and left', async (t) => {
  const place = await room(scene, acp({ name: 'asker' }), 'plans')
  const desk = await Desk.open(t, scene.server)
  const { page } = desk
  await desk.visit(...place.at)
  await desk.say('ask')
  await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
  await page.keyboard.press('Shift+Tab')
  for (let presses = 0; (await focused(page))?.name !== 'Allow'; presses += 1) {
    assert.ok(presses < 30, 'the question cannot be reached')
    await page.keyboard.press('Shift+Tab')
  }
  await page.keyboard.press('Enter')
  await desk.answered('allowed: once').waitFor()

  await page.getByRole('button', { name: 'More' }).focus()
  await page.keyboard.press('Enter')
  await holds(async () => assert.equal((await focused(page))?.name, 'Rename'))
  await page.keyboard.press('Escape')
  await holds(async () => assert.equal((await focused(page))?.name, 'More'))
  await page.keyboard.press('Enter')
  await page.keyboard.press('Enter')
  const name = page.getByRole('dialog').getByRole('textbox')
  await name.waitFor()
  await name.fill('other plans')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: /other plans/ }).waitFor()
  await holds(async () => assert.equal(await page.getByRole('dialog').count(), 0))
  assert.ok(await focused(page), 'the focus is lost')
})
