// The console in a real browser, as the real binary serves it.

import assert from 'node:assert/strict'
import { after } from 'node:test'

import { chromium } from 'playwright-core'

import { Proxy } from '../../js/lib/proxy.mjs'
import { PATIENCE, up } from '../../js/lib/server.mjs'

let browser
const launch = () =>
  (browser ??= chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--headless', '--disable-gpu'],
  }))
after(async () => (await browser)?.close())

/** A server, a proxy before it that can be cut, and an agent with a place for terminals and files. */
export async function scene() {
  const server = await up({ agents: ['sh=bash'] })
  return { server, clientId: server.info.clientId, proxy: await Proxy.before(server.controller), agentId: server.agent('sh') }
}

/** A browser of its own, logged in, that looks at a tab of an agent. */
export async function open(scene, agentId, tab, options = {}) {
  const context = await (await launch()).newContext({ viewport: { width: 1100, height: 640 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.wrong = []
  page.on('pageerror', (error) => page.wrong.push(error.stack))
  page.on('console', (message) => message.text().includes('Content Security Policy') && page.wrong.push(message.text()))
  const address = (agentId, tab) => `${scene.proxy.url}/a/${scene.clientId}/${agentId}/${tab}`
  page.look = (agentId, tab) => page.goto(address(agentId, tab))
  await page.goto(`${address(agentId, tab)}#token=${scene.server.token}`)
  return page
}

/** Nothing was refused by the browser, and no script has failed. */
export function assertClean(...pages) {
  for (const page of pages) assert.deepEqual(page.wrong, [])
}
