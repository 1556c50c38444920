// Rules of accessibility that a program can check: WCAG 2.1 A and AA, by axe, on every view, light and dark.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { Desk, NOT_LET_IN } from './lib/page.mjs'
import { acp, room } from './lib/room.mjs'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let scene
before(async () => (scene = await Scene.open()))

async function check(page, what) {
  // Evaluated by the debugger, which the page's policy does not concern.
  await page.evaluate(source)
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'] }),
  )
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`)
  assert.deepEqual(found, [], what)
}

for (const colorScheme of ['light', 'dark']) {
  test(`login, ${colorScheme}`, async (t) => {
    const desk = await Desk.open(t, scene.server, { login: false, colorScheme, expected: NOT_LET_IN })
    await desk.page.goto(scene.server.controller)
    await desk.page.getByLabel('Access token').waitFor()
    await check(desk.page, 'login')
  })

  test(`a conversation with all that may be in it, ${colorScheme}`, async (t) => {
    const place = await room(scene, acp({ name: `all ${colorScheme}` }))
    const desk = await Desk.open(t, scene.server, { colorScheme })
    const { page } = desk
    await desk.visit(...place.at)
    for (const message of ['think', 'tool', 'plan', 'error it broke', 'say **bold** `code`\n\n```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |']) {
      const { runId } = await place.v.chat(place.agentId, message, { conversationId: place.conversationId })
      await place.v.join(place.agentId, { conversationId: place.conversationId }).catch(() => undefined)
      await place.v.ended(runId)
    }
    for (const fold of await desk.log.locator('summary').all()) await fold.click().catch(() => undefined)
    await desk.say('ask')
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
    await desk.say('this one waits')
    await page.getByText('1 message waits').waitFor()
    await check(page, 'a conversation')

    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').waitFor()
    await check(page, 'the palette')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Rename' }).waitFor()
    await check(page, 'the menu')
    await page.getByRole('menuitem', { name: 'Rename' }).click()
    await page.getByRole('dialog').waitFor()
    await check(page, 'a dialog')
    await page.keyboard.press('Escape')
    await desk.sidebar.getByRole('searchbox').fill('waits')
    await desk.see('this one waits')
    await check(page, 'the search')
  })

  test(`every other view, ${colorScheme}`, async (t) => {
    const place = await room(scene, { name: `views ${colorScheme}`, codec: { type: 'lines' }, host: { type: 'process', command: 'cat' } })
    const desk = await Desk.open(t, scene.server, { colorScheme })
    const { clientId } = scene.server.info
    const paths = ['/', '/server', '/settings', '/m/new', `/m/${clientId}`, `/m/${clientId}/new-agent`]
    for (const path of [...paths, ...['terminal', 'files', 'stats', 'settings'].map((tab) => `/a/${clientId}/${place.agentId}/${tab}`)]) {
      await desk.page.goto(scene.server.controller + path)
      await desk.page.locator('main').getByRole('heading').first().waitFor()
      await check(desk.page, path)
    }
    await desk.page.goto(`${scene.server.controller}/a/${clientId}/${place.agentId}/terminal`)
    await desk.page.getByRole('button', { name: 'New terminal' }).last().click()
    await desk.page.locator('.xterm-rows').waitFor()
    await check(desk.page, 'an open terminal')
  })
}
