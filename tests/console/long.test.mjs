// 100,000 entries: the end is there at once, and what is before it comes page by page without moving what one reads.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Scene } from '../js/lib/scene.mjs'
import { Desk, holds } from './lib/page.mjs'
import { fill, room } from './lib/room.mjs'

const ENTRIES = 100_000

let scene
before(async () => (scene = await Scene.open()))

test('a conversation of 100,000 entries', async (t) => {
  const place = await room(scene)
  await fill(place, ENTRIES)
  const desk = await Desk.open(t, scene.server)
  await desk.visit(...place.at)
  const { page } = desk
  await desk.see(`message ${ENTRIES}`, { exact: true })

  const viewport = desk.log
  const first = () => viewport.locator('article').first().evaluate((row) => Number(row.dataset.seq))
  const elements = () => page.evaluate(() => document.querySelectorAll('*').length)
  let oldest = ENTRIES
  for (let pages = 0; pages < 10; pages += 1) {
    await viewport.evaluate((element) => (element.scrollTop = 0))
    await holds(async () => assert.ok((await first()) < oldest - 100, 'nothing older has come'))
    // What one reads stays where it is: older rows are above it, out of sight.
    await holds(async () => assert.ok(await viewport.evaluate((element) => element.scrollTop > 600)))
    oldest = await first()
  }
  assert.ok(oldest < ENTRIES - 1_500, `${oldest}`)
  assert.ok((await elements()) < 3_000, `${await elements()} elements`)

  await page.getByRole('button', { name: /To the newest|new message/ }).click()
  await desk.see(`message ${ENTRIES}`, { exact: true })
  await desk.say('still quick')
  await desk.answered('still quick').waitFor()
})
