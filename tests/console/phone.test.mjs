// A phone: 360 pixels wide, touched.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { Desk, holds } from './lib/page.mjs'
import { acp, room } from './lib/room.mjs'

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }

let scene
before(async () => (scene = await Scene.open()))

const phone = (t, more = {}) => Desk.open(t, scene.server, { ...PHONE, ...more })

/** Nothing has to be scrolled sideways, and what is touched is large enough. */
async function fits(page, what) {
  await holds(async () => {
    const { wide, small } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - innerWidth,
      small: [...document.querySelectorAll('main button, main a.button, main a.tab')]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().width > 0)
        .filter((element) => element.getBoundingClientRect().height < 24)
        .map((element) => element.outerHTML.slice(0, 120)),
    }))
    assert.ok(wide <= 0, `${what} is ${wide} pixels too wide`)
    assert.deepEqual(small, [], what)
  })
}

test('the menu leads to a conversation, and away it goes', async (t) => {
  const { agentId } = await room(scene, { name: 'pocket' })
  const desk = await phone(t)
  const { page } = desk
  await page.getByRole('button', { name: 'Show agents' }).tap()
  await desk.sidebar.getByRole('link', { name: /pocket$/ }).tap()
  await desk.ready()
  await holds(async () => assert.equal(await desk.sidebar.isVisible(), false))
  assert.ok(page.url().includes(agentId))

  await desk.composer.fill('from a phone')
  await page.getByRole('button', { name: 'Send', exact: true }).tap()
  await desk.answered('from a phone').waitFor()
  await fits(page, 'the conversation')
})

test('Enter is a new line there', async (t) => {
  const place = await room(scene)
  const desk = await phone(t)
  await desk.visit(...place.at)
  await desk.composer.fill('one')
  await desk.composer.press('Enter')
  await desk.composer.pressSequentially('two')
  assert.equal(await desk.composer.inputValue(), 'one\ntwo')
  await desk.page.getByRole('button', { name: 'Send', exact: true }).tap()
  await desk.answered('two').waitFor()
})

test('a question is answered with a finger', async (t) => {
  const place = await room(scene, acp())
  const desk = await phone(t)
  await desk.visit(...place.at)
  await place.v.chat(place.agentId, 'ask', { conversationId: place.conversationId })
  await desk.page.getByRole('button', { name: 'Allow', exact: true }).tap()
  await desk.answered('allowed: once').waitFor()
  await fits(desk.page, 'a question')
})

test('no view is wider than the phone', async (t) => {
  const place = await room(scene, { codec: { type: 'lines' }, host: { type: 'process', command: 'cat' } }, 'x'.repeat(200))
  const desk = await phone(t)
  await desk.visit(...place.at)
  await desk.composer.fill(`${'long'.repeat(300)} \`\`\`\n${'code '.repeat(100)}\n\`\`\``)
  await desk.page.getByRole('button', { name: 'Send', exact: true }).tap()
  await desk.log.locator('article.agent').waitFor()
  await fits(desk.page, 'long words')
  const { clientId } = scene.server.info
  const agent = `/a/${clientId}/${place.agentId}`
  const paths = ['/', '/server', '/settings', '/m/new', `/m/${clientId}`, `/m/${clientId}/new-agent`]
  for (const path of [...paths, ...['terminal', 'files', 'stats', 'settings'].map((tab) => `${agent}/${tab}`)]) {
    await desk.page.goto(scene.server.controller + path)
    await desk.page.locator('main').getByRole('heading').first().waitFor()
    await fits(desk.page, path)
  }
})
