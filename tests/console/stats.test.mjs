// What an agent's programs use, in the browser.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { assertClean, open, scene } from './lib/tab.mjs'

let s
before(async () => (s = await scene()))

test('numbers come while somebody looks, and say when nothing runs', async () => {
  const page = await open(s, s.agentId, 'stats')
  await page.getByText('Nothing runs now.').waitFor()

  await page.getByRole('link', { name: 'Terminal' }).click()
  await page.getByRole('button', { name: 'New terminal' }).last().click()
  await page.locator('.xterm-rows').waitFor()
  await page.getByRole('link', { name: 'Stats' }).click()
  await page.getByText('of one processor').waitFor()
  const memory = page.getByRole('img', { name: /^Memory, .* now; between .* in the last 10 minutes$/ })
  await memory.waitFor()
  await page.locator('path.line').first().waitFor({ state: 'attached' })

  assert.ok((await memory.locator('path.line').first().getAttribute('d')).startsWith('M'))
  assertClean(page)
})

test('an agent without a place says so', async () => {
  const page = await open(s, s.server.agent('echo'), 'stats')
  await page.getByText('nothing to measure').waitFor()
  assertClean(page)
})
